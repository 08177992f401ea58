"""No other command gets through IMAP, whatever a client says, and whatever the server answers when."""

import re
from collections import deque

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.relay.imap_words import carried
from tests.gateway.relay.imap_scene import OFFERS, Scene

EVIL = b"x UNAUTHENTICATE\r\n"
SAID = (
    EVIL,
    b"x unauthenticate\r\n",
    b"x LOGIN bob secret\r\n",
    b"x AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=\r\n",
    b"x PROXYAUTH bob\r\n",
    b"x\tUNAUTHENTICATE\r\n",
    b"x  UNAUTHENTICATE\r\n",
    b" x UNAUTHENTICATE\r\n",
    b"x UID UNAUTHENTICATE\r\n",
    b"x UID UID FETCH 1 FLAGS\r\n",
    b"x COMPRESS DEFLATE\r\n",
    b"x STARTTLS\r\n",
    b"+ UNAUTHENTICATE\r\n",
    b"* UNAUTHENTICATE\r\n",
    b"x UNAUTHENTICATE\0\r\n",
    b"x NOOP\0\r\n",
    b"x NOOP\r\n",
    b"b NOOP\r\n",
    b"b noop {18-}\r\n",
    b"b NOOP {18+} \r\n",
    b"b NOOP {018}\r\n",
    b"b NOOP {4294967314}\r\n",
    b"b FETCH 1 BODY[HEADER.FIELDS ({4}\r\n",
    b"Date)]\r\n",
    b"b SEARCH {18}\r\n",
    b"b SEARCH {18+}\r\n",
    b"b SEARCH TEXT ~{18}\r\n",
    b'b SELECT "{18}\r\n',
    b'b SELECT "\\" {18}\r\n',
    b'b SELECT "\\\\" {18+}\r\n',
    b'b SELECT x"y" {18+}\r\n',
    b"b APPEND INBOX {18}\r\n",
    b"b APPEND INBOX {18+}\r\n",
    b"b APPEND INBOX (\\Seen) {36+}\r\n",
    b"x APPEND INBOX {18}\r\n",
    b"x APPEND INBOX {0}\r\n",
    b"b APPEND INBOX {18+}\r\n" + EVIL + b"\r\n",
    b"b APPEND INBOX {18+}\r\n" + EVIL + EVIL,
    b"b APPEND INBOX {18+}\r\n" + EVIL + b" {18+}\r\n" + EVIL + b"\r\n",
    b" {18}\r\n",
    b" {18+}\r\n",
    b") {18+}\r\n",
    b"\r\n",
    b"c IDLE\r\n",
    b"x IDLE\r\n",
    b"c IDLE {18+}\r\n",
    b"DONE\r\n",
    b"done\r\n",
    b"DONE " + EVIL,
    b"c ID NIL\r\n",
    b"c ID ({18+}\r\n",
    b"c CAPABILITY\r\n",
    b"c CAPABILITY {18+}\r\n",
    b"c UNAUTHENTICATE {18+}\r\n",
    b"d FETCH 1:*" + b",1" * 40_000 + b" FLAGS\r\n",
    b"e LIST \"\" (\r\nx UNAUTHENTICATE\r\n",
    b"f NOOP\rx UNAUTHENTICATE\r\n",
    b"f NOOP\nx UNAUTHENTICATE\r\n",
)  # fmt: skip
PASS = carried(OFFERS).commands
OPENING = re.compile(rb"([!-~]+) ((?i:UID )?[^ ]+)(.*)", re.DOTALL)


