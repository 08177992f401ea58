"""What our own listeners show after a change: handshakes with ourselves, in memory."""

from collections.abc import Iterator, Sequence
from functools import cache

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.defer import Deferred

from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.within import pause
from mailtwist.tls.certificates import Bundle
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.listener import OURSELVES, Listener

NOT_SHOWN = Event(
    "tls.not_shown", "{section}: {service}: clients that ask for {asked} are not shown {names}", "error"
)

MOST = 16
"""Certificates of one change that are looked at: at the start there may be thousands."""

FLIGHTS = 3
"""Of TLS 1.2, to and fro, after which a client has seen the certificate."""


class OwnListeners:
    """Of one section."""

    def __init__(self, contexts: ServerContexts, section: str, clock: Clock) -> None:
        self._contexts = contexts
        self._section = section
        self._clock = clock
        self._left: list[Bundle] = []
        self._looking: Deferred[object] | None = None

    def look(self, new: Sequence[Bundle]) -> None:
        """What is served from now on.  The log hears when one of them is not shown, a moment later."""
        self._left = [*self._left, *new][:MOST]
        if self._looking is None or self._looking.called:
            self._looking = spawn(self._looked(), "looking what our own listeners show")

    def stop(self) -> None:
        self._left = []
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _looked(self) -> None:
        while self._left:
            bundle = self._left.pop(0)
            for listener in self._contexts.listeners:
                for name in self._asked(bundle, listener):
                    await pause(self._clock, 0)  # a handshake takes a millisecond
                    if bundle in self._contexts.bundles and not _is_shown(listener, name, bundle):
                        self._tell(listener, name, bundle)

    def _asked(self, bundle: Bundle, listener: Listener) -> Iterator[str]:
        yield from bundle.names[:1]
        is_default = bool(bundle.names) and bundle in self._contexts.table.shown
        if is_default and listener.policy.missing == "default":
            yield ""

    def _tell(self, listener: Listener, name: str, bundle: Bundle) -> None:
        names, asked = ", ".join(bundle.names), name or "no name"
        NOT_SHOWN.log(section=self._section, service=listener.service or "TLS", asked=asked, names=names)


def _is_shown(listener: Listener, name: str, bundle: Bundle) -> bool:
    """It is, or one for the same that was issued later."""
    leaf = shown(listener, name.replace("*", "any", 1), bundle.key_kind)
    if leaf is None or leaf == bundle.leaf:
        return leaf is not None
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    is_for_it = bundle.names[0] in map(str.lower, names.get_values_for_type(x509.DNSName))
    return is_for_it and leaf.not_valid_before_utc >= bundle.leaf.not_valid_before_utc


def shown(listener: Listener, name: str, key_kind: str) -> x509.Certificate | None:
    """What somebody sees who asks for `name` ('': for none) and for this kind of key; None: no handshake.
    He is not counted among the clients."""
    server = listener.serverConnectionForTLS(None)
    server.set_app_data(OURSELVES)
    server.set_accept_state()
    client = SSL.Connection(_client(key_kind), None)
    client.set_connect_state()
    if name:
        client.set_tlsext_host_name(name.encode())
    try:
        for _ in range(FLIGHTS):
            _passed(client, server)
            _passed(server, client)
    except SSL.Error:
        return None
    return client.get_peer_certificate(as_cryptography=True)


def _passed(one: SSL.Connection, other: SSL.Connection) -> None:
    try:
        one.do_handshake()
    except SSL.WantReadError:
        pass
    try:
        other.bio_write(one.bio_read(1 << 20))
    except SSL.WantReadError:  # there is nothing to say
        pass


@cache
def _client(key_kind: str) -> SSL.Context:
    """In TLS 1.2 the cipher says which kind of key is wanted."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(b"ECDHE+aRSA" if key_kind == "RSA" else b"ECDHE+aECDSA")
    return context
