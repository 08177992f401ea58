"""A hostile ManageSieve client before servers that take the literal of a refused command for commands."""

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.relay.entrance import OFFERS, Entrance
from tests.gateway.relay.test_pop3_answers import cut

BASE = {
    b"LISTSCRIPTS": 0,
    b"HAVESPACE": 2,
    b"PUTSCRIPT": 2,
    b"SETACTIVE": 1,
    b"GETSCRIPT": 1,
    b"DELETESCRIPT": 1,
}
NEWER = {b"RENAMESCRIPT": 2, b"CHECKSCRIPT": 1, b"NOOP": 1}
FORBIDDEN = {b"UNAUTHENTICATE": 0, b"AUTHENTICATE": 2, b"STARTTLS": 0, b"CAPABILITY": 0}


class Unforgiving:
    """A server whose lexer is that of Cyrus: an octet over 0x7f in quotes, an unknown word, a wrong number of
    words end a command at the end of the line, whatever was announced there.  `done` is what it did, `wrong`
    how often it stumbled."""

    def __init__(self, known: dict[bytes, int]) -> None:
        self.known = known
        self.octets = b""
        self.done: list[bytes] = []
        self.wrong = 0

    def hears(self, octets: bytes) -> bytes:
        """Its answers."""
        self.octets += octets
        said = b""
        while (answer := self._next()) is not None:
            said += answer
        return said

    def _next(self) -> bytes | None:
        """One command; None when it is not whole."""
        line, end, rest = self.octets.partition(b"\r\n")
        if not end:
            return None
        name, _, left = line.partition(b" ")
        words: list[bytes] | None = [] if name in self.known else None
        while left and words is not None:
            if left[:1] == b"{":
                size = int(left[1:-2])
                left, end, more = rest[size:].partition(b"\r\n")
                if not end:
                    return None
                words.append(rest[:size])
                rest = more
            else:
                word, left = self._word(left)
                words = None if word is None else [*words, word]
            left = left.removeprefix(b" ")
        self.octets = rest
        if words is None or (len(words) != self.known[name] and name != b"NOOP"):
            self.wrong += 1
            return b'NO "?"\r\n'
        self.done.append(name)
        return self._answer(name, words)

    def _word(self, left: bytes) -> tuple[bytes | None, bytes]:
        found = re.match(rb'"((?:[\x01-\x21\x23-\x5b\x5d-\x7f]|\\["\\])*)"|([0-9]+)', left)
        return (None, b"") if found is None else (found[0].strip(b'"'), left[found.end() :])

    def _answer(self, name: bytes, words: list[bytes]) -> bytes:
        if name == b"HAVESPACE" and int(words[1]) > 60:
            return b'NO (QUOTA) "full"\r\n'
        if name == b"GETSCRIPT":
            return b"{%d}\r\n%b\r\nOK\r\n" % (len(words[0]), words[0])
        return b"OK\r\n"


INNER = st.sampled_from(
    [b"UNAUTHENTICATE\r\n", b'AUTHENTICATE "PLAIN" "AA=="\r\n', b"STARTTLS\r\n", b"keep;", b"{9+}\r\n"]
)
BODY = st.lists(INNER | st.binary(max_size=8), max_size=3).map(b"".join)
LITERAL = BODY.map(lambda body: b"{%d+}\r\n%b" % (len(body), body))
QUOTED = st.binary(max_size=8).map(lambda word: b'"%b"' % word)
WORD = (
    LITERAL
    | QUOTED
    | st.sampled_from([b'"a"', '"ä"'.encode(), b"1", b"99999999999", b'"\\"', b"{5}\r\n", b"{99+}\r\n"])
)
NAMES = st.sampled_from([*BASE, *NEWER, *FORBIDDEN, b"XNAME", b"putscript", b"", b'"a"'])
COMMAND = st.builds(
    lambda name, words, end: b" ".join((name, *words)) + end,
    NAMES, st.lists(WORD, max_size=3), st.sampled_from([b"\r\n", b"\r\n", b" x\r\n"]),
)  # fmt: skip


class HostileClientTests(SynchronousTestCase):
    @given(st.lists(COMMAND, max_size=8), st.lists(st.integers(0, 10**4), max_size=12), st.booleans())
    def test_no_server_stumbles_or_does_what_was_not_let_through(
        self, commands: list[bytes], places: list[int], newer: bool
    ) -> None:
        known = BASE | (NEWER if newer else {})
        entrance = Entrance("sieve", OFFERS["sieve"] if newer else ("SIEVE fileinto",)).logged_in()
        server = Unforgiving(known | FORBIDDEN)
        for piece in cut(b"".join(commands), places):
            entrance.client.send(piece)
            while heard := entrance.behind.heard():
                entrance.behind.says(server.hears(heard))
        self.assertEqual(server.wrong, 0)
        self.assertLessEqual(set(server.done), set(known))

    def test_the_model_is_as_bad_as_it_should_be(self) -> None:
        server = Unforgiving(BASE | FORBIDDEN)
        server.hears('PUTSCRIPT "ä" {16+}\r\nUNAUTHENTICATE\r\n\r\n'.encode())
        self.assertIn(b"UNAUTHENTICATE", server.done)
