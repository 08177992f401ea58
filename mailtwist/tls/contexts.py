"""The one TLS context factory: a certificate for each name, changed while running.  rfc6066#3 rfc7301"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from mailtwist.kit.events import Event
from mailtwist.tls.certificates import BadCertificate, Bundle
from mailtwist.tls.names import asked_name, wildcard_of

NAME_MISSING = Event("tls.name_missing", "a client asked for no server name: the default is shown", "debug")
NAME_UNKNOWN = Event("tls.name_unknown", "a client asked for {name!r}: the default is shown", "debug")
NAME_FAILED = Event("tls.name_failed", "choosing a certificate failed: the default is shown")

Found = Literal["exact", "wildcard", "missing", "unknown"]

ALPN = (b"imap", b"pop3", b"smtp")
# Forward secrecy and AEAD only (rfc9325#4.2); TLS 1.3 has its own list, which OpenSSL keeps well.
CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True)
class _Table:
    """Never changed: a new one takes its place."""

    contexts: Mapping[str, SSL.Context]
    default: SSL.Context

    def find(self, raw: bytes | None) -> tuple[SSL.Context, Found]:
        if not raw:
            return self.default, "missing"
        name = asked_name(raw)
        if (exact := self.contexts.get(name)) is not None:
            return exact, "exact"
        if (wide := self.contexts.get(wildcard_of(name))) is not None:
            return wide, "wildcard"
        return self.default, "unknown"


@implementer(IOpenSSLServerConnectionCreator)
class ServerContexts:
    """Goes wherever Twisted wants a server's context factory: `transport.startTLS(contexts)`,
    `TLSMemoryBIOFactory(contexts, False, factory)`.

    `default_name` is shown to clients that ask for no name or for one we do not have; "" is the first name
    of the first bundle.  `serve` changes what is shown to those who connect from then on; who is connected
    stays.  `found` counts how names were found.

    A server class that says `alpn = (b"imap",)` is offered to clients as that; one that says nothing takes
    whichever of `ALPN` the client prefers.  A client that offers something else is served without ALPN.
    """

    def __init__(self, default_name: str = "", session_tickets: bool = True) -> None:
        self.default_name = default_name
        self.session_tickets = session_tickets
        self.found: Counter[Found] = Counter()
        self.bundles: Sequence[Bundle] = ()
        self._table: _Table | None = None
        self._listeners: list[Callable[[], None]] = []

    def serve(self, bundles: Sequence[Bundle]) -> None:
        """From now on these and no others.  `BadCertificate` when that cannot be: nothing has changed."""
        if not bundles:
            raise BadCertificate("certificate", "there is no certificate to serve")
        self._table = self._build(bundles)
        self.bundles = tuple(bundles)
        for changed in list(self._listeners):
            changed()

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """`changed` is called after each `serve`; the answer ends that."""
        self._listeners.append(changed)
        return lambda: self._listeners.remove(changed)

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        if self._table is None:
            raise RuntimeError("serving TLS before there is a certificate")
        return SSL.Connection(self._table.default, None)

    def _build(self, bundles: Sequence[Bundle]) -> _Table:
        by_name = _best(bundles)
        default = self._default(bundles, by_name)
        made: dict[tuple[int, ...], SSL.Context] = {}

        def context(chosen: Iterable[Bundle]) -> SSL.Context:
            group = tuple(chosen)
            ids = tuple(id(one) for one in group)
            if ids not in made:
                made[ids] = self._context(group)
            return made[ids]

        contexts = {name: context(kinds.values()) for name, kinds in by_name.items()}
        return _Table(contexts, context(default))

    def _default(self, bundles: Sequence[Bundle], by_name: Mapping[str, dict[str, Bundle]]) -> list[Bundle]:
        if self.default_name:
            for name in (self.default_name, wildcard_of(self.default_name)):
                if name in by_name:
                    return list(by_name[name].values())
            raise BadCertificate("default_name", f"no certificate is for {self.default_name}")
        first = bundles[0]
        return list(by_name[first.names[0]].values()) if first.names else [first]

    def _context(self, bundles: Sequence[Bundle]) -> SSL.Context:
        # OpenSSL copies version, options and verify mode when a connection begins, before the name is
        # known: they are the same in all contexts.
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE)
        context.set_cipher_list(CIPHERS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        if not self.session_tickets:
            context.set_options(SSL.OP_NO_TICKET)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_tlsext_servername_callback(self._choose)
        context.set_alpn_select_callback(_choose_alpn)
        try:
            _load(context, bundles)
        except SSL.Error as error:
            names = ", ".join(name for bundle in bundles for name in bundle.names)
            raise BadCertificate("certificate", f"the certificate for {names} is refused: {_reason(error)}")
        return context

    def _choose(self, connection: SSL.Connection) -> None:
        """OpenSSL's callback: whatever happens, it does not raise."""
        try:
            assert self._table is not None
            raw = connection.get_servername()
            context, found = self._table.find(raw)
            self.found[found] += 1
            if found == "missing":
                NAME_MISSING.log()
            elif found == "unknown":
                NAME_UNKNOWN.log(name=raw)
            if context is not connection.get_context():
                connection.set_context(context)
        except Exception:
            NAME_FAILED.failure()


def _best(bundles: Sequence[Bundle]) -> dict[str, dict[str, Bundle]]:
    """For each name one bundle of each kind of key: of two, the one that was issued later."""
    best: dict[str, dict[str, Bundle]] = {}
    for bundle in bundles:
        for name in bundle.names:
            kinds = best.setdefault(name, {})
            known = kinds.get(bundle.key_kind)
            if known is None or known.not_before < bundle.not_before:
                kinds[bundle.key_kind] = bundle
    return best


def _load(context: SSL.Context, bundles: Sequence[Bundle]) -> None:
    store = context.get_cert_store()
    for bundle in bundles:
        context.use_certificate(bundle.leaf)
        context.use_privatekey(bundle.key)
        for link in bundle.chain:
            if len(bundles) == 1 or store is None:
                context.add_extra_chain_cert(link)
            else:  # extra certificates would be sent with every leaf; from the store each leaf gets its own
                store.add_cert(X509.from_cryptography(link))


def _reason(error: SSL.Error) -> str:
    """OpenSSL's words, such as "ee key too small"."""
    return "; ".join(why[2] for why in error.args[0]) if error.args and error.args[0] else "no reason given"


def _choose_alpn(connection: SSL.Connection, offered: list[bytes]) -> Any:
    server = getattr(connection.get_app_data(), "wrappedProtocol", None)  # Twisted's TLS protocol is there
    ours = getattr(server, "alpn", None) or ALPN
    for name in offered:
        if name in ours:
            return name
    return SSL.NO_OVERLAPPING_PROTOCOLS
