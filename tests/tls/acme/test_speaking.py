"""Signed requests: nonces, tries, and an authority that has no time."""

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.testing.clock import ManualClock
from mailtwist.tls.acme.account_key import AccountKey
from mailtwist.tls.acme.polling import FIRST, until
from mailtwist.tls.acme.problem import NotIssued, Refused
from mailtwist.tls.acme.speaking import AGE, AT_ONCE, BAD_NONCES, NONCES, TRIES, Speaking
from mailtwist.tls.https import Answer
from tests.tls.acme.asking import HOST, InMemory, answer, away, lost, problem

KEY = AccountKey.new()
NEW_NONCE = f"{HOST}/nonce"


class SpeakingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()

    def speaking(self, *answers: Any) -> Speaking:
        self.https = InMemory(*answers)
        return Speaking(self.https, self.clock, frozenset({"ca.example"}))

    def post(
        self, speaking: Speaking, payload: Any = None, url: str = f"{HOST}/x", **how: Any
    ) -> Deferred[Answer]:
        return started(speaking.post(url, payload, KEY, new_nonce=NEW_NONCE, **how))

    def refused(self, asking: Deferred[Answer]) -> NotIssued:
        return self.failureResultOf(asking, NotIssued).value


class SignedTests(SpeakingCase):
    def test_a_request_is_signed_with_url_nonce_and_account(self) -> None:
        asking = self.post(self.speaking(answer(201)), {"a": 1}, account=f"{HOST}/acct/1")
        self.assertEqual(self.successResultOf(asking).status, 201)
        fresh, request = self.https.asked
        self.assertEqual((fresh.method, fresh.url), ("HEAD", NEW_NONCE))
        self.assertEqual(
            request.header, {"alg": "ES256", "kid": f"{HOST}/acct/1", "nonce": "fresh-1", "url": f"{HOST}/x"}
        )
        self.assertEqual(request.payload, {"a": 1})
        self.assertEqual(request.headers["Content-Type"], "application/jose+json")

    def test_without_an_account_the_key_is_told(self) -> None:
        self.successResultOf(self.post(self.speaking(answer()), {}))
        self.assertEqual(self.https.asked[-1].header["jwk"], KEY.jwk)

    def test_to_ask_for_what_is_there_the_payload_is_empty(self) -> None:
        self.successResultOf(self.post(self.speaking(answer()), None))
        self.assertEqual(self.https.asked[-1].payload, b"")

    def test_no_request_goes_to_anybody_else(self) -> None:
        for url in (
            "https://evil.example/x",
            "http://ca.example/x",
            "https://ca.example.evil/",
            "x",
            "https://[::1/",
        ):
            speaking = self.speaking(answer())
            self.assertEqual(self.refused(self.post(speaking, url=url)).kind, "nonsense", url)
            self.assertEqual([one.url for one in self.https.asked if one.method != "HEAD"], [])
            self.failureResultOf(started(speaking.get(url)), NotIssued)


class NonceTests(SpeakingCase):
    def test_the_nonce_of_an_answer_is_used_next(self) -> None:
        speaking = self.speaking(answer(nonce="one"), answer(nonce="two"), answer())
        for _ in range(3):
            self.successResultOf(self.post(speaking))
        self.assertEqual(self.https.nonces(), ["fresh-1", "one", "two"])

    def test_the_newest_goes_first_and_few_are_kept(self) -> None:
        speaking = self.speaking(*(answer(nonce=f"n{n}") for n in range(30)))
        for _ in range(30):
            self.successResultOf(started(speaking.get(f"{HOST}/dir")))
        self.https.answers = [answer() for _ in range(NONCES + 1)]
        for _ in range(NONCES + 1):
            self.successResultOf(self.post(speaking))
        self.assertEqual(self.https.nonces(), [f"n{29 - n}" for n in range(NONCES)] + ["fresh-1"])

    def test_an_old_one_is_not_used(self) -> None:
        speaking = self.speaking(answer(nonce="old"), answer())
        self.successResultOf(self.post(speaking))
        self.clock.advance(AGE)
        self.successResultOf(self.post(speaking))
        self.assertEqual(self.https.nonces(), ["fresh-1", "fresh-2"])

    def test_a_refused_nonce_is_replaced_by_that_of_the_refusal(self) -> None:
        bad = [problem("badNonce", nonce=f"again-{n}") for n in range(BAD_NONCES)]
        asking = self.post(self.speaking(*bad, answer(200)))
        self.assertEqual(self.successResultOf(asking).status, 200)
        self.assertEqual(self.https.nonces(), ["fresh-1", *(f"again-{n}" for n in range(BAD_NONCES))])

    def test_who_takes_no_nonce_at_all_is_given_up(self) -> None:
        asking = self.post(self.speaking(*[problem("badNonce") for _ in range(100)]))
        self.assertEqual(self.refused(asking).kind, "badNonce")
        self.assertEqual(len(self.https.nonces()), BAD_NONCES + 1)

    def test_what_is_no_nonce_is_not_signed(self) -> None:
        speaking = self.speaking(*(answer(nonce=text) for text in ("a b", 'x"', "ü", "x" * 600, "a,b")))
        for _ in range(5):
            self.successResultOf(self.post(speaking))
        self.assertEqual(self.https.nonces(), [f"fresh-{n}" for n in range(1, 6)])

    def test_who_gives_none_is_told(self) -> None:
        speaking = self.speaking(answer())
        self.https.ask = lambda *a, **k: _made(answer()(NEW_NONCE))  # type: ignore[method-assign]
        self.assertIn("it gives no nonces", self.refused(self.post(speaking)).words)


