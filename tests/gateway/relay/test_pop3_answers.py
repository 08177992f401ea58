"""Answers of a POP3 server, cut anywhere, with ours between them."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.relay.pop3_answers import LONGEST, Answers
from mailtwist.gateway.relay.steps import OutOfStep

BODY = b"+OK\r\nline\r\n..\r\n...\r\n.x\r\n\r\n.\r\n"
ANSWERS: dict[bytes, bool] = {
    b"+OK 3 300\r\n": False,
    b"-ERR no such\r\n": True,
    b"-ERR [SYS/TEMP] no\r\n": False,
    b"+OK\r\n.\r\n": True,
    BODY: True,
    b"+OK " + b"x" * 300 + b"\r\n" + b"y" * 3000 + b"\r\n.\r\n": True,
    b"ours 1\r\n": False,
    b"ours 2\r\n": False,
}


def cut(octets: bytes, places: Sequence[int]) -> list[bytes]:
    at = sorted({0, len(octets), *(place % (len(octets) + 1) for place in places)})
    return [octets[a:b] for a, b in zip(at, at[1:], strict=False)]


class Pop3AnswerTests(SynchronousTestCase):
    @given(
        st.lists(st.sampled_from(sorted(ANSWERS)), max_size=8), st.lists(st.integers(0, 10**5), max_size=30)
    )
    def test_however_the_stream_is_cut_answers_keep_their_order(
        self, said: list[bytes], places: list[int]
    ) -> None:
        answers = Answers()
        heard = b""
        for one in said:
            if one.startswith(b"ours"):
                heard += answers.ours(one)
            else:
                answers.asked(lines=ANSWERS[one])
        theirs = b"".join(one for one in said if not one.startswith(b"ours"))
        for piece in cut(theirs, places):
            heard += answers.passed(piece)
        self.assertEqual(heard, b"".join(said))
        self.assertEqual((answers.waiting, answers.between), (0, True))

    @given(st.binary(max_size=200).filter(lambda body: b"\r\n.\r\n" not in b"\r\n" + body + b"\r\n"))
    def test_a_body_ends_where_it_ends(self, body: bytes) -> None:
        answers = Answers()
        answers.asked(lines=True)
        self.assertEqual(answers.ours(b"ours"), b"")
        whole = b"+OK\r\n" + body + b"\r\n.\r\n"
        heard = b"".join(answers.passed(whole[n : n + 1]) for n in range(len(whole)))
        self.assertEqual(heard, whole + b"ours")

    def test_ours_are_said_at_once_when_nothing_is_on_its_way(self) -> None:
        answers = Answers()
        self.assertEqual(answers.ours(b"ours"), b"ours")
        answers.asked(lines=False)
        self.assertEqual(answers.ours(b"ours"), b"")
        self.assertEqual(answers.passed(b"+OK\r\n"), b"+OK\r\nours")
        self.assertEqual(answers.ours(b"ours"), b"ours")

    def test_an_answer_to_nothing_is_not_passed_on(self) -> None:
        answers = Answers()
        answers.asked(lines=False)
        with self.assertRaises(OutOfStep):
            answers.passed(b"+OK\r\n+OK\r\n")

    def test_what_is_no_answer_is_not_passed_on(self) -> None:
        for said in (b"* OK\r\n", b"+ go on\r\n", b"\r\n", b"HTTP/1.1 200\r\n", b"x" * (LONGEST + 1)):
            answers = Answers()
            answers.asked(lines=True)
            with self.assertRaises(OutOfStep):
                answers.passed(said)

    def test_a_server_may_say_goodbye_unasked_once(self) -> None:
        answers = Answers()
        self.assertEqual(answers.passed(b"-ERR idle for "), b"")
        self.assertFalse(answers.goodbye)
        self.assertEqual(answers.passed(b"too long\r\n"), b"-ERR idle for too long\r\n")
        self.assertTrue(answers.goodbye)
        with self.assertRaises(OutOfStep):
            answers.passed(b"-ERR\r\n")

    def test_it_is_known_whether_an_answer_has_begun(self) -> None:
        answers = Answers()
        answers.asked(lines=True)
        for said, between in ((b"+O", False), (b"K\r\n", False), (b"x\r\n.", False), (b"\r\n", True)):
            answers.passed(said)
            self.assertEqual(answers.between, between)
