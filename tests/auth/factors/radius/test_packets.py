"""Octets of RADIUS, ours and those of strangers."""

import random
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.factors.radius.packets import (
    Answer,
    Code,
    Fact,
    NoLibrary,
    NotBelieved,
    Question,
    library,
)
from mailtwist.config.secret import Secret
from tests.auth.factors.radius.wire import (
    ACCEPT,
    CHALLENGE,
    MESSAGE,
    PROXY_STATE,
    REJECT,
    SIGNATURE,
    Asked,
    answer,
    asked,
    written,
)

SECRET = "a shared secret that is long enough"
FACTS = [(Fact.USER_NAME, b"ann@example.org"), (Fact.NAS_IDENTIFIER, b"mail.example.org")]


def question(password: str | None = "271828", identifier: int = 7) -> Question:
    return Question(identifier, Secret(SECRET), FACTS, password)


def seen(one: Question) -> Asked:
    """As the server sees it."""
    return asked(one.octets, SECRET.encode())


class QuestionTests(SynchronousTestCase):
    def test_the_server_reads_what_was_asked(self) -> None:
        it = seen(question())
        self.assertEqual((it.code, it.identifier, it.name, it.password), (1, 7, "ann@example.org", "271828"))
        self.assertEqual(it.attributes[-1][0] == Fact.USER_PASSWORD, True)

    def test_long_codes_and_other_letters_arrive(self) -> None:
        for code in ("c" * 44, "p\N{LATIN SMALL LETTER U WITH DIAERESIS}sh", "1" * 16, "1" * 17, "x" * 128):
            self.assertEqual(seen(question(code)).password, code)

    def test_the_message_authenticator_comes_first_and_is_right(self) -> None:
        for one in (question(), question(None)):
            self.assertIs(seen(one).signed, True)

    def test_authenticators_are_never_the_same(self) -> None:
        self.assertEqual(len({seen(question()).authenticator for _ in range(50)}), 50)

    def test_whether_it_lives_is_a_question_without_a_name_or_a_password(self) -> None:
        it = seen(Question(9, Secret(SECRET), FACTS[1:], None))
        self.assertEqual((it.code, it.password), (12, None))

    def test_neither_code_nor_secret_is_shown(self) -> None:
        shown = repr(question())
        self.assertNotIn("271828", shown)
        self.assertNotIn(SECRET, shown)

    def test_without_the_library_it_is_said_how_to_get_it(self) -> None:
        library.cache_clear()
        self.addCleanup(library.cache_clear)
        with patch.dict("sys.modules", {"pyrad.packet": None}):
            error = self.assertRaises(NoLibrary, library)
        self.assertIn("pip install 'mailtwist[radius]'", str(error))


class AnswerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.question = question()
        self.seen = seen(self.question)

    def assertDropped(self, datagram: bytes) -> str:
        return self.assertRaises(NotBelieved, self.question.answered, datagram).why

    def test_signed_answers_are_believed(self) -> None:
        for code in (ACCEPT, REJECT, CHALLENGE):
            found = self.question.answered(answer(self.seen, code, [(MESSAGE, b"hello"), (MESSAGE, b"you")]))
            self.assertEqual(found, Answer(Code(code), "hello you"))

    def test_the_signature_may_stand_anywhere(self) -> None:
        import hmac
        from hashlib import md5

        rest = written([(MESSAGE, b"first")])
        head = bytes([ACCEPT, 7, 0, 20 + len(rest) + 18])
        clear = head + self.seen.authenticator + rest + written([(SIGNATURE, bytes(16))])
        body = rest + written([(SIGNATURE, hmac.digest(SECRET.encode(), clear, "md5"))])
        mark = md5(head + self.seen.authenticator + body + SECRET.encode()).digest()
        self.assertEqual(self.question.answered(head + mark + body).code, Code.ACCEPT)

    def test_octets_behind_the_packet_are_padding(self) -> None:
        self.assertEqual(self.question.answered(answer(self.seen) + b"\0" * 7).code, Code.ACCEPT)

    def test_without_a_message_authenticator_it_may_be_forged(self) -> None:
        self.assertIn("no Message-Authenticator", self.assertDropped(answer(self.seen, signed=False)))

    def test_another_secret_is_not_ours(self) -> None:
        for signed in (True, False):
            why = self.assertDropped(answer(self.seen, secret=b"another", signed=signed))
            self.assertIn("not signed with our secret", why)

    def test_a_reject_that_became_an_accept_is_dropped(self) -> None:
        said_no = answer(self.seen, REJECT)
        self.assertDropped(bytes([ACCEPT]) + said_no[1:])

    def test_an_answer_to_another_question_is_dropped(self) -> None:
        self.assertDropped(answer(seen(question())))
        self.assertDropped(answer(self.seen, identifier=8))

    def test_proxy_state_that_nobody_sent_is_dropped(self) -> None:
        """Where the chosen prefix of a collision hides (CVE-2024-3596)."""
        self.assertDropped(answer(self.seen, attributes=[(PROXY_STATE, b"x" * 200)]))

    def test_what_is_not_signed_is_not_parsed(self) -> None:
        """Parsing four kilobytes of attributes takes milliseconds, and somebody may send many."""
        with patch.object(library().AuthPacket, "CreateReply", side_effect=AssertionError("parsed")) as parse:
            for raw in (b"\x12\2" * 2000, b"\x50\2" * 2000):
                self.assertDropped(answer(self.seen, secret=b"another", raw=raw))
        self.assertEqual(parse.call_count, 0)

    def test_a_second_signature_does_not_count(self) -> None:
        good = answer(self.seen, raw=written([(SIGNATURE, b"x" * 16)]))
        self.assertEqual(self.question.answered(good).code, Code.ACCEPT)
        bad = answer(self.seen, REJECT, signed=False, raw=written([(SIGNATURE, b"x" * 16)]))
        self.assertDropped(bad)

    def test_other_codes_are_no_answers(self) -> None:
        for code in (0, 1, 4, 5, 12, 40, 41, 44, 255):
            self.assertDropped(answer(self.seen, code))

    def test_wrong_lengths_are_dropped(self) -> None:
        good = answer(self.seen)
        for size in range(len(good)):
            self.assertDropped(good[:size])
        self.assertDropped(b"")
        self.assertDropped(b"\2\7" + b"\xff\xff" + good[4:])
        self.assertDropped(b"\2\7" + b"\0\0" + good[4:])
        self.assertDropped(b"\2\7" + b"\0\x13" + good[4:])
        self.assertDropped(good + b"\0" * 4096)

    def test_attributes_of_no_length_end_it(self) -> None:
        for raw in (
            b"\x12\0",
            b"\x12\1",
            b"\x12",
            b"\x1a\0",
            b"\x1a\1abc",
            b"\x50\0",
            b"\x50\1",
            b"\0\0" * 50,
        ):
            self.assertDropped(answer(self.seen, raw=raw))

    def test_vendors_may_write_what_they_like(self) -> None:
        for value in (b"", b"\0", b"\0\0\1\x37\1\0", b"\0\0\1\x37\1\xff", b"\0\0\1\x37" + b"\1\2" * 100):
            found = self.question.answered(answer(self.seen, attributes=[(26, value)]))
            self.assertEqual(found.code, Code.ACCEPT)

    def test_a_message_in_no_known_letters_is_read(self) -> None:
        self.assertIn("\ufffd", self.question.answered(answer(self.seen, attributes=[(18, b"\xff")])).words)

    @given(st.binary(max_size=5000))
    @settings(max_examples=200, deadline=None)
    def test_no_octets_of_strangers_are_believed(self, datagram: bytes) -> None:
        self.assertDropped(datagram)

    @given(st.binary(max_size=300))
    @settings(max_examples=200, deadline=None)
    def test_whatever_is_signed_is_an_answer_or_dropped(self, raw: bytes) -> None:
        try:
            self.assertIsInstance(self.question.answered(answer(self.seen, raw=raw)), Answer)
        except NotBelieved:
            pass

    def test_no_octet_of_an_answer_can_be_another(self) -> None:
        good = answer(self.seen, REJECT, [(MESSAGE, b"no")])
        chance = random.Random(7)
        for at in range(len(good)):
            changed = bytes([good[at] ^ (1 << chance.randrange(8))])
            self.assertDropped(good[:at] + changed + good[at + 1 :])
