"""LOGIN: name and password asked for one after the other, as old clients want it.  rfc4422#5"""

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.sasl.exchange import Challenge, Credentials, Mechanism, Step


class Login:
    """No RFC describes LOGIN.  Clients match neither prompt; an initial response is taken for the name,
    because some send one."""

    def __init__(self) -> None:
        self._user = b""

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge(b"Username:")
        if not response:
            raise Malformed("Not a LOGIN response")
        if not self._user:
            self._user = response
            return Challenge(b"Password:")
        return Credentials(user=self._user, secret=response)


mechanism = Mechanism("LOGIN", Login)
