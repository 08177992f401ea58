"""What we say to a server behind us until somebody is logged in there: one class for each protocol."""

from collections.abc import Mapping
from typing import Protocol

from mailtwist.gateway.api import Guest, Kind
from mailtwist.gateway.dial import Dialled
from mailtwist.gateway.upstream.opportunistic import Opportunistically
from mailtwist.protocols.dialogue import NOTHING, Offer
from mailtwist.protocols.imap import client as imap
from mailtwist.protocols.pop3 import client as pop3
from mailtwist.protocols.sieve import client as sieve
from mailtwist.protocols.smtp import dialogue as smtp
from mailtwist.protocols.xclient import UNAVAILABLE, address

HOPS = 4
"""What `x-proxy-ttl` and TTL begin with: Dovecot counts down, and takes 1 for a loop."""


class Telling(Protocol):
    """What a talk says of us and of the client."""

    @property
    def hostname(self) -> str: ...

    @property
    def by_xclient(self) -> bool: ...

    @property
    def by_id(self) -> bool: ...

    @property
    def pipelining(self) -> bool: ...


class Talk:
    """`offer` is what the server offers at the moment; `introduced`: it was told who the client is;
    `vouched`: it was told that he is logged in."""

    introduced = vouched = False

    def __init__(self, call: Dialled, telling: Telling) -> None:
        self.call = call
        self.offer: Offer = NOTHING
        self._telling = telling

    @property
    def _under_tls(self) -> bool:
        return self.call.way.security == "starttls"

    async def greet(self) -> None:
        """The server has greeted us, speaks TLS if that is wanted, and `offer` is known."""
        raise NotImplementedError

    async def introduce(self, guest: Guest, vouch_for: bytes = b"") -> None:
        """The server knows who the client is, as far as it wants to; and that he is logged in as
        `vouch_for`."""

    async def password(self, user: bytes, secret: bytes, authzid: bytes = b"") -> None:
        """Logged in, and `offer` is what is offered then.  `LoginRefused`, `LoginUnavailable`."""
        raise NotImplementedError

    async def token(self, user: bytes, token: bytes) -> None:
        """The same with an access token.  After `LoginRefused` another one may be tried."""
        raise NotImplementedError


class ImapTalk(Talk):
    async def greet(self) -> None:
        offer = await imap.greeted(self.call)
        if self._under_tls:
            await imap.start_tls(self.call, self.call.secure)
            offer = NOTHING
        self.offer = offer or await imap.capabilities(self.call)

    async def introduce(self, guest: Guest, vouch_for: bytes = b"") -> None:
        if self._telling.by_id and guest.address and self.offer.has("ID"):
            await imap.identify(self.call, _identity(guest), wait=not self._telling.pipelining)
            self.introduced = True

    async def password(self, user: bytes, secret: bytes, authzid: bytes = b"") -> None:
        self.offer = await imap.log_in(self.call, self.offer, user, secret, authzid)

    async def token(self, user: bytes, token: bytes) -> None:
        self.offer = await imap.xoauth2(self.call, self.offer, user, token)


class Pop3Talk(Talk):
    async def greet(self) -> None:
        banner = await pop3.greeted(self.call)  # Dovecot tells of XCLIENT nowhere else
        if self._under_tls:
            await pop3.start_tls(self.call, self.call.secure)
        self.offer = Offer((*await pop3.capabilities(self.call), *banner))

    async def introduce(self, guest: Guest, vouch_for: bytes = b"") -> None:
        if self._telling.by_xclient and guest.address and self.offer.has("XCLIENT"):
            await pop3.xclient(self.call, {**_facts(guest), "ADDR": guest.address})
            self.introduced = True

    async def password(self, user: bytes, secret: bytes, authzid: bytes = b"") -> None:
        self.offer = await pop3.log_in(self.call, self.offer, user, secret, authzid)

    async def token(self, user: bytes, token: bytes) -> None:
        self.offer = await pop3.xoauth2(self.call, self.offer, user, token)


