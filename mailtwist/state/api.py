"""What must last and what is shared: tokens, devices, used codes; limits, bans, logins under way."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from mailtwist.kit.trouble import Trouble
from mailtwist.state.records import Ban, Bucket, Charge, Denied, Device, Token, Use


class StateAway(Trouble):
    """The state cannot be read or written: temporary, never a wrong password."""

    def __init__(self, detail: str) -> None:
        super().__init__("4.3.0", "Temporary failure, try again later", detail)


class StateUnusable(Trouble):
    """The state is not one this program can go on with: one sentence for the operator in `detail`."""

    def __init__(self, detail: str) -> None:
        super().__init__("5.3.5", "System incorrectly configured", detail)


@runtime_checkable
class Durable(Protocol):
    """Facts that outlive the process; on the disk before a call returns.  `StateAway` when that is not
    possible.  Every durable state passes `testing.state.DurableContract`."""

    async def tokens(self, account: str, kind: str) -> Sequence[Token]:
        """The oldest first."""

    async def add_token(self, token: Token) -> None: ...

    async def activate_token(self, account: str, token: str, drift: int) -> bool:
        """From now on it counts; False when there is no such token."""

    async def remove_token(self, account: str, token: str) -> bool: ...

    async def last_step(self, account: str, token: str) -> int:
        """The last step of this token that was used, -1 when none was."""

    async def advance(self, account: str, token: str, step: int, by: bytes) -> Use:
        """An atomic compare and set: NEW when `step` is beyond every step used so far, and from now on it is
        used; JOINED when it is the last one and `by` used it; else REPLAY."""

    async def device(self, account: str, lookups: Sequence[bytes]) -> Device | None:
        """The one with one of these lookups, in whatever state."""

    async def devices(self, account: str) -> Sequence[Device]:
        """All, in whatever state, the most recently used first."""

    async def remember(self, device: Device, limit: int) -> Device:
        """The device is kept, and its networks are added to those of the account's living devices and theirs
        to its own.  What is kept is returned: an earlier record of the same string, if it lives; if it was
        revoked, it stays so.  Living devices beyond `limit` are revoked, the least recently used first; what
        ended more than 30 days ago is deleted."""

    async def touch(self, account: str, device: str, now: float, address: str, net: str) -> None:
        """It was used from there."""

    async def revoke(self, account: str, device: str, now: float) -> bool:
        """False when there is no such device, or it was revoked before."""

    async def forget_account(self, account: str) -> None:
        """Nothing about it is left."""

    async def pins(self) -> Mapping[str, bytes]:
        """Values pinned to this state, by name."""

    async def pin(self, name: str, value: bytes) -> None:
        """Pinned for good: nothing happens when the name has a value."""


@runtime_checkable
class Volatile(Protocol):
    """What connections share and a restart may lose.  `StateAway` when it cannot be reached, and then nothing
    was done, or it is not known whether.  However much is put in, it stays bounded: what goes first is what
    was counted least, and the oldest of that.  Every volatile state passes
    `testing.volatile.VolatileContract` and `testing.volatile_properties.VolatileProperties`."""

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