class Strict:
    """A server that reads by the book, and fails when it is told what it must not be.  What it says waits in
    `answers`; `moods` say what it does with literals: it asks for them, or does not; or it asks, and answers
    before it has them, or before the line ends."""

    def __init__(self, case: SynchronousTestCase, moods: list[str]) -> None:
        self.case = case
        self.moods = deque(moods)
        self.heard: list[bytes] = []
        self.answers: deque[bytes] = deque()
        self._in = b""
        self._tag = b""
        self._begun = b""
        self._literal = 0
        self._idles = False
        self._asked = False
        self._answered = False

    def hear(self, said: bytes) -> None:
        if said and self._asked:
            self.case.assertNotIn(b"+ go\r\n", self.answers, "it has not asked yet")
        self._in += said
        while self._step():
            pass

    def _step(self) -> bool:
        if self._literal:
            taken, self._in = self._in[: self._literal], self._in[self._literal :]
            self._literal -= len(taken)
            self._asked = bool(self._literal)
            return bool(taken)
        line, end, rest = self._in.partition(b"\r\n")
        if end:
            self._in = rest
            self._line(line)
        return bool(end)

    def _line(self, line: bytes) -> None:
        self._asked = False
        if self._idles:
            self.case.assertEqual(line, b"DONE")
            self._idles = False
            self._answer(b"OK")
            return
        if not self._begun:
            found = OPENING.fullmatch(line + b" ")
            assert found is not None or line == b"", line
            if found is None:
                self.answers.append(b"* BAD\r\n")
                return
            self._tag, self._answered = found[1], False
            self.heard.append(found[2])
            self.case.assertIn(found[2].decode(), PASS)
            if found[2] == b"IDLE":
                self._idle()
                return
        self._begun += line
        self._rest(line)

    def _idle(self) -> None:
        if self._mood() == "refuse":
            self._answer(b"NO")
        else:
            self.answers.append(b"+ idling\r\n")
            self._idles = True

    def _rest(self, line: bytes) -> None:
        announced = re.search(rb"\{([0-9]*)([^}]*)\}\s*\Z", line)
        if announced is None or line.count(b'"') % 2:
            self._answer(b"OK")
            self._begun = b""
            return
        self.case.assertEqual(announced[2], b"")
        mood = self._mood()
        if mood == "refuse":
            self._answer(b"NO")
            self._begun = b""
            return
        self._literal = int(announced[1])
        self._asked = bool(self._literal)
        self.answers.append(b"+ go\r\n")
        if mood == "early":
            self._answer(b"NO")

    def _mood(self) -> str:
        return self.moods.popleft() if self.moods else "ask"

    def _answer(self, status: bytes) -> None:
        if not self._answered:
            self._answered = True
            self.answers.append(b"%b %b {18}\r\n" % (self._tag, status))


class HostileTests(SynchronousTestCase):
    @settings(max_examples=300, deadline=None)
    @example(  # it answers in the middle, and goes on asking
        [b"b APPEND INBOX {18+}\r\n" + EVIL + b" {18+}\r\n" + EVIL, b'b SELECT "x" {18+}\r\n', EVIL],
        [],
        [],
        ["early"],
    )
    @given(
        st.lists(st.sampled_from(SAID), min_size=1, max_size=12),
        st.lists(st.integers(1, 60), max_size=20),
        st.lists(st.integers(0, 4), max_size=60),
        st.lists(st.sampled_from(["ask", "refuse", "early"]), max_size=6),
    )
    def test_nothing_else_gets_through(
        self, said: list[bytes], sizes: list[int], turns: list[int], moods: list[str]
    ) -> None:
        scene = Scene().logged_in()
        strict = Strict(self, moods)
        left = b"".join(said)
        order, pieces = deque(turns), deque(sizes)
        while left and not scene.client.disconnecting:
            size = pieces.popleft() if pieces else 4096
            strict.hear(scene.asks(left[:size]))
            left = left[size:]
            for _ in range(order.popleft() if order else 1):
                self.let_answer(scene, strict)
        while strict.answers:
            self.let_answer(scene, strict)

    def let_answer(self, scene: Scene, strict: Strict) -> None:
        if strict.answers:
            answer = strict.answers.popleft()
            scene.says(answer)
            if answer.startswith(b"+ go"):
                strict._asked = False
            strict.hear(scene.behind.heard())

    def test_honest_commands_do(self) -> None:
        """The model is not deaf."""
        scene, strict = Scene().logged_in(), Strict(self, ["ask", "refuse", "ask"])
        for said in (
            b"1 NOOP\r\n2 UID FETCH 1 FLAGS\r\n",
            b"3 APPEND INBOX {18+}\r\n" + EVIL + b"\r\n",
            b"4 APPEND INBOX {18+}\r\n" + EVIL + b"\r\n",
            b"5 IDLE\r\nDONE\r\n6 NOOP\r\n",
        ):
            strict.hear(scene.asks(said))
            while strict.answers:
                self.let_answer(scene, strict)
        self.assertEqual(strict.heard, [b"NOOP", b"UID FETCH", b"APPEND", b"APPEND", b"IDLE", b"NOOP"])
