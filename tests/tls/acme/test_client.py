"""The client's details: directory, accounts, keys, and what an authority may not do."""

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.config.authority import AuthoritySettings, HttpsUrl
from mailtwist.config.values import File, Hostnames, Secret
from mailtwist.kit.spawn import started
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce
from mailtwist.tls.acme.account_key import AccountKey
from mailtwist.tls.acme.client import FRESH, Client, ExternalAccount, https_for
from mailtwist.tls.acme.csr import new_key, request_for
from mailtwist.tls.acme.problem import NotIssued
from tests.tls.acme.asking import HOST, InMemory, answer, away, problem
from tests.tls.acme.fake_ca import fake_ca
from tests.tls.acme.faults import Changed, Cut, Garbage, Hang, Problem
from tests.tls.acme.ordering import AllProven, certified, client, leaf_of, registered
from tests.tls.made import Authority

DIRECTORY = {
    "newNonce": f"{HOST}/nonce",
    "newAccount": f"{HOST}/account",
    "newOrder": f"{HOST}/order",
    "revokeCert": f"{HOST}/revoke",
}
KEY = AccountKey.new()


class MemoryCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()

    def client(
        self, *answers: Any, directory: Any = DIRECTORY, account: str = f"{HOST}/acct/1", **more: Any
    ) -> Client:
        first = directory if callable(directory) else answer(200, directory)
        self.https = InMemory(first, *answers)
        settings = AuthoritySettings(directory=HttpsUrl(f"{HOST}/dir"), **more)
        return Client(settings, KEY, self.https, self.clock, AtOnce(), account)

    def refused(self, asking: Any) -> NotIssued:
        return self.failureResultOf(started(asking), NotIssued).value

    def asked(self, method: str = "POST") -> list[str]:
        return [one.url.removeprefix(HOST) for one in self.https.asked if one.method == method]


class DirectoryTests(MemoryCase):
    def test_a_url_that_leads_nowhere_is_told(self) -> None:
        error = self.refused(self.client(directory=answer(404, b"")).directory())
        self.assertIn(f"nothing at {HOST}/dir; is that the URL of its directory?", error.words)

    def test_it_is_read_once_an_hour(self) -> None:
        one = self.client(answer(200, DIRECTORY))
        for _ in range(3):
            self.successResultOf(started(one.directory()))
        self.assertEqual(self.asked("GET"), ["/dir"])
        self.clock.advance(FRESH)
        self.successResultOf(started(one.directory()))
        self.assertEqual(self.asked("GET"), ["/dir", "/dir"])

    def test_and_again_after_what_makes_one_doubt_it(self) -> None:
        for wrong in (answer(404), away, answer(302)):
            one = self.client(wrong, answer(200, DIRECTORY), problem("caa", 403), problem("caa", 403))
            self.refused(one.order(["a.test"]))
            self.refused(one.order(["a.test"]))
            self.refused(one.order(["a.test"]))
            self.assertEqual(self.asked("GET"), ["/dir", "/dir"])

    def test_one_that_is_none_is_told_and_not_kept(self) -> None:
        for wrong in (
            b"<html>",
            b"[]",
            {},
            DIRECTORY | {"newOrder": "https://evil.example/"},
            DIRECTORY | {"meta": []},
        ):
            one = self.client(directory=wrong)
            error = self.refused(one.directory())
            self.assertEqual(error.kind, "nonsense", wrong)
            self.assertIn("ca.example", error.words)
            self.https.answers = [answer(200, DIRECTORY)]
            self.successResultOf(started(one.directory()))

    def test_other_hosts_may_be_allowed(self) -> None:
        elsewhere = DIRECTORY | {"newOrder": "https://api.example/order"}
        one = self.client(directory=elsewhere, hosts=Hostnames(("api.example",)))
        self.assertEqual(
            self.successResultOf(started(one.directory())).new_order, "https://api.example/order"
        )

    def test_roots_that_cannot_be_read_are_told(self) -> None:
        nowhere = AuthoritySettings(directory=HttpsUrl(f"{HOST}/dir"), roots=File(self.mktemp()))
        one = Client(nowhere, KEY, https_for(nowhere, self.clock), self.clock, AtOnce())
        error = self.refused(one.directory())
        self.assertEqual(error.kind, "unreachable")
        self.assertIn("cannot be read", error.words)


