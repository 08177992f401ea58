"""OAUTHBEARER: an access token in the place of a password.  rfc7628"""

import re

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.sasl.exchange import Challenge, Credentials, Mechanism, Step
from mailtwist.protocols.sasl.tokens import REFUSAL, bearer_token, pairs

_HEADER = re.compile(rb"[ny],(?:a=((?:[^\0,=]|=2C|=3D)*))?,\x01")
"""No channel is bound (rfc7628#3.1)."""


class OAuthBearer:
    """`n,a=user,^Aauth=Bearer token^A^A`, and other pairs: host and port, which say nothing to a server that
    the client has already reached."""

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge()
        found = _HEADER.match(response)
        if found is None:
            raise Malformed("Not an OAUTHBEARER response")
        said = pairs(response[found.end() :], "OAUTHBEARER")
        user = (found[1] or b"").replace(b"=2C", b",").replace(b"=3D", b"=")
        return Credentials(user, bearer_token(said, "OAUTHBEARER"), bearer=True, refusal=REFUSAL)


mechanism = Mechanism("OAUTHBEARER", OAuthBearer, bearer=True)
