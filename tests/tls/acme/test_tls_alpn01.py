"""Names are proven by a handshake that any process of ours can do."""

from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from twisted.trial.unittest import TestCase

from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.testing.certificates import MemoryStore
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce, InTurn
from mailtwist.tls.acme.tls_alpn01 import (
    ACME_IDENTIFIER,
    NO_WILDCARD,
    NOT_FOLLOWED,
    NOT_SHOWN,
    Shown,
    TlsAlpn01,
    proof,
)
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.contexts import ServerContexts
from tests.hearing import heard
from tests.tls.acme.challenges import challenge

NAME = "mail.example.test"
OTHER = "b" * 43


class Contexts:
    """What `ServerContexts` has of proofs."""

    def __init__(self) -> None:
        self.proofs: dict[str, bytes] = {}

    def prove(self, name: str, pem: bytes) -> None:
        if not pem.startswith(b"-----BEGIN"):
            raise BadCertificate("certificate", "it is no PEM")
        self.proofs[name] = pem

    def proved(self, name: str) -> None:
        self.proofs.pop(name, None)


class Proof(TestCase):
    def test_it_is_for_one_name_and_holds_the_digest_as_a_critical_extension(self) -> None:
        pem = proof(NAME, "token.thumbprint", ManualClock().now())
        key = load_pem_private_key(pem, None)
        made = x509.load_pem_x509_certificate(pem)
        self.assertEqual(made.public_key(), key.public_key())
        names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(list(names), [x509.DNSName(NAME)])
        extension = made.extensions.get_extension_for_oid(ACME_IDENTIFIER)
        self.assertTrue(extension.critical)
        self.assertEqual(extension.value.value, b"\x04\x20" + sha256(b"token.thumbprint").digest())

    def test_a_clock_that_is_wrong_by_hours_does_no_harm(self) -> None:
        made = x509.load_pem_x509_certificate(proof(NAME, "x", ManualClock().now()))
        self.assertGreater(made.not_valid_after_utc.timestamp(), ManualClock().now() + 12 * 3600)
        self.assertLess(made.not_valid_before_utc.timestamp(), ManualClock().now() - 12 * 3600)


class TlsAlpn01Tests(TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.contexts = Contexts()
        self.solver = TlsAlpn01(self.store, self.contexts, self.clock, AtOnce())
        self.asked = challenge("tls-alpn-01")

    async def test_it_is_shown_here_and_lies_in_the_store_and_then_no_more(self) -> None:
        self.assertEqual(await self.solver.can(self.asked), "")
        await self.solver.present(self.asked)
        self.assertEqual(await self.store.showing("tls-alpn-01"), self.contexts.proofs)
        self.assertEqual(set(self.contexts.proofs), {NAME})
        await self.solver.withdraw(self.asked)
        await self.solver.withdraw(self.asked)
        self.assertEqual((await self.store.showing("tls-alpn-01"), self.contexts.proofs), ({}, {}))

    async def test_two_orders_with_the_same_challenge_share_it(self) -> None:
        await self.solver.present(self.asked)
        await self.solver.present(self.asked)
        await self.solver.withdraw(self.asked)
        self.assertIn(NAME, self.contexts.proofs)
        await self.solver.withdraw(self.asked)
        self.assertEqual(self.contexts.proofs, {})

    async def test_a_name_has_one_proof_at_a_time_and_the_second_does_not_disturb_it(self) -> None:
        second = challenge("tls-alpn-01", token=OTHER)
        await self.solver.present(self.asked)
        shown = dict(self.contexts.proofs)
        self.assertIn("one at a time", await self.solver.can(second))
        with self.assertRaises(Trouble):
            await self.solver.present(second)
        await self.solver.withdraw(second)
        self.assertEqual(self.contexts.proofs, shown)
        await self.solver.withdraw(self.asked)
        self.assertEqual(await self.solver.can(second), "")

    async def test_a_wildcard_is_for_others_to_prove(self) -> None:
        self.assertEqual(await self.solver.can(challenge("tls-alpn-01", wildcard=True)), NO_WILDCARD)

    async def test_what_was_withdrawn_while_it_was_made_is_not_shown(self) -> None:
        threads = InTurn()
        solver = TlsAlpn01(self.store, self.contexts, self.clock, threads)
        presenting = started(solver.present(self.asked))
        await solver.withdraw(self.asked)
        threads.do_all()
        self.successResultOf(presenting)
        self.assertEqual((await self.store.showing("tls-alpn-01"), self.contexts.proofs), ({}, {}))


class OfOtherProcesses(TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.contexts = Contexts()
        self.shown = Shown(self.store, self.contexts)
        self.addCleanup(self.shown.stop)

    async def show(self, name: str, pem: bytes) -> None:
        await self.store.show("tls-alpn-01", name, pem, self.clock.now() + 60)

    async def test_what_another_process_has_to_prove_is_shown_here(self) -> None:
        pem = proof(NAME, "x", self.clock.now())
        await self.show("before.test", pem)
        self.shown.start()
        await self.show(NAME, pem)
        self.assertEqual(self.contexts.proofs, {"before.test": pem, NAME: pem})
        await self.store.hide("tls-alpn-01", "before.test")
        self.assertEqual(set(self.contexts.proofs), {NAME})

    async def test_after_the_end_nothing_is_followed(self) -> None:
        self.shown.start()
        self.shown.stop()
        self.shown.stop()
        await self.show(NAME, b"-----BEGIN x")
        self.assertEqual(self.contexts.proofs, {})

    async def test_one_that_is_broken_is_told_and_the_others_are_shown(self) -> None:
        events = heard(self)
        self.shown.start()
        await self.show("a.test", b"nonsense")
        await self.show(NAME, b"-----BEGIN x")
        self.assertEqual(set(self.contexts.proofs), {NAME})
        self.assertEqual([one["name"] for one in events if one["event_id"] == NOT_SHOWN.id], ["a.test"])

    async def test_a_name_that_is_none_is_told_and_the_others_are_shown_and_go(self) -> None:
        events = heard(self)
        pem = proof(NAME, "x", self.clock.now())
        contexts = ServerContexts()
        shown = Shown(self.store, contexts)
        self.addCleanup(shown.stop)
        await self.show("a b", pem)
        await self.show(NAME, pem)
        shown.start()
        self.assertIsNotNone(contexts.proof(NAME.encode()))
        self.assertEqual([one["name"] for one in events if one["event_id"] == NOT_SHOWN.id], ["a b"])
        await self.store.hide("tls-alpn-01", "a b")
        await self.store.hide("tls-alpn-01", NAME)
        self.assertFalse(contexts.proving)

    async def test_a_store_that_is_away_is_told(self) -> None:
        async def away(kind):
            raise Trouble("4.3.0", "The state is away")

        events, showing = heard(self), self.store.showing
        self.store.showing = away
        self.shown.start()
        self.assertEqual([one["event_id"] for one in events], [NOT_FOLLOWED.id])
        self.store.showing = showing
        await self.show(NAME, b"-----BEGIN x")
        self.assertEqual(set(self.contexts.proofs), {NAME})
