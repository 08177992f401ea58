"""What both mechanisms for access tokens share: pairs, a token among them, and a refusal.  rfc7628#3"""

import re
from collections.abc import Mapping

from mailtwist.protocols.errors import Malformed

REFUSAL = b'{"status":"invalid_token","schemes":"bearer"}'
"""The same whatever was wrong (rfc7628#3.2.2).  There is no scope in it: the provider's client knows which
one it needs, and a stranger need not."""

MOST = 16
"""Pairs in one response."""

_PAIR = re.compile(rb"([A-Za-z]+)=([^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*)")
_BEARER = re.compile(rb"(?i:bearer) +([A-Za-z0-9._~+/-]+=*) *")
"""rfc6750#2.1"""


def pairs(octets: bytes, name: str) -> Mapping[bytes, bytes]:
    """`key=value^A` as often as there is one, and `^A`, by lower-case key.  `Malformed` for anything else,
    and when a key is there twice: whoever reads the other one sees another login."""
    *said, end = octets.removesuffix(b"\x01").split(b"\x01", MOST + 1)
    matches = [_PAIR.fullmatch(one) for one in said]
    found = {match[1].lower(): match[2] for match in matches if match is not None}
    if end or not octets.endswith(b"\x01") or len(found) != len(said):
        raise Malformed(f"Not an {name} response")
    return found


def bearer_token(said: Mapping[bytes, bytes], name: str) -> bytes:
    match = _BEARER.fullmatch(said.get(b"auth", b""))
    if match is None:
        raise Malformed(f"There is no Bearer token in this {name} response")
    return match[1]
