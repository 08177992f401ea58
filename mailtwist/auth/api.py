"""The words of the decision: who asks, what a directory and a factor are, what comes back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, Protocol, runtime_checkable

from mailtwist.kit.trouble import Trouble

DoorName = Literal["imap", "pop3", "smtp", "sieve", "http", "other"]


class Source(Enum):
    """What is known of where an attempt comes from: with a string that is remembered there, from a network in
    which this account has been lately, or from anywhere."""

    TRUSTED = "trusted"
    KNOWN = "known"
    UNTRUSTED = "untrusted"


@dataclass(frozen=True, slots=True)
class Peer:
    """A connection beside its address, as the client's side knows it: the client's port, where it connected
    to ('' and 0: not known), the name that it asked for with TLS (SNI); `hops` is through how many gateways
    of ours it has come."""

    port: int = 0
    server_address: str = ""
    server_port: int = 0
    server_name: str = ""
    hops: int = 0


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """One attempt.  `user` and `secret` are the octets the client sent; `address` is the client's, as
    text; `trusted`: the network is listed as trusted, which lifts TLS and address limits, never the
    factor. `connection` is the id of the connection in the log, `service` the name of the section it
    came to; `behind` is what has to be opened there, where the directory opens nothing.  `bearer`: the
    secret is an access token (rfc6750), no password.  `patience`: how many seconds the door can wait for
    somebody's approval."""

    protocol: DoorName
    user: bytes
    secret: bytes = field(repr=False)
    address: str = ""
    tls: bool = False
    trusted: bool = False
    authzid: bytes = b""
    client: str = ""
    connection: str = ""
    service: str = ""
    peer: Peer = Peer()
    behind: "Behind | None" = field(default=None, repr=False, compare=False)
    bearer: bool = False
    patience: float = 30.0


@dataclass(frozen=True, slots=True)
class Accepted:
    """The way in.  `account` is the immutable account id; `name` the canonical login name; `password` what is
    left of the secret without the second factor; `device` the remembered device's id or ''.
    `opened` is what the decision opened on the way (in the gateway: the session at the backend); `mark` says
    which ends of sessions it has seen (`sessions`).  `vault`: the password was sealed under an app password,
    and where the directory opens nothing, nobody has looked at it.  `until`: the session ends then (seconds
    since 1970), with the token that opened it; 0 for never."""

    account: str
    name: str
    password: bytes = field(repr=False)
    device: str = ""
    opened: Any = None
    mark: int = -1
    vault: bool = False
    until: float = 0.0


class LoginRefused(Trouble):
    """Wrong anything: one face for all reasons.  The reason is for the audit log."""

    def __init__(self, reason: str) -> None:
        super().__init__("5.7.8", "Authentication failed", reason)
        self.reason = reason


class LoginUnavailable(Trouble):
    """Something we need is away: never looks like a wrong password."""

    def __init__(self, reason: str) -> None:
        super().__init__("4.7.0", "Temporary authentication failure", reason)
        self.reason = reason


class AccountUnavailable(LoginUnavailable):
    """A directory has trouble with one account alone (a stored hash that nothing can check): nobody can log
    in to it, and to all others as before."""


class TooManyAttempts(LoginUnavailable):
    """A limit is reached: in `retry` seconds there is room again.  `bucket` says which one, for the log;
    `began`: this attempt is the first to hear of it, so its owner may be told."""

    def __init__(self, reason: str, retry: float = 0.0, bucket: str = "", began: bool = False) -> None:
        super().__init__(reason)
        self.retry = retry
        self.bucket = bucket
        self.began = began


class EncryptionRequired(Trouble):
    def __init__(self) -> None:
        super().__init__("5.7.11", "Encryption required for authentication")


@dataclass(frozen=True, slots=True)
class Person:
    """An account as a directory knows it.  `addresses` are full addresses in canonical form, the first is
    the one mail is sent from by default.  `groups` are the names that rules may ask for."""

    account: str
    name: str
    addresses: tuple[str, ...] = ()
    enabled: bool = True
    groups: tuple[str, ...] = ()


class Directory(Protocol):
    """Who has an account here.  Every directory passes `testing.directory.DirectoryContract`.
    A directory that is away raises `LoginUnavailable`, never answers None."""

    async def find(self, name: str) -> Person | None:
        """By canonical login name, address or alias."""

    async def accepts(self, person: Person, password: bytes) -> bool:
        """The bare password is right.  Never called with an empty one.  For a person that is not here: the
        same work, False."""

    async def recipient(self, address: str) -> Person | None:
        """Who gets mail for an address (canonical form)."""


