"""How one service answers a hello: names that are not here, protocols not spoken, proofs.  rfc6066#3"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Protocol

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from mailtwist.kit.events import Event
from mailtwist.kit.metrics import Metric
from mailtwist.tls.hello import Hello
from mailtwist.tls.nameless import Nameless
from mailtwist.tls.names import asked_name
from mailtwist.tls.table import Found, Table, new_context

NAME_MISSING = Event("tls.name_missing", "a client asked for no server name: the default is shown", "debug")
NAME_UNKNOWN = Event("tls.name_unknown", "a client asked for {name!r}: the default is shown", "debug")
NAME_REFUSED = Event("tls.name_refused", "{service}: {address} asked for {name!r} and is refused", "debug")
NAME_FAILED = Event("tls.name_failed", "choosing a certificate failed: the default is shown")
NAMES = Metric("tls_names", "Handshakes by how the server name was found.", "counter", ("found",))

Answer = Literal["default", "reject"]
ALPN = (b"imap", b"pop3", b"smtp")
ACME_TLS = b"acme-tls/1"
DEFAULT_IS_SHOWN = "are shown the default certificate"
REFUSED = "are refused"

ALERT = b"\x15\x03\x03\x00\x02\x02\x70"
"""A record, fatal: unrecognized_name.  rfc6066#3"""

OURSELVES = object()
"""Stands for the protocol of a connection that we make to ourselves, to see what is shown."""

_NONE_OF_OURS = [("", "", "no application protocol in common")]


@dataclass(frozen=True)
class Policy:
    """`missing` and `unknown`: what those hear who ask for no name, or for one that is not here.  `strict`:
    who offers protocols and none of ours is refused, as rfc7301#3.2 wants it; otherwise he is served.
    `tickets`: clients may resume a session by a ticket.  In TLS 1.3 OpenSSL sends some all the same; then
    they resume nothing."""

    missing: Answer = "default"
    unknown: Answer = "default"
    strict: bool = False
    tickets: bool = True

    @property
    def rejects(self) -> bool:
        return "reject" in (self.missing, self.unknown)

    def refuses(self, found: Found) -> bool:
        if found == "missing":
            return self.missing == "reject"
        return found == "unknown" and self.unknown == "reject"


class Shown(Protocol):
    """What listeners of one [tls:...] section have in common: `contexts.ServerContexts`."""

    nameless: Nameless
    found: Counter[Found]

    @property
    def asked(self) -> Callable[[str], None] | None: ...

    @property
    def table(self) -> Table: ...

    def proof(self, name: bytes) -> SSL.Context | None: ...

    @property
    def proving(self) -> bool: ...


class Serving(SSL.Connection):
    """A server's side.  OpenSSL asks its context, which many share, and the context asks here."""

    def __init__(self, context: SSL.Context, listener: "Listener", shown: SSL.Context) -> None:
        super().__init__(context, None)
        self.listener = listener
        self.shown = shown
        self.counted = False


