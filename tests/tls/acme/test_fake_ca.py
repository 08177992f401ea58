"""The fake authority is strict: what a careless client would get away with elsewhere is refused."""

import json
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.trial.unittest import TestCase

from mailtwist.kit.clock import SystemClock
from mailtwist.tls.acme.account_key import AccountKey, base64, bound
from mailtwist.tls.acme.csr import new_key, request_for
from mailtwist.tls.https import Https
from tests.tls.acme.fake_ca import FakeCA, fake_ca
from tests.tls.acme.faults import Changed, Garbage, Problem
from tests.tls.acme.held import Authorization
from tests.tls.acme.issuer import renewal_id
from tests.tls.acme.persistent import permitted

JOSE = {"Content-Type": "application/jose+json"}


class ByHand:
    """A client without a memory: each request is signed as the test says."""

    def __init__(self, ca: FakeCA, https: Https, key: AccountKey) -> None:
        self.ca, self.https, self.key, self.kid = ca, https, key, ""

    async def ask(self, path: str, payload: Any = None, **head: Any) -> tuple[int, dict[str, Any], Any]:
        """Status, what was told, and the answer; `head` goes over what is right in the header."""
        url = path if path.startswith("https:") else self.ca.url(path)
        fresh = await self.https.ask("HEAD", self.ca.url("/nonce"))
        who = {"kid": self.kid} if self.kid and path != "/account" else {"jwk": self.key.jwk}
        right = {"url": url, "nonce": fresh.header("replay-nonce"), **who}
        said = b"" if payload is None else json.dumps(payload).encode()
        body = self.key.signed({k: v for k, v in (right | head).items() if v is not None}, said)
        return await self.sent(url, body)

    async def sent(self, url: str, body: bytes) -> tuple[int, dict[str, Any], Any]:
        answer = await self.https.ask("POST", url, JOSE, body)
        return answer.status, answer.object() or {}, answer

    async def register(self) -> None:
        status, _, answer = await self.ask("/account", {"termsOfServiceAgreed": True})
        assert status == 201, answer
        self.kid = answer.header("location")

    async def ordered(self, *names: str, **more: Any) -> tuple[int, dict[str, Any], Any]:
        identifiers = [{"type": "dns", "value": name} for name in names]
        return await self.ask("/order", {"identifiers": identifiers, **more})

    async def proven(self, order: dict[str, Any]) -> None:
        for url in order["authorizations"]:
            _, told, _ = await self.ask(url)
            await self.ask(told["challenges"][0]["url"], {})

    async def finalized(self, order: dict[str, Any], *names: str) -> tuple[int, dict[str, Any], Any]:
        csr = base64(request_for(names, new_key()))
        return await self.ask(order["finalize"], {"csr": csr})


