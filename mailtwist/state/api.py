"""What must last and what is shared: tokens, devices, used codes; limits, bans, logins under way."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from mailtwist.kit.trouble import Trouble
from mailtwist.state.records import (
    Backend,
    Ban,
    Bucket,
    Charge,
    Denied,
    Device,
    Drain,
    Ending,
    Grant,
    LoginRecord,
    Notice,
    Remembered,
    Token,
    Touch,
    Use,
)


class StateAway(Trouble):
    """The state cannot be read or written: temporary, never a wrong password."""

    def __init__(self, detail: str) -> None:
        super().__init__("4.3.0", "Temporary failure, try again later", detail)


class StateUnusable(Trouble):
    """The state is not one this program can go on with: one sentence for the operator in `detail`."""

    def __init__(self, detail: str) -> None:
        super().__init__("5.3.5", "System incorrectly configured", detail)


class SessionsEnded(Trouble):
    """All sessions of an account have ended since: what let this login in may be gone, so it begins again."""

    def __init__(self, why: str) -> None:
        super().__init__("4.3.0", "Temporary failure, try again later", why)


@runtime_checkable
class Durable(Protocol):
    """Facts that outlive the process; on the disk before a call returns.  `StateAway` when that is not
    possible.  Every durable state passes `testing.durable.DurableContract`."""

    # -- tokens
    async def tokens(self, account: str, kind: str) -> Sequence[Token]:
        """The oldest first."""

    async def all_tokens(self, account: str) -> Sequence[Token]:
        """Of all kinds, the oldest first."""

    async def sealed_before(self, version: int, most: int) -> Sequence[Token]:
        """Of all accounts, at most so many, whose seeds are sealed with an older key than this."""

    async def add_token(self, token: Token) -> None: ...

    async def activate_token(self, account: str, token: str, drift: int) -> bool:
        """From now on it counts, and the account is `enrolled`; False when there is no such token."""

    async def set_drift(self, account: str, token: str, drift: int) -> bool: ...

    async def relabel_token(self, account: str, token: str, label: str) -> bool: ...

    async def reseal(self, token: Token, key_version: int, sealed: bytes) -> bool:
        """The same seed, sealed with another key.  False when it is not any more as `token` has it."""

    async def replace_tokens(self, account: str, kind: str, tokens: Sequence[Token]) -> None:
        """These are all of that kind from now on, at once: of two who do so, one has his."""

    async def remove_token(self, account: str, token: str) -> bool:
        """False when there is none: of several who remove it at once, one is told True."""

    async def last_step(self, account: str, token: str) -> int:
        """The last step of this token that was used, -1 when none was."""

    async def advance(self, account: str, token: str, step: int, by: bytes) -> Use:
        """An atomic compare and set: NEW when `step` is beyond every step used so far, and from now on it is
        used; JOINED when it is the last one and `by` used it; else REPLAY."""

    async def enrolled(self, account: str) -> bool:
        """It had a second factor once, and has not been let off since: who removes his last token does not
        get in by the password alone."""

    async def set_enrolled(self, account: str, enrolled: bool) -> None: ...

    async def keys_used(self) -> Mapping[tuple[str, int], int]:
        """How many tokens and grants ("seeds") and living devices ("devices") need each version of these
        keys."""

    # -- grants
    async def grant(self, account: str, source: str) -> Grant | None: ...

    async def grants(self) -> Sequence[Grant]:
        """Of all accounts, by name and source."""

    async def grants_sealed_before(self, version: int, most: int) -> Sequence[Grant]:
        """At most so many that are sealed with an older key than this."""

    async def set_grant(self, grant: Grant) -> None:
        """It is the account's at that source from now on, and no older one is."""

    async def change_grant(self, known: Grant, changed: Grant) -> bool:
        """An atomic compare and set: `changed` takes the place of `known`.  False, and nothing happens, when
        it is not any more as `known` has it."""

    async def remove_grant(self, account: str, source: str) -> bool: ...

    # -- devices
    async def device(self, account: str, lookups: Sequence[bytes]) -> Device | None:
        """The one with one of these lookups, in whatever state."""

    async def devices(self, account: str) -> Sequence[Device]:
        """All, in whatever state, the most recently used first."""

    async def remember(self, device: Device, limit: int, mark: int = -1) -> Remembered:
        """The device is kept, and its networks are added to those of the account's living devices and theirs
        to its own: not to strict ones, not from open ones, and fixed networks are nobody's but its own.  An
        earlier record of the same string is what is kept if it lives; if it was revoked, it stays so.  One
        of the kind `APPROVAL` shares no networks; kept, it learns those of `device`, and it is kept only
        while it lives as long as `device` would have if it had begun then.  Living
        devices beyond `limit` (app passwords are not counted) are revoked, stale ones first, then the least
        recently used, and their sessions end; what ended more than 30 days ago is deleted.  `SessionsEnded`,
        and nothing is kept, when those of the whole account have ended with a number beyond `mark`; never
        for -1."""

    async def touch(self, touches: Sequence[Touch]) -> None:
        """They were used.  What stood against them until then does not any more, nor against others with the
        same bare password."""

    async def rehash(self, account: str, device: str, lookup: bytes, key_version: int, inner: bytes) -> bool:
        """The same string, looked up by a newer key."""

    async def reseal_vault(self, account: str, device: str, vault: bytes) -> bool:
        """The new bare password of an app password."""

    async def relabel(self, account: str, device: str, label: str) -> bool: ...

    async def note_refusal(self, account: str, device: str, now: float) -> Device | None:
        """The directory refused its password: the first time that is noted, and `STALE_AFTER` later it is
        stale.  The device as it is then."""

    async def note_success(self, account: str, device: str) -> None:
        """Its password is right: nothing stands against it any more."""

    async def revive(self, account: str, inner: Sequence[bytes]) -> Sequence[Device]:
        """The bare password with one of these keyed hashes is right: nothing stands against devices that have
        it any more.  Those against which something stood."""

    async def revoke(self, account: str, device: str, now: float, why: str = "") -> bool:
        """Its sessions end.  False when there is no such device, or it was revoked before."""

    # -- the end of sessions
    async def end_sessions(self, account: str, device: str, why: str, now: float) -> None:
        """Sessions of this device end in every process, or of all the account when `device` is ''."""

    async def endings(self, after: int) -> Sequence[Ending]:
        """Those with a number beyond `after`, in order; a day old ones may be gone.  After -1: the last one
        alone, to begin with."""

    def version(self) -> int | None:
        """Another number than before when anything here has changed, by whatever process; None when that
        cannot be said.  It waits for nothing."""

    async def forget_account(self, account: str) -> None:
        """Nothing about it is left, and its sessions end."""

    # -- what happened, and who is told
    async def add_history(self, records: Sequence[LoginRecord]) -> None:
        """Kept for 30 days after their `last`; a record of the same login takes the place of the older."""

    async def history(self, account: str, since: float) -> Sequence[LoginRecord]:
        """The newest first."""

    async def without_code(self, since: float) -> Sequence[LoginRecord]:
        """Those of all accounts that got in by the password alone, the newest first."""

    async def login(self, id: str) -> LoginRecord | None: ...

    async def was_here(self, account: str, net: str, since: float) -> bool:
        """It got in from this network."""

    async def tell_once(self, what: str, now: float, every: float) -> bool:
        """Nobody was told so in the last `every` seconds; whoever asks is the one who tells."""

    async def add_notice(self, notice: Notice) -> bool:
        """It waits to be sent, once, however often it is put in; False when so many wait that it cannot."""

    async def notices(self, now: float, until: float, most: int) -> Sequence[Notice]:
        """Those that are due, the longest due first.  Each counts as tried, and is due again at `until`: no
        other process sends it meanwhile."""

    async def notice_sent(self, id: str) -> None:
        """It is gone."""

    async def notice_failed(self, id: str, again_at: float) -> None:
        """It is due again at `again_at`."""

    # -- bans by an admin
    async def ban(self, ban: Ban) -> bool:
        """It holds from now on.  False, and nothing happens, when its subject is banned, or it is over
        already."""

    async def lift(self, subject: str) -> bool:
        """False when there was none."""

    async def bans(self) -> Sequence[Ban]:
        """Those that hold, the first to end first."""

    # -- servers behind us
    async def drain(self, drain: Drain) -> bool:
        """The host gets nobody new from now on.  False, and nothing happens, when that is so already."""

    async def undrain(self, host: str) -> bool:
        """False when it was not drained."""

    async def drains(self) -> Sequence[Drain]:
        """By host."""

    async def note_backends(self, upstream: str, process: str, backends: Sequence[Backend]) -> None:
        """This is how this process finds all those of this `[upstream:...]`.  What others noted there lasts
        for an hour."""

    async def backends(self) -> Sequence[Backend]:
        """As they were noted last, by upstream, host, kind and process."""

    # -- pins
    async def pins(self) -> Mapping[str, bytes]:
        """Values pinned to this state, by name."""

    async def pin(self, name: str, value: bytes) -> None:
        """Pinned for good: nothing happens when the name has a value."""