class TriesTests(SpeakingCase):
    def test_a_lost_connection_is_tried_again_with_another_nonce(self) -> None:
        asking = self.post(self.speaking(lost, answer()))
        self.assertEqual(self.successResultOf(asking).status, 200)
        self.assertEqual(self.https.nonces(), ["fresh-1", "fresh-2"])

    def test_not_for_ever(self) -> None:
        error = self.refused(self.post(self.speaking(*[lost] * 100)))
        self.assertEqual((error.kind, error.temporary), ("unreachable", True))
        self.assertEqual(len(self.https.nonces()), TRIES)

    def test_an_authority_that_is_away_is_not_asked_again(self) -> None:
        error = self.refused(self.post(self.speaking(away)))
        self.assertEqual((error.kind, error.words), ("unreachable", "ca.example did not answer in 30 s"))
        self.assertEqual(len(self.https.nonces()), 1)

    def test_a_busy_one_is_asked_a_little_later(self) -> None:
        asking = self.post(self.speaking(answer(503), answer(500, b"<html>"), answer()))
        self.assertNoResult(asking)
        self.clock.advance(1)
        self.assertNoResult(asking)
        self.clock.advance(2)
        self.assertEqual(self.successResultOf(asking).status, 200)

    def test_as_much_later_as_it_says(self) -> None:
        asking = self.post(self.speaking(problem("rateLimited", 429, retry_after="9"), answer()))
        self.clock.advance(8.9)
        self.assertNoResult(asking)
        self.clock.advance(0.2)
        self.successResultOf(asking)

    def test_who_wants_to_be_left_alone_for_long_is(self) -> None:
        for how in (problem("rateLimited", 429, retry_after="11"), problem("rateLimited", 429)):
            error = self.refused(self.post(self.speaking(how)))
            self.assertEqual(error.kind, "rateLimited")
        error = self.refused(self.post(self.speaking(answer(503, retry_after="3600"))))
        self.assertEqual(error.retry_after, 3600)

    def test_it_is_not_asked_for_ever(self) -> None:
        asking = self.post(self.speaking(*[answer(503)] * 100))
        self.clock.reactor.pump([1.0] * 60)
        self.assertEqual(self.refused(asking).kind, "serverInternal")
        self.assertEqual(len(self.https.nonces()), TRIES)

    def test_what_is_refused_is_not_asked_again(self) -> None:
        error = self.refused(self.post(self.speaking(problem("caa", 403))))
        self.assertIsInstance(error, Refused)
        self.assertEqual(len(self.https.nonces()), 1)

    def test_a_redirect_is_not_followed(self) -> None:
        for status in (301, 302, 307, 304, 102):
            error = self.refused(self.post(self.speaking(answer(status, location=f"{HOST}/y"))))
            self.assertEqual(error.kind, "nonsense")
            self.assertIn(str(status), error.words)

    def test_who_is_called_off_while_it_waits_leaves_no_timer(self) -> None:
        asking = self.post(self.speaking(answer(503), answer()))
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_only_some_are_made_at_once(self) -> None:
        speaking = self.speaking()
        waiting: list[Deferred[None]] = []

        async def slow(*_: Any) -> Answer:
            waiting.append(Deferred())
            await waiting[-1]
            made = answer()(HOST)
            assert isinstance(made, Answer)
            return made

        self.https.ask = slow  # type: ignore[method-assign,assignment]
        asking = [started(speaking.get(f"{HOST}/{n}")) for n in range(AT_ONCE + 3)]
        self.assertEqual(len(waiting), AT_ONCE)
        asking[0].cancel()
        self.failureResultOf(asking[0], CancelledError)
        self.assertEqual(len(waiting), AT_ONCE + 1)
        for number, one in enumerate(waiting):
            if number:
                one.callback(None)
        self.assertEqual(len(waiting), AT_ONCE + 3)
        for one in waiting[-2:]:
            one.called or one.callback(None)
        self.assertEqual([self.successResultOf(one).status for one in asking[1:]], [200] * (AT_ONCE + 2))


class UntilTests(SynchronousTestCase):
    def asking(self, *waits: float | None, patience: float = 100.0) -> Any:
        """When it was asked; done after the last of `waits`."""
        self.clock, self.times = ManualClock(), []
        left = list(waits)

        class Found:
            def __init__(self, wait: float | None, done: bool) -> None:
                self.wait, self.done = wait, done

        async def ask() -> Found:
            self.times.append(self.clock.seconds())
            return Found(left.pop(0) if left else None, not left)

        return started(until(self.clock, patience, ask, lambda one: one.done, "nothing happened"))

    def run_for(self, seconds: int) -> None:
        self.clock.reactor.pump([0.01] * (seconds * 100))

    def test_pauses_grow(self) -> None:
        asking = self.asking(*[None] * 6)
        self.run_for(10)
        self.successResultOf(asking)
        pauses = [b - a for a, b in zip(self.times, self.times[1:], strict=False)]
        self.assertAlmostEqual(pauses[0], FIRST, places=1)
        self.assertEqual(pauses, sorted(pauses))

    def test_the_authority_can_make_them_longer_and_not_shorter(self) -> None:
        asking = self.asking(5.0, 0.0, 9999.0, None)
        self.run_for(90)
        self.successResultOf(asking)
        first, second, third = (b - a for a, b in zip(self.times, self.times[1:], strict=False))
        self.assertAlmostEqual(first, 5, places=1)
        self.assertGreater(second, FIRST)
        self.assertAlmostEqual(third, 60, places=1)

    def test_patience_ends(self) -> None:
        asking = self.asking(*[None] * 500, patience=30)
        self.run_for(40)
        error = self.failureResultOf(asking, NotIssued).value
        self.assertEqual((error.kind, error.words), ("slow", "nothing happened in 30 s"))
        self.assertLessEqual(self.times[-1], 30)
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])


async def _made(made: Any) -> Any:
    return made
