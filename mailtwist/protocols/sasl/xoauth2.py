"""XOAUTH2: what OAUTHBEARER was before there was an RFC, as Google and Microsoft speak it.  rfc7628#1"""

import re

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.sasl.exchange import Challenge, Credentials, Mechanism, Step
from mailtwist.protocols.sasl.tokens import REFUSAL, bearer_token, pairs

_USER = re.compile(rb"(?i:user)=([^\x00\x01]+)\x01")


class XOAuth2:
    """`user=name^Aauth=Bearer token^A^A`."""

    def step(self, response: bytes | None) -> Step:
        if response is None:
            return Challenge()
        found = _USER.match(response)
        if found is None:
            raise Malformed("Not an XOAUTH2 response")
        said = pairs(response[found.end() :], "XOAUTH2")
        return Credentials(found[1], bearer_token(said, "XOAUTH2"), bearer=True, refusal=REFUSAL)


mechanism = Mechanism("XOAUTH2", XOAuth2, bearer=True)
