"""What a TLS client asks for with its first words, before we answer.  rfc8446#4.1.2 rfc6066#3 rfc7301"""

from dataclasses import dataclass

HANDSHAKE = 22
CLIENT_HELLO = 1
SERVER_NAME = 0
ALPN = 16

LONGEST_RECORD = 1 << 14
"""rfc8446#5.1"""

LONGEST_HELLO = 1 << 16
"""Of octets that are kept: ten times what a client with the largest keys says."""


@dataclass(frozen=True, slots=True)
class Hello:
    """`name` is as it was sent, None when there was none; `alpn` is in the client's order of preference."""

    name: bytes | None = None
    alpn: tuple[bytes, ...] = ()


class NotAHello(ValueError):
    """What came is something else, or broken, or too long.  What it is, OpenSSL will say."""


class Hearing:
    """Octets of a connection in the pieces they come in, until the hello is whole."""

    __slots__ = ("_at", "_message", "octets")

    def __init__(self) -> None:
        self.octets = bytearray()
        """All that came, and what OpenSSL is given in the end."""
        self._message = bytearray()
        self._at = 0

    def received(self, data: bytes) -> Hello | None:
        """The hello, or None while some of it is missing.  `NotAHello` as soon as it can be none."""
        self.octets += data
        while self._at < len(self.octets) and self._take_record():
            if (hello := self._hello()) is not None:
                return hello
        if len(self.octets) > LONGEST_HELLO:
            raise NotAHello("too long")
        return None

    def _take_record(self) -> bool:
        """One record, if it is there, is part of the message now.  rfc8446#5.1"""
        head = self.octets[self._at : self._at + 5]
        if head[0] != HANDSHAKE or (len(head) > 1 and head[1] != 3):
            raise NotAHello("no handshake record")
        if len(head) < 5:
            return False
        length = int.from_bytes(head[3:])
        if not 0 < length <= LONGEST_RECORD:
            raise NotAHello("a record of a length that none has")
        end = self._at + 5 + length
        if len(self.octets) < end:
            return False
        self._message += self.octets[self._at + 5 : end]
        self._at = end
        return True

    def _hello(self) -> Hello | None:
        if self._message[0] != CLIENT_HELLO:
            raise NotAHello("no ClientHello")
        length = int.from_bytes(self._message[1:4])
        if length > LONGEST_HELLO:
            raise NotAHello("too long")
        if len(self._message) < 4 + length:
            return None
        return read_hello(bytes(self._message[4 : 4 + length]))


def read_hello(body: bytes) -> Hello:
    """A ClientHello without its header.  `NotAHello` says what is wrong with it."""
    reader = _Reader(body)
    reader.take(2 + 32)  # version, random
    reader.vector(1)  # session
    reader.vector(2)  # ciphers
    reader.vector(1)  # compression
    if reader.ended():  # a hello without extensions, as in old times
        return Hello()
    found = _extensions(_Reader(reader.vector(2)))
    if not reader.ended():
        raise NotAHello("octets behind the extensions")
    return Hello(_name(found.get(SERVER_NAME)), _alpn(found.get(ALPN)))


def _extensions(reader: "_Reader") -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while not reader.ended():
        kind = reader.number(2)
        if kind in found:
            raise NotAHello("an extension twice")
        found[kind] = reader.vector(2)
    return found


def _name(extension: bytes | None) -> bytes | None:
    """Of names there is one kind, and of that one name.  rfc6066#3"""
    if extension is None:
        return None
    reader = _Reader(extension)
    names = _Reader(reader.vector(2))
    kind, name = names.number(1), names.vector(2)
    if kind or not (names.ended() and reader.ended()):
        raise NotAHello("several names, or none")
    return name


def _alpn(extension: bytes | None) -> tuple[bytes, ...]:
    if extension is None:
        return ()
    reader = _Reader(extension)
    words = _Reader(reader.vector(2))
    if not reader.ended():
        raise NotAHello("octets behind ALPN")
    found = []
    while not words.ended():
        found.append(words.vector(1))
    if not all(found):
        raise NotAHello("an empty word")
    return tuple(found)


class _Reader:
    """Octets from left to right, never beyond the end."""

    __slots__ = ("_at", "_octets")

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def ended(self) -> bool:
        return self._at == len(self._octets)

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._octets):
            raise NotAHello("it ends too early")
        found = self._octets[self._at : end]
        self._at = end
        return found

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size))

    def vector(self, size: int) -> bytes:
        """rfc8446#3.4"""
        return self.take(self.number(size))