class AccountsTests(MemoryCase):
    def test_who_is_asked_for_terms_must_agree(self) -> None:
        one = self.client(
            directory=DIRECTORY | {"meta": {"termsOfService": "https://ca.example/terms"}}, account=""
        )
        error = self.refused(one.register(["ann@example.org"]))
        self.assertEqual((error.kind, error.temporary), ("terms", False))
        self.assertIn("https://ca.example/terms", error.words)
        self.assertEqual(self.asked(), [])

    def test_an_account_has_contact_agreement_and_place(self) -> None:
        told = answer(201, {"status": "valid"}, location=f"{HOST}/acct/7")
        one = self.client(told, account="")
        made = self.successResultOf(started(one.register(["ann@example.org", "bob@example.org"], agree=True)))
        self.assertEqual((made.url, one.account), (f"{HOST}/acct/7",) * 2)
        (request,) = [asked for asked in self.https.asked if asked.method == "POST"]
        contact = ["mailto:ann@example.org", "mailto:bob@example.org"]
        self.assertEqual(request.payload, {"termsOfServiceAgreed": True, "contact": contact})
        self.assertEqual(request.header["jwk"], KEY.jwk)

    def test_an_account_elsewhere_is_none(self) -> None:
        for location in ("", "/acct/7", "https://evil.example/acct", "http://ca.example/acct"):
            one = self.client(answer(201, {"status": "valid"}, location=location), account="")
            self.assertEqual(self.refused(one.register()).kind, "nonsense", location)
            self.assertEqual(one.account, "")

    def test_one_that_is_closed_is_told(self) -> None:
        one = self.client(answer(200, {"status": "revoked"}, location=f"{HOST}/acct/7"), account="")
        self.assertIn("is revoked", self.refused(one.find()).words)
        self.assertEqual(one.account, "")

    def test_an_external_account_is_needed_or_told(self) -> None:
        customers = DIRECTORY | {"meta": {"externalAccountRequired": True}}
        error = self.refused(self.client(directory=customers, account="").register())
        self.assertEqual(error.kind, "externalAccountRequired")
        self.assertIn("eab_kid", error.words)
        told = answer(201, {"status": "valid"}, location=f"{HOST}/acct/7")
        one = self.client(told, directory=customers, account="")
        external = ExternalAccount("kid-1", Secret("c2VjcmV0"))
        self.successResultOf(started(one.register(eab=external)))
        binding = self.https.asked[-1].payload["externalAccountBinding"]
        self.assertEqual(set(binding), {"protected", "payload", "signature"})
        self.assertNotIn("c2VjcmV0", repr(external))

    def test_an_external_account_that_is_refused_is_looked_at(self) -> None:
        external = ExternalAccount("kid-1", Secret("c2VjcmV0"))
        for kind in ("unauthorized", "rateLimited"):
            refusal = answer(403, {"type": f"urn:ietf:params:acme:error:{kind}", "detail": "no such key"})
            error = self.refused(self.client(refusal, account="").register(eab=external))
            self.assertEqual(error.kind, kind)
            self.assertIn("no such key", error.words)
            self.assertEqual("are eab_kid and eab_key" in error.words, kind == "unauthorized")

    def test_a_key_of_it_that_is_none_is_told_without_it(self) -> None:
        one = self.client(account="", eab_kid="kid", eab_key=Secret("hush hush!"))
        error = self.refused(one.register())
        self.assertEqual(error.kind, "externalAccountRequired")
        self.assertNotIn("hush", error.words)

    def test_nothing_is_asked_without_an_account(self) -> None:
        for ask in (
            lambda one: one.order(["a.test"]),
            lambda one: one.deactivate(),
            lambda one: one.set_contact([]),
        ):
            error = self.refused(ask(self.client(account="")))
            self.assertEqual(error.kind, "accountDoesNotExist")

    def test_what_an_authority_cannot_is_told(self) -> None:
        small = ec.generate_private_key(ec.SECP521R1())
        self.assertIn("signs no requests", self.refused(self.client().revoke(_leaf(), 0, small)).words)
        one = self.client(directory={name: url for name, url in DIRECTORY.items() if name != "revokeCert"})
        self.assertEqual(self.refused(one.change_key(AccountKey.new())).kind, "unsupported")
        self.assertEqual(self.refused(one.revoke(None)).kind, "unsupported")  # type: ignore[arg-type]

    def test_it_shows_no_secret(self) -> None:
        one = self.client(eab_kid="kid", eab_key=Secret("c2VjcmV0"))
        shown = repr(one) + repr(one.settings) + repr(one.key) + str(vars(one))
        self.assertNotIn("c2VjcmV0", shown)


