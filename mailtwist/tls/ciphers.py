"""Cipher suites by the names that IANA has registered, of which OpenSSL has its own spelling.  rfc8446#B.4"""

import re
from functools import lru_cache

_LATER = re.compile(r"TLS_[A-Z0-9_]{1,60}")
_EARLIER = re.compile(r"(ECDHE|DHE)-(RSA|ECDSA)-(AES(?:128|256)-GCM-SHA(?:256|384)|CHACHA20-POLY1305)")
_BITS = re.compile(r"AES(\d)")


@lru_cache(maxsize=64)
def registered(cipher: str) -> str:
    """`TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384` for `ECDHE-RSA-AES256-GCM-SHA384`; since TLS 1.3 they are the
    same.  '' for one that we do not offer."""
    if _LATER.fullmatch(cipher):
        return cipher
    found = _EARLIER.fullmatch(cipher)
    if found is None:
        return ""
    exchange, certificate, rest = found.groups()
    ours = _BITS.sub(r"AES_\1", rest).replace("-", "_")
    return f"TLS_{exchange}_{certificate}_WITH_{ours}" + ("_SHA256" if "CHACHA20" in rest else "")
