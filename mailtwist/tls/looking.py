"""TLS with whomever it is: nothing is refused in the handshake, and what was shown is there to be judged."""

from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure
from zope.interface import implementer

from mailtwist.tls.outbound import Towards
from mailtwist.tls.verdict import Shown


@implementer(IOpenSSLClientConnectionCreator)
class Looking:
    """For `Call.start_tls`; `shown` is there when the handshake is over."""

    def __init__(self, towards: Towards) -> None:
        self._towards = towards
        self.shown: Shown | None = None

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        return self._towards.clientConnectionForTLS(protocol)

    def judge(self, connection: SSL.Connection) -> None:
        self.shown = self._towards.shown(connection)

    def explain(self, reason: Failure) -> str:
        return self._towards.explain(reason)
