"""Questions to a web service that nobody else can have asked, and answers that nobody else can have given.

As Standard Webhooks writes it: `webhook-id`, `webhook-timestamp` and `webhook-signature: v1,<base64>`, the
HMAC-SHA256 over `id.timestamp.body`.  What a question is for is in its body (`type`), so that one for
another purpose cannot stand in for it.  An answer is signed in the same way, with the id of its question:
no older answer has it."""

import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

from mailtwist.config.secret import Secret
from mailtwist.tls.https import Answer

ID, TIME, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"

PREFIX = "whsec_"
NO_KEY = (
    'a signing key is "whsec_" and 24 to 64 octets in base64; make one with:'
    ' echo "whsec_$(openssl rand -base64 32)"'
)
_FEWEST, _MOST = 24, 64

MOST_SIGNATURES = 8
"""That are looked at, of one answer: while its key is changed, a service has two."""


class SigningKey(Secret):
    """A secret as Standard Webhooks writes them: `whsec_` and base64."""

    kind: ClassVar[str] = "a signing key"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        found = super().parse(text)
        if found._kind == "inline":
            _octets(found.reveal())
        return found

    def within(self, folder: Path) -> Self:
        found = super().within(folder)
        _octets(found.reveal())
        return found

    def headers(self, id: str, time: int, body: bytes) -> dict[str, str]:
        """Those that `body` has to have, sent at `time` (seconds since 1970) under this `id`."""
        return {ID: id, TIME: str(time), SIGNATURE: self._signature(id, str(time), body)}

    def vouches_for(self, answer: Answer, id: str) -> bool:
        """Somebody with this key has given this answer to the question with this `id`."""
        if answer.header(ID) != id:
            return False
        right = self._signature(id, answer.header(TIME), answer.body).encode()
        given = answer.header(SIGNATURE).split()[:MOST_SIGNATURES]
        return _any([hmac.compare_digest(one.encode(), right) for one in given])

    def _signature(self, id: str, time: str, body: bytes) -> str:
        said = f"{id}.{time}.".encode() + body
        return "v1," + b64encode(hmac.digest(_octets(self.reveal()), said, "sha256")).decode()


def _any(found: Sequence[bool]) -> bool:
    """All were looked at before."""
    return True in found


def _octets(text: str) -> bytes:
    """ValueError."""
    try:
        octets = b64decode(text.removeprefix(PREFIX), validate=True)
    except (Error, ValueError):
        octets = b""
    if not text.startswith(PREFIX) or not _FEWEST <= len(octets) <= _MOST:
        raise ValueError(NO_KEY)
    return octets
