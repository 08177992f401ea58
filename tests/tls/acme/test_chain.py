"""Which chain is taken, and whether it is what was asked for."""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.testing.clock import BEGIN
from mailtwist.tls.acme.chain import LINKS, alternates_of, preferred_of, verified
from mailtwist.tls.acme.csr import COMMON_NAME, new_key, pem_of, request_for
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.https import Answer
from tests.tls.made import NOW, Authority

ROOT = Authority("Root X")
MIDDLE = Authority("Middle X", ROOT)


class VerifiedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.pem, key = MIDDLE.leaf("a.test", "*.a.test")
        self.key = load_pem_private_key(key, None)

    def wrong(self, words: str, pem: bytes | None = None, **how: object) -> None:
        given = {"key": self.key, "names": ("*.a.test", "a.test"), "now": BEGIN} | how
        with self.assertRaises(NotIssued) as caught:
            verified(self.pem if pem is None else pem, authority="ca.example", **given)
        self.assertEqual(caught.exception.kind, "wrongCertificate")
        self.assertIn("ca.example has issued a certificate, but", caught.exception.words)
        self.assertIn(words, caught.exception.words)

    def test_what_was_asked_for_is_taken_without_the_rest(self) -> None:
        dirty = b"Hello\n" + self.pem.replace(b"\n-----BEGIN", b"\n# evil\n-----BEGIN") + b"\nbye"
        found = verified(dirty, self.key, ["*.a.test", "a.test"], BEGIN, "ca.example")
        self.assertEqual(found, self.pem)

    def test_another_key_is_not(self) -> None:
        self.wrong("it is not for our key", key=new_key())

    def test_exactly_our_names_it_has_to_have(self) -> None:
        for names in (("a.test",), ("a.test", "*.a.test", "b.test"), ("b.test",)):
            self.wrong("it is for *.a.test, a.test, not for", names=names)
        pem, key = MIDDLE.leaf("a.test", "192.0.2.1")
        self.wrong("192.0.2.1, a.test", pem, key=load_pem_private_key(key, None), names=("a.test",))
        pem, key = MIDDLE.leaf(common="a.test")
        self.wrong("it is damaged", pem, key=load_pem_private_key(key, None))

    def test_in_its_time(self) -> None:
        self.wrong("has ended at", now=BEGIN + 3650 * 86400 + 1)
        begins = NOW + timedelta(hours=2)
        pem, key = MIDDLE.leaf("a.test", begins=begins)
        self.wrong("is the clock right?", pem, key=load_pem_private_key(key, None), names=("a.test",))

    def test_a_clock_that_is_a_little_slow_is_none(self) -> None:
        pem, key = MIDDLE.leaf("a.test", begins=NOW + timedelta(minutes=50))
        self.assertTrue(verified(pem, load_pem_private_key(key, None), ["a.test"], BEGIN, "ca"))

    def test_every_link_is_signed_by_the_next(self) -> None:
        leaf = self.pem.partition(b"-----END CERTIFICATE-----\n")
        for above in (ROOT, Authority("Middle X", ROOT), Authority("Root X")):
            self.wrong("its chain is broken", leaf[0] + leaf[1] + above.pem)
        self.wrong("its chain is broken", self.pem + ROOT.pem + MIDDLE.pem)

    def test_no_chain_is_endless(self) -> None:
        self.wrong("certificates", self.pem + ROOT.pem * LINKS)

    def test_what_is_no_certificate_is_told(self) -> None:
        for pem in (b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
            self.wrong("", pem)

    def test_a_leaf_alone_will_do(self) -> None:
        pem, key = ROOT.leaf("a.test")
        self.assertEqual(verified(pem, load_pem_private_key(key, None), ["a.test"], BEGIN, "ca"), pem)


class AlternateTests(TestCase):
    def links(self, *values: str) -> list[str]:
        return alternates_of(Answer("https://ca.example/cert/1", 200, {"link": values}, b""))

    def test_links_are_found(self) -> None:
        self.assertEqual(
            self.links('<https://ca.example/cert/1/1>;rel="alternate"'), ["https://ca.example/cert/1/1"]
        )
        self.assertEqual(
            self.links(
                '</dir>; rel="index"', '</a>; rel=alternate, </b>;title="x, y";rel="alternate" , </c>;rel=up'
            ),
            ["https://ca.example/a", "https://ca.example/b"],
        )
        self.assertEqual(self.links('<1>;rel="up alternate"'), ["https://ca.example/cert/1"])

    def test_what_is_none_is_not(self) -> None:
        for value in (
            "",
            "<",
            "<x",
            "x;rel=alternate",
            '<x>;rel="alternatives"',
            "<x>;title=alternate",
            "<>" * 5000,
        ):
            self.assertEqual(self.links(value), [], value)

    def test_few_are_enough(self) -> None:
        many = ", ".join(f'<{n}>;rel="alternate"' for n in range(100))
        self.assertEqual(len(self.links(many, many)), 10)

    def test_no_line_takes_long(self) -> None:
        for value in (
            "<x>" + ";a=b" * 50_000,
            "<x>;" * 50_000,
            '<x>;a="' * 50_000,
            "<" * 200_000,
            "<x>" + " " * 200_000,
        ):
            self.links(*[value] * 100)

    async def preferred(self, wanted: str, *pems: bytes) -> int:
        """Which one; and how many were looked at."""
        self.looked = 0

        async def fetched(url: str) -> bytes:
            self.looked += 1
            if url == "away":
                raise NotIssued("unreachable", "it is away")
            return pems[int(url)]

        urls = ["away", *map(str, range(1, len(pems)))]
        return pems.index(await preferred_of(pems[0], urls, fetched, wanted, "ca.example"))

    async def test_a_chain_whose_names_cannot_be_read_is_not_the_one(self) -> None:
        good, bad = (Authority(name).leaf("a.test")[0] for name in ("Root A", "Root B"))
        octets = (
            x509.load_pem_x509_certificate(bad).public_bytes(Encoding.DER).replace(b"Root B", b"\xffoot B")
        )
        odd = x509.load_der_x509_certificate(octets).public_bytes(Encoding.PEM)
        self.assertEqual(await self.preferred("Root A", odd, good), 1)
        self.assertEqual(await self.preferred("Root C", odd), 0)

    async def test_the_issuer_of_the_last_one_decides(self) -> None:
        chains = [
            Authority("Middle", Authority(name)).leaf("a.test")[0] for name in ("Root A", "Root B", "Root C")
        ]
        self.assertEqual(await self.preferred("Root A", *chains), 0)
        self.assertEqual(self.looked, 0)
        self.assertEqual(await self.preferred("root b", *chains), 1)
        self.assertEqual(self.looked, 2)
        self.assertEqual(await self.preferred("Middle", *chains), 0)

    async def test_or_the_identifier_of_its_key(self) -> None:
        above = Authority("Root A")
        known = x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key())
        self.assertIsNotNone(known.key_identifier)
        made = _with_identifier(above, known)
        wanted = (known.key_identifier or b"").hex().upper()
        self.assertEqual(await self.preferred(wanted, ROOT.leaf("a.test")[0], made), 1)

    async def test_where_there_is_none_the_usual_one_is_taken_and_told(self) -> None:
        events: list[dict[str, object]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        chains = [Authority("Middle", Authority(name)).leaf("a.test")[0] for name in ("Root A", "Root B")]
        self.assertEqual(await self.preferred("Root D", *chains, b"<html>"), 0)
        (event,) = [one for one in events if one.get("event_id") == "acme.no_chain"]
        self.assertEqual((event["wanted"], event["offered"]), ("Root D", "Root A, it is away, Root B"))


class RequestTests(SynchronousTestCase):
    def request(self, *names: str, kind: str = "EC", **how: bool) -> x509.CertificateSigningRequest:
        return x509.load_der_x509_csr(request_for(names, new_key(kind), **how))

    def names(self, request: x509.CertificateSigningRequest) -> list[str]:
        known = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return known.value.get_values_for_type(x509.DNSName)

    def test_names_are_alternative_names_and_nothing_else(self) -> None:
        request = self.request("a.test", "*.a.test")
        self.assertEqual(self.names(request), ["a.test", "*.a.test"])
        self.assertEqual(list(request.subject), [])
        self.assertTrue(request.is_signature_valid)

    def test_one_is_a_common_name_where_that_is_wanted(self) -> None:
        long = "x" * 60 + ".a.test"
        self.assertGreater(len(long), COMMON_NAME)
        request = self.request(long, "a.test", common_name=True)
        self.assertEqual(request.subject.rfc4514_string(), "CN=a.test")
        self.assertEqual(list(self.request(long, common_name=True).subject), [])

    def test_keys_are_ec_or_rsa_of_a_size(self) -> None:
        self.assertEqual(new_key().curve.name, "secp256r1")
        self.assertEqual([new_key("RSA", bits).key_size for bits in (2048, 3072)], [2048, 3072])
        self.assertTrue(self.request("a.test", kind="RSA").is_signature_valid)
        self.assertIn(b"PRIVATE KEY", pem_of(new_key()))


def _with_identifier(above: Authority, known: x509.AuthorityKeyIdentifier) -> bytes:
    key = new_key()
    day = datetime.fromtimestamp(BEGIN, UTC)
    builder = x509.CertificateBuilder(
        above.certificate.subject, above.certificate.subject, key.public_key(), 5, day, day
    )
    return (
        builder.add_extension(known, critical=False)
        .sign(above.key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
