"""RADIUS as a server speaks it, written a second time, from the RFCs, so that a mistake shows.  rfc2865#3"""

import hmac
import struct
from dataclasses import dataclass
from hashlib import md5

ACCEPT, REJECT, CHALLENGE = 2, 3, 11
USER_NAME, USER_PASSWORD, MESSAGE, STATE, PROXY_STATE, SIGNATURE = 1, 2, 18, 24, 33, 80

Attributes = list[tuple[int, bytes]]


@dataclass(frozen=True)
class Asked:
    """A question as it came."""

    code: int
    identifier: int
    authenticator: bytes
    attributes: Attributes
    octets: bytes
    secret: bytes
    port: int = 0

    def first(self, number: int) -> bytes | None:
        return next((value for one, value in self.attributes if one == number), None)

    @property
    def name(self) -> str:
        return (self.first(USER_NAME) or b"").decode()

    @property
    def password(self) -> str | None:
        """rfc2865#5.2"""
        hidden = self.first(USER_PASSWORD)
        if hidden is None:
            return None
        clear, before = b"", self.authenticator
        for at in range(0, len(hidden), 16):
            block = hidden[at : at + 16]
            mask = md5(self.secret + before).digest()
            clear += bytes(a ^ b for a, b in zip(block, mask, strict=True))
            before = block
        return clear.rstrip(b"\0").decode("utf-8", "replace")

    @property
    def signed(self) -> bool:
        """The first attribute is a right Message-Authenticator (rfc3579#3.2)."""
        number, told = self.attributes[0]
        clear = self.octets[:22] + bytes(16) + self.octets[38:]
        return number == SIGNATURE and hmac.digest(self.secret, clear, "md5") == told


def asked(octets: bytes, secret: bytes, port: int = 0) -> Asked:
    code, identifier, length = struct.unpack("!BBH", octets[:4])
    assert length == len(octets)
    attributes, rest = [], octets[20:]
    while rest:
        size = rest[1]
        assert 2 <= size <= len(rest)
        attributes.append((rest[0], rest[2:size]))
        rest = rest[size:]
    return Asked(code, identifier, octets[4:20], attributes, octets, secret, port)


def written(attributes: Attributes) -> bytes:
    return b"".join(bytes([number, len(value) + 2]) + value for number, value in attributes)


def answer(
    to: Asked,
    code: int = ACCEPT,
    attributes: Attributes | None = None,
    *,
    secret: bytes | None = None,
    identifier: int | None = None,
    signed: bool = True,
    raw: bytes = b"",
) -> bytes:
    """`raw` goes behind the attributes as it is."""
    key = to.secret if secret is None else secret
    number = to.identifier if identifier is None else identifier
    front = written([(SIGNATURE, bytes(16))]) if signed else b""
    rest = written(attributes or []) + raw
    head = struct.pack("!BBH", code, number, 20 + len(front) + len(rest))
    if signed:
        mark = hmac.digest(key, head + to.authenticator + front + rest, "md5")
        front = written([(SIGNATURE, mark)])
    body = front + rest
    return head + md5(head + to.authenticator + body + key).digest() + body
