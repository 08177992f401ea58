"""What comes later fits: DANE, MTA-STS and REQUIRETLS as policies of a few lines, over the same sessions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailtwist.kit.dns_records import Tlsa
from mailtwist.tls import dane
from mailtwist.tls.mta_sts import Sts
from mailtwist.tls.policy import NotGoodEnough, Opportunistic, Record, Seen, Verify, judged, named
from mailtwist.tls.verdict import Finding
from tests.delivery.remote.test_policies import HOST, PolicyCase
from tests.tls.outbound import Serving


@dataclass(frozen=True)
class Dane:
    records: tuple[Tlsa, ...]
    domain: str
    asks: str
    source = "tlsa"
    tls = strict = True

    def findings(self, seen: Seen) -> Sequence[Finding]:
        if seen.shown is None:
            return [seen.lacks or Finding("starttls-not-supported", "no TLS")]
        return dane.findings(self.records, seen.shown, (self.asks, self.domain))


@dataclass(frozen=True)
class MtaSts:
    policy: Sts
    source = "sts"
    tls = True
    asks = ""

    @property
    def strict(self) -> bool:
        return self.policy.mode == "enforce"

    def findings(self, seen: Seen) -> Sequence[Finding]:
        found = list(Verify().findings(seen))
        if not self.policy.names(seen.host):
            found.append(Finding("sts-policy-invalid", f"the policy does not name {seen.host}"))
        return found


class RequireTls:
    source, tls, strict, asks = "requiretls", True, True, ""

    def findings(self, seen: Seen) -> Sequence[Finding]:
        offered = any(one.upper() == "REQUIRETLS" for one in seen.offers)
        return [] if offered else [Finding("validation-failure", "the server does not offer REQUIRETLS")]


class SeamTests(PolicyCase):
    def tlsa(self, serving: Serving) -> Tlsa:
        public = serving.leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return Tlsa(3, 1, 1, sha256(public).digest())

    async def test_dane_asks_for_its_base_domain_and_needs_no_authority(self) -> None:
        self.shows(self.bundle("163.com"))
        context = self.peers.contexts.context
        asked: list[object] = []
        context.set_tlsext_servername_callback(lambda connection: asked.append(connection.get_servername()))
        right = Dane((self.tlsa(self.peers.contexts),), "netease.com", "base.netease.com")
        record = await self.tried(right, Opportunistic())
        assert isinstance(record, Record)
        self.assertTrue(record.verified)
        self.assertEqual(asked, [b"base.netease.com"])
        self.assertEqual([len(one.findings) for one in record.judgements], [0, 1])
        wrong = replace(right, records=(Tlsa(3, 1, 1, bytes(32)),))
        refused = await self.tried(wrong, Opportunistic())
        assert isinstance(refused, NotGoodEnough)
        self.assertEqual((refused.record.policy, refused.status), ("tlsa", "4.7.5"))

    async def test_an_mta_sts_that_is_met_does_not_override_dane(self) -> None:
        self.shows(self.bundle(HOST))
        sts = MtaSts(Sts("enforce", 86400, (HOST,)))
        wrong = Dane((Tlsa(3, 1, 1, bytes(32)),), "netease.com", HOST)
        refused = await self.tried(wrong, sts)
        assert isinstance(refused, NotGoodEnough)
        self.assertEqual([len(one.findings) for one in refused.record.judgements], [1, 0])
        self.assertFalse(refused.record.verified)

    async def test_an_mta_sts_in_testing_reports_and_refuses_nothing(self) -> None:
        self.shows(self.bundle("163.com"))
        for mode in ("testing", "enforce"):
            told = await self.tried(MtaSts(Sts(mode, 86400, ("mx.netease.com",))))
            record = told.record if isinstance(told, NotGoodEnough) else told
            assert isinstance(record, Record)
            self.assertEqual(bool(record.refusing), mode == "enforce")
            codes = [one.code for one in record.findings]
            self.assertEqual(codes, ["certificate-host-mismatch", "sts-policy-invalid"])

    async def test_requiretls_looks_at_the_offer_under_tls(self) -> None:
        self.shows(self.bundle(HOST))
        refused = await self.tried(RequireTls(), Verify())
        assert isinstance(refused, NotGoodEnough)
        self.assertEqual(refused.record.words, "the server does not offer REQUIRETLS")
        self.peers.replies["EHLO"] = b"250-there\r\n250-STARTTLS\r\n250 REQUIRETLS"
        self.assertIsInstance(await self.tried(RequireTls(), Verify()), Record)

    def test_policies_by_the_words_of_settings(self) -> None:
        self.assertEqual(named("verify", ("a.example",)), Verify(("a.example",)))
        self.assertEqual(named("opportunistic"), Opportunistic())
        self.assertEqual((named("none").tls, named("none").source), (False, "none"))

    def test_no_policy_says_nothing(self) -> None:
        record = judged(Seen(HOST), ())
        self.assertEqual((record.refusing, record.findings, record.verified), ((), (), False))
