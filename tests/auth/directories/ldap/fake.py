"""An LDAP server in memory that says whatever a test wants, for what no real one can be made to say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.protocol import Factory, Protocol

from mailtwist.auth.directories.ldap import messages
from mailtwist.auth.directories.ldap.filters import tlv

BIND, SEARCH, UNBIND, EXTENDED = 0x60, 0x63, 0x42, 0x77
_ANSWERS = {BIND: 0x61, SEARCH: 0x65, EXTENDED: 0x78}


def message(number: int, operation: bytes, controls: bytes = b"") -> bytes:
    return tlv(0x30, tlv(2, number.to_bytes(4)) + operation + controls)


def result(kind: int, code: int, words: str = "", refers: str = "") -> bytes:
    """The end of an operation of this kind."""
    referral = tlv(0xA3, tlv(4, refers.encode())) if refers else b""
    return tlv(_ANSWERS[kind], tlv(10, bytes([code])) + tlv(4, b"") + tlv(4, words.encode()) + referral)


def entry(dn: str, **attributes: Sequence[str | bytes]) -> bytes:
    listed = b""
    for name, values in attributes.items():
        octets = (one.encode() if isinstance(one, str) else one for one in values)
        listed += tlv(0x30, tlv(4, name.encode()) + tlv(0x31, b"".join(tlv(4, one) for one in octets)))
    return tlv(0x64, tlv(4, dn.encode()) + tlv(0x30, listed))


@dataclass(frozen=True)
class Asked:
    """A question: its tag, and all its octets."""

    kind: int
    octets: bytes = field(repr=False)


class FakeLdap(Factory[Any]):
    """`says` gets a question and answers with operations, or None for silence.  `raw` is sent in place of all
    that, as it is.  `asked` are all questions, `connections` those that were made."""

    noisy = False

    def __init__(self, says: Callable[[Asked], Sequence[bytes] | None] | None = None) -> None:
        self.says = says or (lambda asked: [result(asked.kind, 0)])
        self.raw: bytes | None = None
        self.hangs_up = False
        self.asked: list[Asked] = []
        self.connections = 0

    def buildProtocol(self, addr: object) -> Protocol:
        self.connections += 1
        return _Fake(self)


class _Fake(Protocol):
    transport: Any

    def __init__(self, fake: FakeLdap) -> None:
        self._fake = fake
        self._in = b""

    def dataReceived(self, data: bytes) -> None:
        self._in += data
        while 0 < (size := messages.size(self._in)) <= len(self._in):
            octets, self._in = self._in[:size], self._in[size:]
            self._answer(octets)

    def _answer(self, octets: bytes) -> None:
        start = 2 if octets[1] < 128 else 2 + octets[1] - 128
        end = start + 2 + octets[start + 1]
        asked = Asked(octets[end], octets)
        self._fake.asked.append(asked)
        if asked.kind == UNBIND:
            return
        if self._fake.raw is not None:
            self.transport.write(self._fake.raw)
        else:
            number = int.from_bytes(octets[start + 2 : end])
            for operation in self._fake.says(asked) or ():
                self.transport.write(message(number, operation))
        if self._fake.hangs_up:
            self.transport.loseConnection()