class FakeCATests(TestCase):
    timeout = 180

    async def by_hand(self, **how: Any) -> ByHand:
        self.ca = await fake_ca(self, **how)
        https = Https(SystemClock(), roots=self.ca.roots)
        self.addCleanup(https.stop)
        return ByHand(self.ca, https, AccountKey.new())

    async def refused(self, asked: Any, kind: str) -> None:
        status, told, _ = await asked
        self.assertGreaterEqual(status, 400, told)
        self.assertEqual(told["type"], f"urn:ietf:params:acme:error:{kind}", told)

    async def test_a_whole_order_gives_a_chain(self) -> None:
        one = await self.by_hand(alternates=1)
        await one.register()
        _, order, answer = await one.ordered("a.test", "b.test")
        self.assertEqual(order["status"], "pending")
        await self.refused(one.finalized(order, "a.test", "b.test"), "orderNotReady")
        await one.proven(order)
        place = answer.header("location")
        self.assertEqual((await one.ask(place))[1]["status"], "ready")
        await self.refused(one.finalized(order, "a.test"), "badCSR")
        _, order, _ = await one.finalized(order, "a.test", "b.test")
        _, _, answer = await one.ask(order["certificate"])
        leaf = self.ca.verified(answer.body, "a.test", "b.test")
        self.assertEqual(leaf, self.ca.issued[0].certificate)
        (other,) = [link for link in answer.headers["link"] if "alternate" in link]
        _, _, answer = await one.ask(other.partition("<")[2].partition(">")[0])
        self.ca.verified(answer.body, "a.test", root=1)
        with self.assertRaises(AssertionError):
            self.ca.verified(answer.body, "a.test")

    async def test_polls_are_waited_out(self) -> None:
        one = await self.by_hand()
        await one.register()
        self.ca.polls, self.ca.poll_after = 2, "7"
        _, order, answer = await one.ordered("a.test")
        place = answer.header("location")
        await one.proven(order)
        seen = [(await one.ask(place))[1]["status"] for _ in range(3)]
        self.assertEqual(seen, ["pending", "pending", "ready"])
        _, order, answer = await one.finalized(order, "a.test")
        self.assertEqual((order["status"], answer.header("retry-after")), ("processing", "7"))
        seen = [(await one.ask(place))[1]["status"] for _ in range(2)]
        self.assertEqual(seen, ["processing", "valid"])

    async def test_what_is_not_signed_right_is_refused(self) -> None:
        one = await self.by_hand()
        await one.register()
        for head, kind in (
            ({"nonce": "made-up"}, "badNonce"),
            ({"nonce": None}, "badNonce"),
            ({"url": self.ca.url("/account")}, "unauthorized"),
            ({"kid": None, "jwk": one.key.jwk}, "malformed"),
            ({"jwk": one.key.jwk}, "malformed"),
            ({"kid": self.ca.url("/acct/none")}, "accountDoesNotExist"),
            ({"alg": "none"}, "badSignatureAlgorithm"),
            ({"alg": "RS256"}, "badSignatureAlgorithm"),
        ):
            await self.refused(one.ask("/order", {"identifiers": []}, **head), kind)
        other = ByHand(self.ca, one.https, AccountKey.new())
        other.kid = one.kid
        await self.refused(other.ask("/order", {}), "malformed")
        self.assertEqual(self.ca.steps(), ["nonce", "account", *["nonce"] * 9])

    async def test_a_nonce_is_good_once(self) -> None:
        one = await self.by_hand()
        fresh = (await one.https.ask("HEAD", self.ca.url("/nonce"))).header("replay-nonce")
        head = {"url": self.ca.url("/account"), "nonce": fresh, "jwk": one.key.jwk}
        body = one.key.signed(head, b'{"termsOfServiceAgreed": true}')
        self.assertEqual((await one.sent(head["url"], body))[0], 201)
        await self.refused(one.sent(head["url"], body), "badNonce")
        spoilt = json.loads(body) | {"header": {}}
        await self.refused(one.sent(head["url"], json.dumps(spoilt).encode()), "malformed")

    async def test_what_is_another_accounts_is_not_told(self) -> None:
        one = await self.by_hand()
        await one.register()
        _, order, answer = await one.ordered("a.test")
        other = ByHand(self.ca, one.https, AccountKey.new())
        await other.register()
        for url in (answer.header("location"), *order["authorizations"], order["finalize"], one.kid):
            await self.refused(other.ask(url), "unauthorized")

    async def test_names_that_are_none(self) -> None:
        one = await self.by_hand()
        await one.register()
        for name in ("A.test", "a_b.test", "a..test", "test", "*.*.test", "-a.test"):
            await self.refused(one.ordered(name), "rejectedIdentifier")
        await self.refused(one.ordered(), "malformed")
        await self.refused(one.ordered("a.test", "a.test"), "malformed")
        await self.refused(one.ordered("a.test", profile="none"), "invalidProfile")

    async def test_an_external_account_is_asked_for(self) -> None:
        one = await self.by_hand(eab={"me": "c2VjcmV0LXNlY3JldC1zZWNyZXQ"})
        agreed = {"termsOfServiceAgreed": True}
        await self.refused(one.ask("/account", agreed), "externalAccountRequired")
        for kid, secret, kind in (
            ("me", "d3Jvbmctd3Jvbmctd3Jvbmc", "unauthorized"),
            ("you", "c2VjcmV0LXNlY3JldC1zZWNyZXQ", "unauthorized"),
        ):
            said = bound(one.key.jwk, kid, secret, self.ca.url("/account"))
            await self.refused(one.ask("/account", agreed | {"externalAccountBinding": said}), kind)
        said = bound(AccountKey.new().jwk, "me", "c2VjcmV0LXNlY3JldC1zZWNyZXQ", self.ca.url("/account"))
        await self.refused(one.ask("/account", agreed | {"externalAccountBinding": said}), "malformed")
        said = bound(one.key.jwk, "me", "c2VjcmV0LXNlY3JldC1zZWNyZXQ", self.ca.url("/account"))
        status, _, _ = await one.ask("/account", agreed | {"externalAccountBinding": said})
        self.assertEqual((status, self.ca.accounts()[0].bound), (201, "me"))

    async def test_a_certificate_is_replaced_once(self) -> None:
        one = await self.by_hand(life=6 * 86400.0)
        await one.register()
        given = ""
        for _ in range(2):
            _, order, _ = await one.ordered("a.test", **({"replaces": given} if given else {}))
            await one.proven(order)
            await one.finalized(order, "a.test")
            given = self.ca.issued[0].id
        self.assertEqual([leaf.replaced for leaf in self.ca.issued], [True, False])
        await self.refused(one.ordered("a.test", replaces=given), "alreadyReplaced")
        await self.refused(one.ordered("b.test", replaces=self.ca.issued[1].id), "malformed")
        leaf = self.ca.issued[1].certificate
        told = (await one.https.ask("GET", self.ca.url(f"/renewal/{renewal_id(leaf)}"))).object()
        self.assertEqual(sorted(told["suggestedWindow"]), ["end", "start"])
        der = base64(leaf.public_bytes(Encoding.DER))
        self.assertEqual((await one.ask("/revoke", {"certificate": der, "reason": 4}))[0], 200)
        self.assertEqual(self.ca.issued[1].revoked, 4)
        await self.refused(one.ask("/revoke", {"certificate": der}), "alreadyRevoked")

    async def test_faults_come_when_they_are_asked_for(self) -> None:
        one = await self.by_hand()
        await one.register()
        self.ca.bad_nonces = 1
        await self.refused(one.ordered("a.test"), "badNonce")
        limited = Problem("rateLimited", "slowly", 429, retry_after="120", names={"a.test": "caa"})
        self.ca.once("order", limited)
        status, told, answer = await one.ordered("a.test")
        self.assertEqual((status, answer.header("retry-after")), (429, "120"))
        self.assertEqual(told["subproblems"][0]["identifier"]["value"], "a.test")
        self.ca.always("order", Garbage(b"?"))
        self.assertEqual((await one.ordered("a.test"))[2].body, b"?")
        self.ca.mend()
        self.ca.once("order", Changed({"finalize": None, "status": 3}))
        _, told, _ = await one.ordered("a.test")
        self.assertNotIn("finalize", told)
        self.assertEqual(told["status"], 3)
        self.ca.refuses["a.test"] = "dns"
        _, order, answer = await one.ordered("a.test")
        await one.proven(order)
        self.assertEqual((await one.ask(answer.header("location")))[1]["status"], "invalid")

    async def test_wrong_certificates(self) -> None:
        one = await self.by_hand()
        await one.register()
        for wrong in ("key", "names", "expired", "chain"):
            self.ca.wrong = wrong
            _, order, _ = await one.ordered("a.test")
            await one.proven(order)
            _, order, _ = await one.finalized(order, "a.test")
            pem = (await one.ask(order["certificate"]))[2].body
            if wrong == "key":
                self.assertEqual(len(x509.load_pem_x509_certificates(pem)), 2)
            else:
                with self.assertRaises(AssertionError):
                    self.ca.verified(pem, "a.test")

    async def test_a_lasting_record_is_for_one_account(self) -> None:
        one = await self.by_hand(kinds=("dns-persist-01",))
        await one.register()
        _, order, _ = await one.ordered("*.a.test")
        (asked,) = [held for held in self.ca.held.values() if isinstance(held, Authorization)]
        right = f"fake.test; accounturi={one.kid}; policy=wildcard; persistUntil=2000"
        self.assertTrue(permitted(["v=spf1 -all", right], asked, 1999.0))
        self.assertFalse(permitted([right], asked, 2001.0))
        for wrong in (
            right.replace("fake.test", "other.test"),
            right.replace(one.kid, self.ca.url("/acct/other")),
            right.replace("; policy=wildcard", ""),
            "fake.test",
            "",
        ):
            self.assertFalse(permitted([wrong], asked, 0.0), wrong)