@runtime_checkable
class Volatile(Protocol):
    """What connections share and a restart may lose.  `StateAway` when it cannot be reached, and then nothing
    was done, or it is not known whether.  However much is put in, it stays bounded: what goes first is what
    was counted least, and the oldest of that.  Every volatile state passes the contracts
    of `testing.volatile`, `testing.limits` and `testing.interleaving`, and where processes share it that of
    `testing.sharing`."""

    async def charge(self, buckets: Sequence[Bucket], lease: float) -> Charge | Denied:
        """Each bucket is charged, or none is: one atomic step.  A bucket has room while what was charged to
        it in this window, and in the one before as much as a window that ends now still covers, stays within
        the limit.  The charge is on the way until `refund`, `keep`, or the end of `lease` seconds, and then
        it stays: it failed.  Denied by several, the answer is the one that is not `waiting`, with the longest
        `retry`.  The keys of one call differ."""

    async def refund(self, charge: Charge) -> None:
        """It succeeded: its own cost is taken back from the windows that were charged.  Nothing happens when
        it is not on the way any more: refunded or kept before, its lease over, its keys cleared."""

    async def keep(self, charge: Charge) -> None:
        """It failed: it stays, and nobody waits for it.  Nothing happens when it is not on the way."""

    async def spent(self, key: str, window: float) -> float:
        """How much of a limit over `window` seconds is spent, attempts on the way included."""

    async def clear(self, keys: Sequence[str]) -> None:
        """Nothing is charged to these keys, and no refund of what was takes anything back."""

    async def add_distinct(self, key: str, member: bytes, window: float) -> int:
        """How many different members `key` has: those added within `window` seconds, this one included.
        Exact up to 1,000."""

    async def count_distinct(self, key: str, window: float) -> int: ...

    async def use_once(self, code: str, step: int, floor: int, by: bytes, address: str, join: float) -> Use:
        """`code` names a token.  NEW when `step` is beyond `floor` and all steps seen here; JOINED when it is
        the last one seen, from the same `by` and `address` within `join` seconds; else REPLAY.  Without an
        `address` nobody joins."""

    async def refuse(self, secret: bytes, seconds: float) -> None:
        """This secret (a keyed hash) was wrong; known for so long from the first time on."""

    async def refused(self, secret: bytes) -> float | None:
        """How many seconds ago it was refused first, None when it is not known as wrong."""

    async def forgive(self, secret: bytes) -> None:
        """It is not known as wrong any more."""

    async def lead(self, work: bytes, lease: float) -> str | None:
        """The right to do `work` alone, until `settle` or for `lease` seconds; None when another has it."""

    async def renew(self, work: bytes, leader: str, lease: float) -> bool:
        """The right lasts for `lease` seconds from now; False when the leader has it no more."""

    async def settle(self, work: bytes, leader: str, word: bytes | None) -> None:
        """The leader's word for those who follow; None: one of them shall lead.  A leader whose lease is over
        has nothing to say."""

    async def follow(self, work: bytes) -> bytes | None:
        """The leader's word, once it is said (or was, a moment ago); None when there is none and somebody
        else should lead."""

    async def ban(self, ban: Ban) -> bool:
        """The subject is banned until then; False, and nothing changes, when it is already, or `until` is
        over."""

    async def banned(self, subjects: Sequence[str]) -> Ban | None:
        """The ban of one of these subjects, the one that ends last."""

    async def lift(self, subject: str) -> bool:
        """It is not banned; False when it was not."""

    async def bans(self) -> Sequence[Ban]:
        """All, the one that ends first at the head."""

    async def announce(self, word: bytes) -> None:
        """Whoever listens hears it within a second, in every process that shares this state and in this one.
        A process that was away for some time may miss it: what must not be missed is in the durable state."""

    def listen(self, heard: Callable[[bytes], object]) -> None:
        """`heard` is called, in the reactor's thread, with every word announced from now on."""
