"""What an authority says no with, made a sentence that is safe in a log."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.clock import BEGIN
from mailtwist.tls.acme.problem import MOST, NotIssued, Refused, refused, retry_after
from mailtwist.tls.https import Answer
from tests.tls.acme.faults import Problem, document

FIELDS = st.sampled_from(["type", "detail", "subproblems", "identifier", "value", "instance"])
ANYTHING = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(FIELDS, inner),
)
URL = "https://ca.example:14000/order"


def answer(body: Any, status: int = 400, **headers: str) -> Answer:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(URL, status, {name.replace("_", "-"): (value,) for name, value in headers.items()}, octets)


def told(body: Any, status: int = 400, **headers: str) -> Refused:
    return refused(answer(body, status, **headers), BEGIN)


class ProblemTests(SynchronousTestCase):
    def test_kind_and_words_and_host_are_in_the_sentence(self) -> None:
        error = told(document("rejectedIdentifier", 'Policy forbids issuing for "example.org"'))
        self.assertEqual(error.kind, "rejectedIdentifier")
        self.assertEqual(
            error.words,
            "ca.example:14000 says: Policy forbids issuing for 'example.org' (rejectedIdentifier)",
        )
        self.assertFalse(error.temporary)
        self.assertEqual(error.detail, error.words)
        self.assertEqual(error.public, "There is no certificate")

    def test_each_name_has_its_problem(self) -> None:
        problem = Problem("compound", "some are wrong", names={"a.test": "caa", "b.test": "dns"})
        error = told(problem.document())
        self.assertEqual(error.names, ("a.test", "b.test"))
        self.assertEqual([one.kind for one in error.problems], ["caa", "dns"])
        self.assertIn("a.test: caa: a.test (caa); b.test: dns: b.test (dns)", error.words)

    def test_a_name_of_its_own_counts_too(self) -> None:
        error = told(document("caa", "no") | {"identifier": {"type": "dns", "value": "a.test"}})
        self.assertEqual(error.names, ("a.test",))

    def test_a_page_to_read_is_told(self) -> None:
        page = document("userActionRequired", "new terms") | {"instance": "https://ca.example/terms"}
        self.assertTrue(told(page, 403).words.endswith("(userActionRequired); see https://ca.example/terms"))
        self.assertEqual(told(page | {"instance": "javascript:alert(1)"}).instance, "")

    def test_what_is_no_problem_document_is_known_by_its_status(self) -> None:
        for body in (b"<html>", b"[]", b'"x"', b"{}", {"type": 5, "detail": ["x"]}, {"type": "about:blank"}):
            self.assertEqual(told(body, 429).kind, "rateLimited", body)
            self.assertEqual(told(body, 503).kind, "serverInternal", body)
            self.assertEqual(told(body, 404).kind, "", body)
            self.assertIn("it answers 404", told(body, 404).words)

    def test_strangers_words_stay_on_their_line(self) -> None:
        error = told(document("dns", "evil\r\nFAKE LINE\x1b[31m ü \u202e" + "x" * 10_000))
        self.assertTrue(error.words.isascii() and error.words.isprintable(), error.words)
        self.assertLess(len(error.words), 700)

    def test_thousands_of_names_make_no_book(self) -> None:
        names = {f"n{number}.test": "dns" for number in range(5000)}
        self.assertEqual(len(told(Problem("dns", names=names).document()).problems), MOST)

    def test_kinds_are_words(self) -> None:
        for kind in ("x y", "ü", "x" * 50, "", "a/b"):
            self.assertEqual(told(document(kind, "no")).kind, "", kind)

    def test_what_may_be_well_tomorrow_is_temporary(self) -> None:
        for kind in ("rateLimited", "serverInternal", "dns", "connection", "unauthorized", "", "newKind"):
            self.assertTrue(told(document(kind, "no")).temporary, kind)
        for kind in ("caa", "rejectedIdentifier", "externalAccountRequired", "badPublicKey"):
            self.assertFalse(told(document(kind, "no")).temporary, kind)

    @given(ANYTHING)
    def test_whatever_it_is_it_is_understood(self, body: Any) -> None:
        self.assertIsInstance(told(body), NotIssued)


class RetryAfterTests(SynchronousTestCase):
    def after(self, text: str, **how: float) -> float | None:
        return retry_after(answer({}, retry_after=text), BEGIN, **how)

    def test_seconds_and_dates_are_understood(self) -> None:
        self.assertEqual(self.after("120"), 120)
        self.assertEqual(self.after(" 0 "), 0)
        self.assertEqual(self.after("Fri, 15 Jan 2027 08:01:40 GMT"), 100)
        self.assertEqual(self.after("Fri, 15 Jan 2027 07:00:00 GMT"), 0)

    def test_nobody_waits_for_ever(self) -> None:
        self.assertEqual(self.after("9" * 90), 30 * 86400)
        self.assertEqual(self.after("Fri, 15 Jan 2099 08:01:40 GMT"), 30 * 86400)
        self.assertEqual(self.after("500", most=60.0), 60)

    def test_anything_else_is_nothing(self) -> None:
        for text in (
            "",
            "-1",
            "soon",
            "1.5",
            "٣",
            "1e9",
            "Fri, 99 Jan 2027 08:01:40 GMT",
            "x" * 5000,
            "0x10",
        ):
            self.assertIsNone(self.after(text), text)

    def test_a_refusal_has_it(self) -> None:
        self.assertEqual(told(document("rateLimited", "slow"), 429, retry_after="33").retry_after, 33)
