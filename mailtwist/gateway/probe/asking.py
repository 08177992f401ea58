"""TLS as different clients begin it: without a name, with one version, with words for ALPN."""

from collections.abc import Sequence
from pathlib import Path

from OpenSSL import SSL

from mailtwist.tls.outbound import Outbound, Towards

VERSIONS = {"TLSv1.2": SSL.TLS1_2_VERSION, "TLSv1.3": SSL.TLS1_3_VERSION}


class Asking(Outbound):
    """`nameless`: no server is asked for by name.  `version`: that one alone.  `alpn`: what is offered."""

    def __init__(
        self,
        roots: Path | None = None,
        *,
        nameless: bool = False,
        version: str = "",
        alpn: Sequence[str] = (),
    ) -> None:
        super().__init__(roots)
        self._nameless = nameless
        self._version = version
        self._alpn = [one.encode("ascii") for one in alpn]

    def context(self, host: str) -> Towards:
        return Towards(self, host, nameless=self._nameless)

    def _build(self) -> SSL.Context:
        context = super()._build()
        if self._version:
            context.set_min_proto_version(VERSIONS[self._version])
            context.set_max_proto_version(VERSIONS[self._version])
        if self._alpn:
            context.set_alpn_protos(self._alpn)
        return context
