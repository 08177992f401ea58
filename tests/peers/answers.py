"""What an IMAP server says, as values that can be compared: the same words in any spelling are equal."""

import re
import socket

Value = bytes | None | list["Value"]

_TOKEN = re.compile(
    rb'(?P<quoted>"(?:[^"\\]|\\.)*")|~?\{(?P<literal>\d+)\}\r\n|(?P<open>\()|(?P<close>\))'
    rb"|(?P<atom>[^ ()\"{\r\n\[]+(?:\[[^\]]*\](?:<\d+>)?)?)|(?P<blank> )",
    re.DOTALL,
)


def values(answer: bytes) -> list[Value]:
    """The parenthesised words of one whole answer; quoted strings and literals are the octets they mean, an
    atom is upper case (and NIL is None)."""
    stack: list[list[Value]] = [[]]
    at = 0
    while at < len(answer):
        found = _TOKEN.match(answer, at)
        if found is None:
            raise ValueError(f"no IMAP: {answer[at : at + 60]!r}")
        at = found.end()
        if found["open"]:
            stack.append([])
        elif found["close"]:
            whole = stack.pop()
            stack[-1].append(whole)
        elif found["literal"]:
            stack[-1].append(answer[at : at + int(found["literal"])])
            at += int(found["literal"])
        elif not found["blank"]:
            stack[-1].append(_word(found))
    (only,) = stack
    return only


def _word(found: re.Match[bytes]) -> bytes | None:
    if found["quoted"]:
        return re.sub(rb"\\(.)", rb"\1", found["quoted"][1:-1])
    return None if found["atom"].upper() == b"NIL" else found["atom"].upper()


class Asking:
    """A connection to an IMAP server: a command goes out, its untagged answers come back whole."""

    def __init__(self, connection: socket.socket) -> None:
        self._file = connection.makefile("rwb")
        self._number = 0
        self._line()

    def ask(self, command: bytes) -> tuple[list[bytes], bytes]:
        """The untagged answers without their `* `, and the tagged one without its tag."""
        self._number += 1
        tag = b"a%d " % self._number
        self._file.write(tag + command + b"\r\n")
        self._file.flush()
        told = []
        while not (line := self._line()).startswith(tag):
            told.append(line.removeprefix(b"* "))
        return told, line.removeprefix(tag)

    def told(self, command: bytes) -> list[bytes]:
        """The untagged answers of what must not fail."""
        told, end = self.ask(command)
        if not end.upper().startswith(b"OK"):
            raise AssertionError(f"{command[:200]!r}: {end!r}")
        return told

    def _line(self) -> bytes:
        """Up to the line end that is in no literal, without it."""
        whole = b""
        while True:
            line = self._file.readline()
            if not line:
                raise EOFError(whole)
            announced = re.search(rb"\{(\d+)\}\r\n\Z", line)
            if announced is None:
                return whole + line.removesuffix(b"\r\n")
            whole += line + self._file.read(int(announced[1]))
