"""What must last and what is shared, as records: tokens, devices, used codes; limits and bans."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

Context = Literal["open", "standard", "strict"]
"""Where a device's string is honoured: anywhere, where it was learned, or nowhere else for good."""

CODE_STRING, DEVICE_CODE, APP_PASSWORD = "code-string", "device-code", "app-password"
BOTH_STRING, APPROVAL = "both-string", "approval"
"""Kinds of devices: `password@code` with a code of few digits, with one of many letters, and a password that
was made for one program; `password@code` that a service took in one, and is asked about again; a password for
which its owner has said yes on his phone."""

GUESSABLE = frozenset({CODE_STRING, BOTH_STRING, APPROVAL})
"""Whoever knows one half of such a string, or is lucky, can meet it."""

STALE_AFTER = 600.0
"""A device whose password was refused twice, so many seconds apart, is not asked about again."""


class Use(Enum):
    """What became of a code: used now, used by the same client a moment ago, or long gone."""

    NEW = "new"
    JOINED = "joined"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Token:
    """Something an account makes codes with.  `sealed` is its seed, encrypted (`state.keys`); `drift` is how
    many seconds its clock is ahead, as its codes have shown; it counts only once it is `active`."""

    id: str
    account: str
    kind: str
    sealed: bytes = field(repr=False)
    key_version: int
    created: float
    label: str = ""
    digits: int = 6
    period: int = 30
    algorithm: str = "SHA1"
    drift: int = 0
    active: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    """A network in which a device's string is honoured: `192.0.2.0/24`, with the first and last login."""

    net: str
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Device:
    """A string that passed the second factor once and is honoured again in its context.  `lookup` is a keyed
    hash of it, `inner` one of the bare password in it; times are seconds since 1970; no `protocols` means
    all.  `networks` were learned, `allowed` are fixed (then no other counts).  `vault` is the bare password,
    sealed by a key that only an app password has, where a directory wants one.

    `refused_at`: the directory refused its password then, and has not taken it since; `stale_at`: it did so
    again, much later.  A revoked device stays for a while, so that who still polls with its string is known;
    `why` says who ended it.  `cut`: so many octets at the front and the back of the string are not the
    password; None: the last "@" and what follows it are not."""

    id: str
    account: str
    kind: str
    lookup: bytes = field(repr=False)
    key_version: int
    created: float
    last_used: float
    expires_at: float
    idle: float
    last_address: str = ""
    networks: tuple[Network, ...] = ()
    protocols: tuple[str, ...] = ()
    client: str = ""
    label: str = ""
    uses: int = 1
    revoked_at: float | None = None
    context: Context = "standard"
    allowed: tuple[str, ...] = ()
    vault: bytes = field(default=b"", repr=False)
    inner: bytes = field(default=b"", repr=False)
    refused_at: float | None = None
    stale_at: float | None = None
    why: str = ""
    cut: tuple[int, int] | None = None

    @property
    def ends_at(self) -> float:
        """It expires then, by its age or because nobody used it."""
        return min(self.expires_at, self.last_used + self.idle)

    def alive(self, now: float) -> bool:
        """Neither revoked, nor expired, nor idle for too long.  A stale one is alive: it can be revived."""
        return self.revoked_at is None and now < self.ends_at

    def state(self, now: float) -> Literal["active", "stale", "revoked", "expired"]:
        """For people."""
        if self.revoked_at is not None:
            return "revoked"
        if now >= self.ends_at:
            return "expired"
        return "active" if self.stale_at is None else "stale"

    @property
    def needs_password(self) -> bool:
        """There is a password in its string, or sealed by it, that a directory has to be asked about."""
        return self.kind != APP_PASSWORD or bool(self.vault)

    def knows(self, net: str) -> bool:
        return any(network.net == net for network in self.networks)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What became of a string: its `device`, whether it is `new`, which of its `networks` are new to the
    account, and which devices had to go for it."""

    device: Device
    new: bool
    networks: tuple[str, ...] = ()
    evicted: tuple[Device, ...] = ()


@dataclass(frozen=True, slots=True)
class Touch:
    """A device was used `uses` times until `at`, its password was right.  `client` is what its program calls
    itself; '' changes nothing.  `learn`: `net` becomes one of its networks."""

    account: str
    device: str
    at: float
    address: str = ""
    net: str = ""
    uses: int = 1
    client: str = ""
    learn: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """The owner of an account lets us into his mailbox at a provider (rfc6749#1.3).  `source` is the section
    `[oauth:...]` that knows the provider; `sealed` is the refresh token, encrypted (`state.keys`); `name` is
    for people.  `id` is another one each time the account is connected.  `renewed`: when the provider gave
    this refresh token; `refused_at`: it took it no more then, and has not since."""

    id: str
    account: str
    source: str
    name: str
    sealed: bytes = field(repr=False)
    key_version: int
    created: float
    renewed: float
    refused_at: float | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """The sessions of a device that began before `at` end, or of the whole account when `device` is ''.
    `number` grows with each."""

    number: int
    account: str
    device: str
    why: str
    at: float


@dataclass(frozen=True, slots=True)
class LoginRecord:
    """How an attempt to log in ended, or `count` that were alike, from `at` to `last` (0: `at`); `login` is
    the id of the first one in the log.  `how` it got in, `reason` why it did not; `facts` is a small JSON
    object with what else is known.  Nothing in it is secret."""

    login: str
    at: float
    account: str
    name: str
    protocol: str
    address: str
    net: str
    tls: bool
    client: str
    device: str
    how: str
    outcome: Literal["accepted", "refused", "unavailable", "gone"]
    reason: str
    seconds: float
    count: int = 1
    would_fail: str = ""
    last: float = 0.0
    facts: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that an account's owner is to be told by mail, no sooner than `due_at`; it was tried
    `attempts` times.  `facts` can be written as JSON."""

    id: str
    account: str
    kind: str
    facts: Mapping[str, object]
    created: float
    due_at: float
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Bucket:
    """A limit: no more than `limit` are charged to `key` in `window` seconds, and an attempt costs `cost`.
    A key goes with one window.  A `cost` below 0 gives back what was kept before."""

    key: str
    limit: int
    window: float
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Charge:
    """An attempt that was let through: what it cost each key, in the window of that number."""

    id: str
    entries: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Denied:
    """No room under `key`; there is some in `retry` seconds if nothing happens until then.  `waiting`: only
    attempts that are on the way stand there; when they succeed there is room, so wait in line."""

    key: str
    retry: float
    waiting: bool


@dataclass(frozen=True, slots=True)
class Ban:
    """Who is kept out, such as `address 192.0.2.7/32` or `account 81c0`, until when (seconds since 1970) and
    why; `by` is the admin who did it."""

    subject: str
    reason: str
    until: float
    by: str = ""


@dataclass(frozen=True, slots=True)
class Drain:
    """An admin (`by`) has said that `host`, a server behind us in lower case, gets nobody new."""

    host: str
    since: float
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Backend:
    """One port of a server behind us, as a running `process` found it last, at `seen`.  `kind` is what is
    spoken there; `reason` says why it is not `up`; it has been as it is since `since`.  `connections` are
    those of that process, to all ports of the host."""

    upstream: str
    host: str
    kind: str
    up: bool
    reason: str
    since: float
    seen: float
    connections: int
    process: str = ""
