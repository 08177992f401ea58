"""Octets that end a message for some servers and not for others, with a second mail behind them."""

from collections.abc import Iterator
from dataclasses import dataclass

EOLS = (b"\n", b"\r", b"\r\n", b"\n\r", b"\r\r\n", b"\r\n\n", b"\x0b", b"\x0c", b"\xc2\x85", b"\xe2\x80\xa8")
ODD = (
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\0\n.\r\n",
    b"\r\n..\r\n",
    b"\r\n .\r\n",
    b"\r\n. \r\n",
    b"\r\n.\t\r\n",
    b"\r\n.\x1a\r\n",
    b"\x1a\r\n",
    b"\0",
)
END = b"\r\n.\r\n"


def ends() -> Iterator[bytes]:
    """All but the one that is right."""
    yield from (before + b"." + after for before in EOLS for after in EOLS if before + b"." + after != END)
    yield from ODD


@dataclass(frozen=True)
class Case:
    """`octets` are said after DATA: a message with `end` in it and all that an attacker would like to be
    commands behind that.  `message` is what has been sent then; None: nothing, it is refused."""

    end: bytes
    number: int
    domain: str = "sink.test"

    @property
    def recipient(self) -> bytes:
        return f"first{self.number}@{self.domain}".encode()

    @property
    def victim(self) -> bytes:
        return f"victim{self.number}@{self.domain}".encode()

    @property
    def body(self) -> bytes:
        second = b"MAIL FROM:<evil@inside.test>\r\nRCPT TO:<%b>\r\nDATA\r\n" % self.victim
        return b"Subject: %d\r\n\r\nfirst%b%bSubject: second\r\n\r\nx\r\n" % (self.number, self.end, second)

    @property
    def octets(self) -> bytes:
        return self.body + END[2:]

    @property
    def message(self) -> bytes | None:
        head = self.octets.partition(END)[0] + b"\r\n"
        if not framed(head):
            return None
        return b"\r\n".join(line[line.startswith(b".") :] for line in head.split(b"\r\n"))

    @property
    def cuts(self) -> range:
        """Places around the end."""
        at = self.body.index(b"first") + 5
        return range(at - 1, at + len(self.end) + 2)


def framed(octets: bytes) -> bool:
    """No CR or LF stands alone."""
    rest = octets.replace(b"\r\n", b"")
    return b"\r" not in rest and b"\n" not in rest


def cases(domain: str = "sink.test", first: int = 0) -> list[Case]:
    return [Case(end, number, domain) for number, end in enumerate(ends(), first)]
