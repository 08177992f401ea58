"""Authorities that hang, talk nonsense, send wrong things, or want to be left alone: no request is without an
end, and a sentence says what is wrong."""

import time
from email.utils import formatdate

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase

from mailtwist.kit.spawn import started
from mailtwist.tls.acme.problem import NotIssued, Refused
from tests.tls.acme.fake_ca import fake_ca
from tests.tls.acme.faults import Changed, Cut, Garbage, Hang, Problem
from tests.tls.acme.ordering import AllProven, certified, client, registered
from tests.tls.acme.test_windows import orders

PEM, PROBLEM = "application/pem-certificate-chain", "application/problem+json"
STEPS = ("order", "authorization", "challenge", "finalize", "certificate")
GARBAGE = (
    Garbage(),
    Garbage(b"", "application/json"),
    Garbage(b"[]", "application/json"),
    Garbage(b"null", "application/json"),
    Garbage(b'{"status": "valid"', "application/json"),
    Garbage(b"\xff\xfe\x00", "application/json"),
    Garbage(b"[" * 100_000, "application/json"),
    Garbage(b'{"a":' * 50_000, "application/json"),
    Garbage(b"1" * 10_000, "application/json"),
    Garbage(
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "application/pem-certificate-chain"
    ),
    Garbage(b"x" * 2_000_000, "application/json"),
    Garbage(b"", "application/json", 204),
    Garbage(b"", "text/html", 302, {"Location": "http://127.0.0.1:1/"}),
    Garbage(b"oops", "text/plain", 500),
    Garbage(b'{"type": 5, "detail": {}}', "application/problem+json", 403),
    Garbage(
        b'{"type": "urn:ietf:params:acme:error:\\u0000", "detail": "\\u001b[2J"}',
        "application/problem+json",
        400,
    ),
)
WRONG: dict[str, tuple[dict[str, object], ...]] = {
    "order": (
        {"status": None},
        {"status": "perhaps"},
        {"status": ["pending"]},
        {"authorizations": None},
        {"authorizations": "https://127.0.0.1/"},
        {"authorizations": [5]},
        {"authorizations": ["http://127.0.0.1/"]},
        {"authorizations": ["https://elsewhere.test/"]},
        {"finalize": None},
        {"finalize": "javascript:alert(1)"},
        {"identifiers": [{"type": "dns", "value": "other.test"}]},
        {"identifiers": None},
        {"identifiers": [None]},
    ),
    "authorization": (
        {"status": "perhaps"},
        {"status": None},
        {"identifier": None},
        {"identifier": {"type": "dns", "value": "other.test"}},
        {"identifier": "a.test"},
        {"challenges": None},
        {"challenges": {}},
        {"challenges": [{"type": "http-01"}]},
        {"challenges": [{"type": "http-01", "token": "../../etc/passwd", "url": "https://127.0.0.1/"}]},
        {"status": "revoked"},
        {"wildcard": True},
    ),
    "finalize": ({"status": "perhaps"}, {"status": None}, {"certificate": None}, {"certificate": 7}),
    "directory": (
        {"newNonce": None},
        {"newOrder": "http://127.0.0.1/"},
        {"newAccount": 5},
        {"newOrder": "https://elsewhere.test/order"},
    ),
}


