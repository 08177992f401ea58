"""TLS with a server behind that hears no password: whoever it is; what is wrong is told.  rfc7435#3"""

from typing import Any

from OpenSSL import SSL

from mailtwist.tls.outbound import Outbound, Towards
from mailtwist.tls.policy import FLAWED, NOT_OFFERED, Opportunistic


class Opportunistically(Outbound):
    """Any certificate does, and so does a server that offers no TLS.  What is wrong with a host is told when
    it was not before."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._told: dict[str, str] = {}

    def context(self, host: str) -> Towards:
        return _Anybody(self, self._name or host)

    def in_clear(self, host: str) -> None:
        """It does not offer TLS."""
        self.tell(host, "", "not encrypted", NOT_OFFERED.words)

    def tell(self, host: str, address: str, how: str, words: str) -> None:
        """Each change of what is wrong with a host."""
        if self._told.get(host, "") == words:
            return
        self._told[host] = words
        if words:
            policy = Opportunistic().source
            FLAWED.log(host=host, address=address or host, how=how, policy=policy, words=words, codes=[])


class _Anybody(Towards):
    _outbound: Opportunistically

    def judge(self, connection: SSL.Connection) -> None:
        words = "; ".join(one.words for one in self.found(connection))
        address = connection.get_app_data().getPeer().host
        how = f"{connection.get_protocol_version_name()} {connection.get_cipher_name()}"
        self._outbound.tell(self.host, address, how, words)
