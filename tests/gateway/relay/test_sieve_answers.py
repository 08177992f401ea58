"""Answers of a ManageSieve server, cut anywhere."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.relay.sieve_answers import LONGEST, Answers
from mailtwist.gateway.relay.steps import OutOfStep
from tests.gateway.relay.test_pop3_answers import cut

ANSWERS: dict[bytes, str] = {
    b"OK\r\n": "OK",
    b'OK (WARNINGS) {6}\r\nOK\r\nNO "text"\r\n': "OK",
    b'"a script"\r\n"OK" ACTIVE\r\n{2}\r\nNO\r\nOK "Listscripts completed."\r\n': "OK",
    b"{11}\r\nOK\r\n{3}\r\nNO\r\nok\r\n": "OK",
    b'NO (QUOTA/MAXSIZE) "too {3}"\r\n': "NO",
    b'BYE (TRYLATER) "gone"\r\n': "BYE",
    b"{5+}\r\n\r\n\r\n!\r\nNO\r\n": "NO",
    b"OKAY\r\nNO\r\n": "NO",
}


def verdicts(pieces: Sequence[bytes]) -> tuple[bytes, list[str]]:
    answers = Answers()
    passed = [one for piece in pieces for one in answers.passed(piece)]
    assert answers.between
    return b"".join(octets for octets, _ in passed), [verdict for _, verdict in passed if verdict]


class SieveAnswerTests(SynchronousTestCase):
    @given(
        st.lists(st.sampled_from(sorted(ANSWERS)), max_size=8), st.lists(st.integers(0, 10**5), max_size=30)
    )
    def test_however_the_stream_is_cut_answers_end_where_they_end(
        self, said: list[bytes], places: list[int]
    ) -> None:
        octets = b"".join(said)
        self.assertEqual(verdicts(cut(octets, places)), (octets, [ANSWERS[one] for one in said]))

    @given(st.binary(max_size=200), st.lists(st.integers(0, 10**5), max_size=10))
    def test_a_script_may_hold_anything(self, script: bytes, places: list[int]) -> None:
        octets = b"{%d}\r\n%b\r\nOK\r\n" % (len(script), script)
        self.assertEqual(verdicts(cut(octets, places)), (octets, ["OK"]))

    def test_a_line_without_end_is_not_kept(self) -> None:
        answers = Answers()
        with self.assertRaises(OutOfStep):
            list(answers.passed(b"x" * (LONGEST + 1)))

    def test_it_is_known_whether_a_line_has_begun(self) -> None:
        answers = Answers()
        for said, between in (
            (b"{3", False),
            (b"}\r\n", False),
            (b"abc", False),
            (b"\r\n", True),
            (b"OK", False),
        ):
            list(answers.passed(said))
            self.assertEqual(answers.between, between, said)
