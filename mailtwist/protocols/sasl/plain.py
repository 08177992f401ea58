"""PLAIN: name and password in one response.  rfc4616"""

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.sasl.exchange import Challenge, Credentials, Mechanism, Step


class Plain:
    """`[authzid] NUL authcid NUL passwd` (rfc4616#2)."""

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge()
        parts = response.split(b"\0")
        if len(parts) != 3 or not parts[1] or not parts[2]:
            raise Malformed("Not a PLAIN response")
        return Credentials(user=parts[1], secret=parts[2], authzid=parts[0])


mechanism = Mechanism("PLAIN", Plain)