class SieveTalk(Talk):
    async def greet(self) -> None:
        self.offer = await sieve.greeted(self.call)
        if self._under_tls:
            self.offer = await sieve.start_tls(self.call, self.call.secure)

    async def introduce(self, guest: Guest, vouch_for: bytes = b"") -> None:
        if self._telling.by_xclient and guest.address and self.offer.has("XCLIENT"):
            await sieve.xclient(self.call, {**_facts(guest), "ADDR": guest.address})
            self.introduced = True

    async def password(self, user: bytes, secret: bytes, authzid: bytes = b"") -> None:
        self.offer = await sieve.log_in(self.call, self.offer, user, secret, authzid)

    async def token(self, user: bytes, token: bytes) -> None:
        self.offer = await sieve.xoauth2(self.call, self.offer, user, token)


class SmtpTalk(Talk):
    hello = "EHLO"

    async def greet(self) -> None:
        await smtp.greeted(self.call)
        self.offer = await self._hello()
        if self._under_tls and not self._does_without():
            await smtp.start_tls(self.call, self.call.secure)
            self.offer = await self._hello()

    async def introduce(self, guest: Guest, vouch_for: bytes = b"") -> None:
        if not (self._telling.by_xclient and guest.address):
            return
        facts = {
            "HELO": guest.client,
            "PROTO": "LMTP" if self.hello == "LHLO" else "ESMTP",
            "NAME": UNAVAILABLE,
            **_facts(guest),
            "ADDR": address(guest.address),
        }
        if vouch_for:
            facts["LOGIN"] = vouch_for.decode("utf-8", "surrogateescape")
        told = await smtp.xclient(self.call, self.offer, facts)
        if told:
            self.introduced = "ADDR" in told
            self.vouched = "LOGIN" in told
            self.offer = await self._hello()

    async def password(self, user: bytes, secret: bytes, authzid: bytes = b"") -> None:
        self.offer = await smtp.log_in(self.call, self.offer, user, secret, authzid)

    async def token(self, user: bytes, token: bytes) -> None:
        self.offer = await smtp.xoauth2(self.call, self.offer, user, token)

    def _does_without(self) -> bool:
        """TLS that is not offered is not insisted on, where that is the policy."""
        by = self.call.secure_by
        if self.offer.has("STARTTLS") or not isinstance(by, Opportunistically):
            return False
        by.in_clear(self.call.host)
        return True

    async def _hello(self) -> Offer:
        return await smtp.hello(self.call, self._telling.hostname, self.hello)


class LmtpTalk(SmtpTalk):
    hello = "LHLO"


TALKS: Mapping[Kind, type[Talk]] = {
    "imap": ImapTalk,
    "pop3": Pop3Talk,
    "submission": SmtpTalk,
    "smtp": SmtpTalk,
    "lmtp": LmtpTalk,
    "sieve": SieveTalk,
}


def _identity(guest: Guest) -> Mapping[str, str]:
    """For ID: whom Dovecot believes us, if it trusts us, and what its client calls itself.  That cannot
    look like one of the words that Dovecot believes: it is a value."""
    peer = guest.peer
    facts = {
        "name": guest.client,
        "x-session-id": guest.connection,
        "x-originating-ip": guest.address,
        "x-originating-port": _port(peer.port),
        "x-connected-ip": peer.server_address,
        "x-connected-port": _port(peer.server_port),
        "x-proxy-ttl": str(max(1, HOPS - guest.hops)),
        "x-client-transport": _transport(guest),
        "x-connected-name": peer.server_name,
    }
    return {key: value for key, value in facts.items() if value}


def _facts(guest: Guest) -> dict[str, str]:
    """The attributes of XCLIENT that both kinds of server have."""
    peer = guest.peer
    facts = {
        "PORT": _port(peer.port),
        "DESTADDR": peer.server_address and address(peer.server_address),
        "DESTPORT": _port(peer.server_port),
        "SESSION": guest.connection,
        "TTL": str(max(1, HOPS - guest.hops)),
        "CLIENT-TRANSPORT": _transport(guest),
        "DESTNAME": peer.server_name,
    }
    return {name: value for name, value in facts.items() if value}


def _port(number: int) -> str:
    return str(number) if number else ""


def _transport(guest: Guest) -> str:
    return "TLS" if guest.tls else "insecure"
