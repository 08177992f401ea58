"""A server of our sockets that only shakes hands: MODE PORT CERTIFICATE KEY, see `servers.handshakes`."""

import sys
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Protocol, ServerFactory
from zope.interface import implementer

from mailtwist.config.network import Endpoint
from mailtwist.kit.clock import SystemClock
from mailtwist.services.hello import HelloDoor
from mailtwist.services.listen import bind, serve
from mailtwist.services.sockets import TlsFactory
from mailtwist.tls.certificates import Bundle, read_bundle
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.listener import Policy
from mailtwist.tls.table import new_context


@implementer(IOpenSSLServerConnectionCreator)
class Bare:
    """One context, no question."""

    def __init__(self, bundle: Bundle) -> None:
        self._context = new_context((bundle,), lambda context: None)

    def serverConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        return SSL.Connection(self._context, None)


def factory(mode: str, bundle: Bundle, proof: bytes) -> Any:
    inner: Any = ServerFactory.forProtocol(Protocol)
    inner.noisy = False
    if mode == "bare":
        return TlsFactory(Bare(bundle), False, inner)
    contexts = ServerContexts()
    contexts.serve([bundle])
    listener = contexts.listener(Policy(strict=True))
    if mode == "hello":
        contexts.prove("elsewhere.example", proof)
    return HelloDoor(TlsFactory(listener, False, inner), listener, SystemClock())


def main(mode: str, port: str, certificate: str, key: str) -> None:
    leaf, private = Path(certificate).read_bytes(), Path(key).read_bytes()
    made = factory(mode, read_bundle(leaf, private), private + leaf)
    for bound in bind(Endpoint("127.0.0.1", int(port))):
        serve(bound, made)
    running: Any = reactor
    running.run()


main(*sys.argv[1:])