class LostTests(TestCase):
    """The answer does not come, and what was asked for is done."""

    timeout = 180

    async def test_a_new_key_is_found_out(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        new = AccountKey.new()
        ca.once("key-change", Cut(done=True))
        await one.change_key(new)
        self.assertIs(one.key, new)
        await one.set_contact(["bob@example.test"])

    async def test_or_that_it_is_the_old_one_still(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        old = one.key
        ca.always("key-change", Problem("serverInternal", status=500))
        with self.assertRaises(NotIssued):
            await one.change_key(AccountKey.new())
        self.assertIs(one.key, old)
        await one.set_contact(["bob@example.test"])

    async def test_an_account_is_registered_once(self) -> None:
        ca = await fake_ca(self)
        one = client(self, ca)
        ca.once("account", Cut(done=True))
        await one.register(agree=True)
        self.assertEqual([account.url for account in ca.accounts()], [one.account])

    async def test_revoked_is_revoked(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        leaf = leaf_of(await certified(one, "a.test", by=[AllProven()]))
        ca.once("revoke", Cut(done=True))
        await one.revoke(leaf, 4)
        self.assertEqual(ca.issued[0].revoked, 4)


class OrdersTests(TestCase):
    timeout = 180

    async def ready(self) -> Any:
        """An order that can be finalized, with its client."""
        self.ca = await fake_ca(self)
        one = await registered(self, self.ca)
        order = await one.order(["a.test"])
        for url in order.authorizations:
            found = await one.authorization(url)
            await one.answer(one.challenge(found.challenges[0], found))
            await one.judged(found)
        return one, await one.settled(await one.again(order), "pending")

    async def test_step_by_step(self) -> None:
        one, order = await self.ready()
        self.assertEqual(order.status, "ready")
        order = await one.finalize(order, request_for(["a.test"], new_key()))
        self.ca.verified(await one.chain(order), "a.test")

    async def test_an_order_that_is_not_ready_is_told(self) -> None:
        ca = await fake_ca(self)
        one = await registered(self, ca)
        order = await one.order(["a.test"])
        with self.assertRaises(NotIssued) as caught:
            await one.finalize(order, request_for(["a.test"], new_key()))
        self.assertEqual(caught.exception.kind, "orderNotReady")

    async def test_an_order_that_gets_invalid_says_why(self) -> None:
        error = {"type": "urn:ietf:params:acme:error:caa", "detail": "forbidden since"}
        for changed, kind in (({"error": error}, "caa"), ({}, "nonsense")):
            one, order = await self.ready()
            self.ca.once("finalize", Changed({"status": "invalid"} | changed))
            with self.assertRaises(NotIssued) as caught:
                await one.finalize(order, request_for(["a.test"], new_key()))
            self.assertEqual(caught.exception.kind, kind)

    async def test_valid_without_a_certificate_is_nonsense(self) -> None:
        one, order = await self.ready()
        self.ca.once("finalize", Changed({"status": "valid", "certificate": None}))
        order = await one.finalize(order, request_for(["a.test"], new_key()))
        with self.assertRaises(NotIssued) as caught:
            await one.chain(order)
        self.assertIn("there is no certificate", caught.exception.words)

    async def test_a_certificate_elsewhere_is_not_fetched(self) -> None:
        one, order = await self.ready()
        self.ca.once("finalize", Changed({"certificate": "https://evil.example/"}))
        with self.assertRaises(NotIssued) as caught:
            await one.finalize(order, request_for(["a.test"], new_key()))
        self.assertEqual(caught.exception.kind, "nonsense")

    async def test_an_authority_that_thinks_for_ever_is_left(self) -> None:
        self.ca = await fake_ca(self)
        one = await registered(self, self.ca, order_time=60)
        self.ca.polls = 10_000
        with self.assertRaises(NotIssued) as caught:
            await certified(one, "a.test", by=[AllProven()])
        self.assertEqual((caught.exception.kind, caught.exception.temporary), ("slow", True))

    async def test_every_step_may_hang(self) -> None:
        for step in ("directory", "nonce", "order", "authorization", "challenge", "finalize", "certificate"):
            ca = await fake_ca(self)
            one = await registered(self, ca, reply_time=20.0)
            one._directory = None
            one._speaking._nonces._held.clear()
            ca.always(step, Hang())
            with self.assertRaises(NotIssued) as caught:
                await certified(one, "a.test", by=[AllProven()])
            self.assertEqual(caught.exception.kind, "unreachable", step)
            self.assertIn("did not answer in 20 s", caught.exception.words)

    async def test_every_step_may_be_garbage(self) -> None:
        for step in ("directory", "order", "authorization", "finalize", "certificate", "read-order"):
            ca = await fake_ca(self)
            one = await registered(self, ca)
            one._directory = None
            for garbage in (
                Garbage(),
                Garbage(b"[" * 50_000),
                Garbage(b"x" * 1_000_000),
                Garbage(status=302),
            ):
                ca.always(step, garbage)
                with self.assertRaises(NotIssued) as caught:
                    await certified(one, "a.test", by=[AllProven()])
                self.assertIn(caught.exception.kind, ("nonsense", "unreachable", "wrongCertificate"), step)
                self.assertTrue(caught.exception.words.isascii(), caught.exception.words)


class RenewalTests(TestCase):
    timeout = 180

    async def leaf(self, **how: Any) -> x509.Certificate:
        self.ca = await fake_ca(self, **how)
        self.one = await registered(self, self.ca)
        return leaf_of(await certified(self.one, "a.test", by=[AllProven()]))

    async def test_the_window_is_told(self) -> None:
        leaf = await self.leaf()
        found = await self.one.renewal(leaf)
        assert found is not None
        now = self.ca.now()
        self.assertTrue(now < found.start < found.end < leaf.not_valid_after_utc.timestamp())
        self.assertTrue(21_000 < found.again - now < 22_000)

    async def test_nobody_is_asked_where_it_is_not_known(self) -> None:
        leaf = await self.leaf(ari=False)
        self.assertIsNone(await self.one.renewal(leaf))
        self.assertEqual(self.ca.count("renewal"), 0)

    async def test_nor_after_the_end(self) -> None:
        leaf = await self.leaf()
        clock = ManualClock(leaf.not_valid_after_utc.timestamp() + 1)
        self.one.clock = clock
        self.assertIsNone(await self.one.renewal(leaf))
        self.assertEqual(self.ca.count("renewal"), 0)

    async def test_one_of_somebody_else_is_refused(self) -> None:
        leaf = await self.leaf()
        other = await registered(self, await fake_ca(self))
        with self.assertRaises(NotIssued):
            await other.renewal(leaf)


def _leaf() -> x509.Certificate:
    return x509.load_pem_x509_certificate(Authority().leaf("a.test")[0])