class Strange(TestCase):
    timeout = 120

    async def refused(self, asked: object, *kinds: str) -> NotIssued:
        with self.assertRaises(NotIssued) as caught:
            await asked
        if kinds:
            self.assertIn(caught.exception.kind, kinds, caught.exception.words)
        return caught.exception

    # -- no answer

    async def test_nobody_waits_for_ever(self) -> None:
        """Whatever the step."""
        ca = await fake_ca(self)
        for step in ("directory", "nonce", "account", *STEPS):
            one = client(self, ca, reply_time=10.0)
            ca.always(step, Hang())
            solver = AllProven()

            async def whole() -> None:
                await one.register(agree=True)
                await certified(one, "a.test", by=[solver])

            error = await self.refused(whole(), "unreachable", "slow")
            self.assertIn("127.0.0.1", error.words)
            self.assertEqual(solver.told, sorted(solver.told), step)  # what was shown is withdrawn
            self.assertEqual(len(solver.told) % 2, 0, step)
            ca.mend()

    async def test_an_order_is_called_off_at_any_step(self) -> None:
        """Nothing is left of it, at the solver or on the network."""
        ca = await fake_ca(self)
        for step in STEPS:
            one = await registered(self, ca)
            asked = ca.count(step)
            ca.always(step, Hang())
            solver = AllProven()
            ordering = started(certified(one, "a.test", by=[solver]))
            while ca.count(step) == asked:
                await _turn()
            ordering.cancel()
            with self.assertRaises(CancelledError):
                await ordering
            self.assertEqual(len([one for one in solver.told if one[0] == "present"]) * 2, len(solver.told))
            ca.mend()

    async def test_an_authority_that_never_decides(self) -> None:
        ca = await fake_ca(self)
        ca.polls = 10**9
        error = await self.refused(
            certified(await registered(self, ca, order_time=20.0), "a.test", by=[AllProven()]), "slow"
        )
        self.assertIn("20 s", error.words)

    async def test_an_answer_that_was_lost(self) -> None:
        """The request may have been heard: the order goes on where it was."""
        for step in ("account", *STEPS):
            ca = await fake_ca(self)
            one = client(self, ca)
            ca.once(step, Cut(done=True))
            await one.register(agree=True)
            made = await certified(one, "a.test", by=[AllProven()])
            ca.verified(made.pem, "a.test")
            self.assertEqual(len(ca.issued), 1, step)

    async def test_a_connection_that_is_lost_each_time(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        ca.always("order", Cut())
        await self.refused(certified(one, "a.test", by=[AllProven()]), "unreachable")

    async def test_nobody_is_there(self) -> None:
        ca = await fake_ca(self)
        one = client(self, ca)
        await one.directory()
        await ca.close()
        error = await self.refused(one.register(agree=True), "unreachable")
        self.assertTrue(error.temporary)
        self.assertIn("refuses connections", error.words)

    async def test_another_one_answers_in_its_place(self) -> None:
        """Whose certificate we do not know."""
        ca, other = await fake_ca(self), await fake_ca(self)
        other.roots.write_bytes(ca.root().public_bytes(Encoding.PEM))
        await self.refused(client(self, other).register(agree=True), "unreachable")

    # -- nonsense

    async def test_nonsense_at_any_step(self) -> None:
        ca = await fake_ca(self)
        for step in STEPS:
            one = await registered(self, ca, order_time=100.0)
            for garbage in GARBAGE:
                if step == "challenge" and garbage.status < 300 and len(garbage.body) < 200_000:
                    continue  # nobody reads that answer
                ca.always(step, garbage)
                await self.well_said(certified(one, "a.test", by=[AllProven()]), (step, garbage))
                ca.mend()

    async def test_nonsense_before_there_is_an_account(self) -> None:
        ca = await fake_ca(self)
        for step in ("directory", "account"):
            for garbage in GARBAGE:
                ca.always(step, garbage)
                await self.well_said(client(self, ca).register(agree=True), (step, garbage))
                ca.mend()

    async def well_said(self, asked: object, about: object) -> None:
        """It is refused, in a sentence that does nothing to a terminal."""
        error = await self.refused(asked)
        self.assertTrue(error.words.isprintable(), about)
        self.assertLess(len(error.words), 1500)

    async def test_fields_that_are_wrong(self) -> None:
        ca = await fake_ca(self)
        for step, all_fields in WRONG.items():
            for fields in all_fields:
                one = client(self, ca, order_time=100.0)
                ca.always(step, Changed(fields))

                async def whole() -> None:
                    await one.register(agree=True)
                    await certified(one, "a.test", by=[AllProven()])

                error = await self.refused(whole())
                self.assertIn(error.kind, ("nonsense", "unproven", "slow"), (step, fields, error.words))
                ca.mend()

    async def test_a_certificate_that_is_none_of_ours(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        for wrong in ("key", "names", "expired", "chain"):
            ca.wrong = wrong
            error = await self.refused(certified(one, "a.test", by=[AllProven()]), "wrongCertificate")
            self.assertIn("127.0.0.1", error.words, wrong)

    async def test_half_a_chain(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        made = await certified(one, "a.test", by=[AllProven()])
        whole = made.pem[made.pem.index(b"-----BEGIN CERT") :]
        for body in (whole[: len(whole) // 2], whole[::-1], whole.replace(b"M", b"N", 3), whole * 50):
            ca.once("certificate", Garbage(body, PEM))
            await self.refused(
                certified(one, "a.test", by=[AllProven()]), "wrongCertificate", "nonsense", "unreachable"
            )

    # -- no

    async def test_who_wants_to_be_left_alone_says_for_how_long(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        until = formatdate(time.time() + 3600, usegmt=True)
        for said, least, most in (
            ("120", 120, 120),
            (until, 3500, 3601),
            ("soon", None, None),
            ("", None, None),
        ):
            ca.once("order", Problem("rateLimited", "too many", 429, retry_after=said))
            asked = ca.count("order")
            error = await self.refused(certified(one, "a.test", by=[AllProven()]), "rateLimited")
            self.assertEqual(ca.count("order"), asked + 1, "asked again")
            if least is None:
                self.assertIsNone(error.retry_after)
            else:
                self.assertTrue(least <= error.retry_after <= most, error.retry_after)
            self.assertIn("too many", error.words)

    async def test_a_moment_is_waited(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        for problem in (Problem("rateLimited", "", 429, retry_after="2"), Problem("serverInternal", "", 503)):
            ca.once("order", problem)
            await certified(one, "a.test", by=[AllProven()])

    async def test_a_refusal_says_which_names(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        names = {"b.test": "rejectedIdentifier", "c.test": "caa"}
        ca.once("order", Problem("rateLimited", "some of them", 403, names=names))
        error = await self.refused(certified(one, "a.test", "b.test", "c.test", by=[AllProven()]))
        assert isinstance(error, Refused)
        self.assertEqual(error.names, ("b.test", "c.test"))
        self.assertIn("b.test: rejectedIdentifier: b.test", error.words)

    async def test_a_storm_of_bad_nonces_passes_or_ends(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        ca.bad_nonces = 12
        await certified(one, "a.test", by=[AllProven()])
        ca.bad_nonces = 10**6
        await self.refused(certified(one, "a.test", by=[AllProven()]), "badNonce")
        self.assertGreater(ca.bad_nonces, 10**6 - 100)

    async def test_a_name_that_fails_is_named_and_the_other_is_let_go(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        ca.refuses["dead.test"] = "caa"
        error = await self.refused(certified(one, "a.test", "dead.test", by=[AllProven()]), "caa")
        self.assertEqual(error.names, ("dead.test",))
        self.assertEqual(ca.issued, [])

    async def test_every_kind_is_tried_once(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        ca.judge = _only("dns-01")
        solvers = [
            AllProven("tls-alpn-01"),
            AllProven("http-01", cannot="port 80 is taken"),
            AllProven("dns-01"),
        ]
        made = await certified(one, "a.test", by=solvers)
        ca.verified(made.pem, "a.test")
        self.assertEqual([len(one.told) for one in solvers], [2, 0, 2])
        ca.judge = _only("none")
        error = await self.refused(certified(one, "a.test", by=solvers), "unauthorized")
        self.assertIn("port 80 is taken", error.words)

    async def test_all_is_told_late(self) -> None:
        """Authorizations and orders take a while, and the authority says when to ask."""
        ca = await fake_ca(self)
        ca.polls, ca.poll_after = 3, "3"
        made = await certified(await registered(self, ca), "a.test", "b.test", by=[AllProven()])
        ca.verified(made.pem, "a.test", "b.test")

    async def test_the_order_fails_at_the_end(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        document = {"type": "urn:ietf:params:acme:error:caa", "detail": "CAA says no"}
        ca.once("finalize", Changed({"status": "invalid", "error": document}))
        error = await self.refused(certified(one, "a.test", by=[AllProven()]), "caa")
        self.assertIn("CAA says no", error.words)

    # -- two of them

    async def test_two_authorities_know_nothing_of_each_other(self) -> None:
        first, second = await fake_ca(self, name="First"), await fake_ca(self, name="Second")
        one, other = await registered(self, first), await registered(self, second)
        made = await certified(one, "a.test", by=[AllProven()])
        again = await certified(other, "a.test", by=[AllProven()], replaces=made)
        second.verified(again.pem, "a.test")
        self.assertNotIn("replaces", orders(second)[0])
        with self.assertRaises(AssertionError):
            second.verified(made.pem, "a.test")


def _only(kind: str):
    async def judge(asked: str, *rest: str) -> str:
        return "" if asked == kind else "unauthorized"

    return judge


async def _turn() -> None:
    done: Deferred[None] = Deferred()
    reactor.callLater(0.01, done.callback, None)
    await done
