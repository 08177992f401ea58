"""The words of the gateway: a server behind us, an errand to it, the session that comes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from zope.interface import Interface

from mailtwist.auth.api import LoginUnavailable, Peer
from mailtwist.protocols.client import Call

Kind = Literal["imap", "pop3", "submission", "smtp", "lmtp", "sieve"]
"""What is spoken behind us; `smtp` is port 25, where nobody logs in."""


@dataclass(frozen=True, slots=True)
class Guest:
    """For whom we go: what a server behind us may be told of the client.  `address` is the client's, `tls`
    whether it speaks TLS with us, `client` what it calls itself (EHLO), `connection` the id of its connection
    in our log, `hops` how many gateways it has come through before us."""

    address: str = ""
    peer: Peer = Peer()
    tls: bool = False
    client: str = ""
    connection: str = ""
    hops: int = 0


@dataclass(frozen=True, slots=True)
class Errand:
    """A login to be made.  `name` is the canonical login name, `typed` what the client wrote, `password` the
    bare password (b"" where the way to log in needs none); `vault`: it was sealed under an app password.
    `token` is the access token that the client has logged in with, b"" where it had none."""

    kind: Kind
    account: str
    name: str
    typed: bytes = b""
    password: bytes = field(default=b"", repr=False)
    guest: Guest = Guest()
    vault: bool = False
    token: bytes = field(default=b"", repr=False)


class Session(Protocol):
    """A live connection to a server behind us, whose client is logged in there."""

    @property
    def kind(self) -> Kind: ...

    @property
    def call(self) -> Call: ...

    @property
    def where(self) -> str:
        """For the log: `exchange1.inside:993`."""

    @property
    def offers(self) -> Sequence[str]:
        """What the server offers now, after login, in its own words: the words of CAPABILITY, the lines of
        EHLO or CAPA."""

    @property
    def introduced(self) -> bool:
        """The server was told who the client is (XCLIENT, PROXY, IMAP ID)."""

    async def close(self) -> None:
        """It is over (`auth.api.SupportsClosing`)."""


class Upstream(Protocol):
    """A server behind us, or several that are alike: one section `[upstream:...]`."""

    @property
    def name(self) -> str: ...

    def serves(self, kind: Kind) -> bool: ...

    @property
    def judges(self) -> bool:
        """A login that it opens says that the client's own password is right there."""

    @property
    def one_domain(self) -> bool:
        """It calls people of several domains by the same name."""

    async def open(self, errand: Errand) -> Session:
        """Logged in.  `LoginRefused` when the server says that the password is wrong; `LoginUnavailable` for
        whatever else can happen on the way."""

    async def visit(self, kind: Kind, guest: Guest) -> Session:
        """Greeted and encrypted, nobody logged in: for `smtp` and `lmtp`.  `Trouble` 4.x."""

    def offered(self, kind: Kind, *, late: bool) -> Sequence[str]:
        """What its servers offered when they were last asked, before login or after (`late`): what all of
        them do.  Empty when none was reached yet."""


@runtime_checkable
class SupportsReadiness(Protocol):
    """An upstream that knows when there is no use in trying."""

    async def ready(self, kind: Kind, guest: Guest) -> None:
        """`LoginUnavailable` when a login for this guest is known to reach no host."""


@runtime_checkable
class SupportsHosts(Protocol):
    """An upstream whose hosts an admin may drain."""

    @property
    def hosts(self) -> Mapping[str, Sequence[Kind]]:
        """By name as in the config, with what they serve."""


@runtime_checkable
class SupportsSealed(Upstream, Protocol):
    """An upstream that may log in with passwords sealed under app passwords."""

    @property
    def sealed(self) -> bool:
        """It does: an app password for it has one in it."""


class Route(Protocol):
    """Which server is whose: one section `[route:...]`."""

    async def upstream(self, name: str, kind: Kind) -> str | None:
        """The name of an `[upstream:...]` for a canonical login name or address; None when it has none.
        `LoginUnavailable` when that cannot be said now."""


class SourceAway(LoginUnavailable):
    """What a way to log in needs is away; the server behind us is not to blame."""


class TokenSource(Protocol):
    """Where access tokens come from: one section `[oauth:...]`.  Every source passes
    `testing.oauth.TokenSourceContract`."""

    async def access_token(self, account: str, name: str, *, refused: str = "") -> str:
        """One that is good now, for an account with this canonical login name.  `refused`: the server behind
        us has just not taken that one, so it is not given again.  `AccountUnavailable` when there is none for
        this account until somebody connects it; `LoginUnavailable` when it cannot be had now.  Never
        `LoginRefused`: whoever logs in cannot help it."""


class IUpstreamSession(Interface):
    """An avatar of twisted.cred that is a `Session`: what the gateway's servers ask a portal for."""