@runtime_checkable
class SupportsOpening(Protocol):
    """A directory whose verdict opens something that the realm goes on with: a session at an upstream, the
    avatar id of a foreign checker.  The decision calls `open` instead of `accepts`."""

    async def open(self, person: Person, password: bytes, request: LoginRequest) -> Any | None:
        """What the login opened, for this connection alone; None when the password is wrong.  What has an end
        (`SupportsClosing`) gets it from the decision, should the login come to nothing after all."""


class Behind(Protocol):
    """What a login has to open behind a directory that opens nothing: in the gateway, the session at the
    server behind us.  What it says counts like what a directory says."""

    async def open(self, accepted: Accepted, request: LoginRequest) -> Any:
        """What was opened, for this connection alone (see `SupportsOpening`); `accepted` is the way in,
        should it be one.  `LoginRefused` with "wrong-password" when the password is wrong there, with
        "no-vault" when there is none to be tried.  `LoginUnavailable`, which counts against the directory and
        everybody in it (see `SupportsPlaces`); `AccountUnavailable` where others need not have the same
        trouble."""


@runtime_checkable
class SupportsPlaces(Protocol):
    """A directory whose logins go to several servers, or what is `Behind` one: trouble with one of them says
    nothing about the others."""

    async def place(self, person: Person, request: LoginRequest) -> str:
        """Where this login would go, in words for the log; asked before a code is looked at.
        `LoginUnavailable` when it is known to come to nothing there, whatever the secret."""


@runtime_checkable
class SupportsClosing(Protocol):
    """Something opened by a login that has an end."""

    async def close(self) -> None:
        """Nothing is left of it.  Said once."""


@runtime_checkable
class SupportsDomains(Protocol):
    """A directory that knows for which domains it answers."""

    async def domains(self) -> Collection[str]:
        """Lower case, A-labels."""


@runtime_checkable
class SupportsListing(Protocol):
    """A directory that can tell all the people it knows."""

    async def people(self) -> Sequence[Person]:
        """All, by name."""


@runtime_checkable
class SupportsPeople(SupportsListing, Protocol):
    """A directory whose people are ours to change: `mailtwist user`.  Names and addresses are canonical;
    `Trouble` 5.x says in `public` why something cannot be."""

    async def add(
        self, name: str, password: bytes, addresses: Sequence[str] = (), aliases: Sequence[str] = ()
    ) -> Person:
        """A new account.  A name that is an address is its first address; aliases only log in."""

    async def set_password(self, person: Person, password: bytes) -> None: ...

    async def set_enabled(self, person: Person, enabled: bool) -> None: ...

    async def remove(self, person: Person) -> None:
        """The account id is never given out again."""


@runtime_checkable
class SupportsGroups(Protocol):
    """A directory whose groups are ours to change: `mailtwist user group`.  A group is there while somebody
    is in it."""

    async def join(self, person: Person, group: str) -> Person:
        """He is in it, if he was not before.  5.1.1 when there is no such account."""

    async def leave(self, person: Person, group: str) -> Person:
        """He is not.  5.1.1 when he was not before."""


@dataclass(frozen=True, slots=True)
class Alias:
    """An address that stands for others.  `address` is canonical, or `@domain`: whatever nobody else has in
    that domain.  `targets` are addresses and login names, canonical, in order."""

    address: str
    targets: tuple[str, ...]


@runtime_checkable
class SupportsAliases(Protocol):
    """A directory some of whose addresses stand for others."""

    async def alias(self, address: str) -> Sequence[str]:
        """The targets of an `Alias.address`; none when it is no alias."""


@runtime_checkable
class SupportsAliasChanges(SupportsAliases, Protocol):
    """A directory whose aliases are ours to change: `mailtwist alias`.  What is given is canonical; whether a
    target leads to anybody is the caller's to find out."""

    async def aliases(self) -> Sequence[Alias]:
        """All, by address."""

    async def add_alias(self, address: str, targets: Sequence[str]) -> Alias:
        """The alias as it is now, with these behind the targets that it had."""

    async def remove_alias(self, address: str, targets: Sequence[str] = ()) -> Alias | None:
        """What is left of it without these targets; None when that is nothing, or none were given.  5.1.1
        when there is no such alias, or it has not all of them."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """What an access token proves: who it is; that he has shown a second `factor` to its issuer, and that
    the issuer's word is taken for it; until when it is valid (seconds since 1970), which may be over:
    everything else about it is right then.  `ends`: the session ends with it."""

    person: Person
    factor: bool
    expires: float
    ends: bool = False


@runtime_checkable
class SupportsBearer(Protocol):
    """A directory that judges access tokens."""

    async def bearer(self, name: str, token: bytes) -> Bearer | None:
        """`name` is the canonical login name that came with it, '' for none; whether that is the same
        account, the decision sees.  None when the token is not valid, or another issuer's.
        `LoginUnavailable` when its issuer is away and nothing can be said."""