@implementer(IOpenSSLServerConnectionCreator)
class Listener:
    """For `transport.startTLS`, and for connections that begin with TLS."""

    def __init__(self, shown: Shown, policy: Policy, service: str, alpn: Sequence[bytes] = ()) -> None:
        self.policy = policy
        self.service = service
        self.alpn = tuple(alpn) or ALPN
        self._shown = shown
        self._front: tuple[SSL.Context, SSL.Context] | None = None
        """What it shows, and ours that shows the same."""

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        default, front = self._newest()
        return Serving(front, self, default)

    def renew(self, table: Table) -> None:
        """The context that connections begin with is made outside any handshake.  It is the default's, with a
        key for tickets that no other service takes."""
        old = self._front
        if old is None or old[0] is not table.default:
            self._front = table.default, new_context(table.shown, _equip_first, tickets=self.policy.tickets)

    def _newest(self) -> tuple[SSL.Context, SSL.Context]:
        if self._front is None:
            self.renew(self._shown.table)
            assert self._front is not None
        return self._front

    # -- hellos that are heard before OpenSSL hears them
    @property
    def listens(self) -> bool:
        """What a client says first matters at present, where connections begin with TLS."""
        return self.policy.rejects or self._shown.proving

    def proof(self, hello: Hello) -> SSL.Context | None:
        """What a CA is shown that asks for a proof: it says nothing but acme-tls/1 (rfc8737#3)."""
        if hello.name is None or hello.alpn != (ACME_TLS,):
            return None
        return self._shown.proof(hello.name)

    def refuses(self, hello: Hello, address: str) -> bool:
        """The client hears `ALERT`, and nothing else; it has been counted."""
        _, found = self._shown.table.find(hello.name)
        if not self.policy.refuses(found):
            return False
        self._count(found, hello.name, address)
        return True

    # -- OpenSSL asks
    def choose(self, connection: Serving) -> None:
        raw = connection.get_servername()
        context, found = self._shown.table.find(raw)
        if self.policy.refuses(found):  # a hello that could not be read before: no certificate, no handshake
            connection.set_context(_empty())
        elif context is not connection.shown:
            connection.set_context(context)
            connection.shown = context
        if connection.counted or connection.get_app_data() is OURSELVES:
            return
        connection.counted = True  # a second hello, after a HelloRetryRequest, is none (rfc8446#4.1.4)
        if found in ("exact", "wildcard"):
            self._shown.found[found] += 1
            NAMES.add(found)
        else:
            self._count(found, raw, _address(connection.get_app_data()))

    def _count(self, found: Found, raw: bytes | None, address: str) -> None:
        self._shown.found[found] += 1
        NAMES.add(found)
        refused = self.policy.refuses(found)
        answer = REFUSED if refused else DEFAULT_IS_SHOWN
        self._shown.nameless.came(found, address, raw, self.service or "TLS", answer)
        if self._shown.asked is not None and raw and (name := asked_name(raw)):
            self._shown.asked(name)
        if refused:
            NAME_REFUSED.log(service=self.service, address=address, name=raw)
        elif found == "missing":
            NAME_MISSING.log()
        else:
            NAME_UNKNOWN.log(name=raw)


def equip(context: SSL.Context) -> None:
    """OpenSSL asks the context that was chosen for ALPN, and a connection's first one for the name."""
    context.set_alpn_select_callback(_choose_alpn)


def _equip_first(context: SSL.Context) -> None:
    equip(context)
    context.set_tlsext_servername_callback(_choose)


def equip_for_proof(context: SSL.Context) -> None:
    context.set_alpn_select_callback(_only_acme)


def _choose(connection: Any) -> None:
    """OpenSSL's callback: whatever happens, it does not raise."""
    try:
        connection.listener.choose(connection)
    except Exception:
        NAME_FAILED.failure()


def _choose_alpn(connection: Any, offered: list[bytes]) -> Any:
    """What is raised becomes the alert no_application_protocol, and the end of the connection."""
    server = getattr(connection.get_app_data(), "wrappedProtocol", None)  # Twisted's TLS protocol is there
    ours = getattr(server, "alpn", None) or connection.listener.alpn
    for name in offered:
        if name in ours:
            return name
    if connection.listener.policy.strict:
        raise SSL.Error(_NONE_OF_OURS)
    return SSL.NO_OVERLAPPING_PROTOCOLS


def _only_acme(connection: Any, offered: list[bytes]) -> bytes:
    if offered != [ACME_TLS]:
        raise SSL.Error(_NONE_OF_OURS)
    return ACME_TLS


@cache
def _empty() -> SSL.Context:
    return SSL.Context(SSL.TLS_SERVER_METHOD)


def _address(protocol: Any) -> str:
    """The peer's, as text; '' of who has none."""
    peer = getattr(protocol, "getPeer", None)
    return "" if peer is None else str(getattr(peer(), "host", ""))
