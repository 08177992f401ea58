"""TLSA records and the chains that they vouch for, or do not."""

from datetime import timedelta
from hashlib import sha256, sha512

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.dns_records import Tlsa
from mailtwist.tls.dane import findings, matching, usable
from mailtwist.tls.verdict import Shown
from tests.tls.made import NOW, Authority

BEGINS, LONG_AGO = NOW - timedelta(350), NOW - timedelta(300)

HOST = "mx.example.org"


def hashed(certificate, usage, selector=1, matching=1):
    octets = (
        certificate.public_bytes(Encoding.DER)
        if selector == 0
        else certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    data = {0: octets, 1: sha256(octets).digest(), 2: sha512(octets).digest()}[matching]
    return Tlsa(usage, selector, matching, data)


class DaneTests(SynchronousTestCase):
    def setUp(self):
        self.root = Authority("The root")
        self.middle = Authority("The middle", above=self.root)

    def shown(self, *names, ends=None, by=None):
        bundle = (by or self.middle).bundle(*names, begins=BEGINS, **({} if ends is None else {"ends": ends}))
        chain = [bundle.leaf, *bundle.chain]
        certificates = [getattr(one, "to_cryptography", lambda one=one: one)() for one in chain]
        return Shown(HOST, "TLSv1.3", "x", "", tuple(certificates))

    def test_every_selector_and_every_way_to_compare(self):
        shown = self.shown(HOST)
        for selector in (0, 1):
            for way in (0, 1, 2):
                record = hashed(shown.chain[0], 3, selector, way)
                self.assertTrue(usable(record))
                self.assertIs(matching([record], shown, [HOST]), record)

    def test_with_usage_3_no_name_and_no_date_counts(self):
        shown = self.shown("elsewhere.example", ends=LONG_AGO, by=Authority("of nobody"))
        self.assertIsNotNone(matching([hashed(shown.chain[0], 3)], shown, [HOST]))

    def test_usage_3_is_of_the_certificate_itself(self):
        shown = self.shown(HOST)
        self.assertIsNone(matching([hashed(shown.chain[1], 3)], shown, [HOST]))

    def test_usage_2_is_of_an_authority_that_is_sent_and_wants_the_name(self):
        shown = self.shown(HOST)
        record = hashed(self.middle.certificate, 2)
        self.assertIs(matching([record], shown, [HOST]), record)
        self.assertIsNone(matching([record], self.shown("elsewhere.example"), [HOST]))
        self.assertIs(matching([record], self.shown("example.org"), [HOST, "example.org"]), record)

    def test_usage_2_wants_a_chain_that_ends_there(self):
        other = Authority("The other")
        shown = self.shown(HOST)
        forged = Shown(HOST, "TLSv1.3", "x", "", (shown.chain[0], other.certificate))
        self.assertIsNone(matching([hashed(other.certificate, 2)], forged, [HOST]))
        expired = self.shown(HOST, ends=LONG_AGO)
        self.assertIsNone(matching([hashed(self.middle.certificate, 2)], expired, [HOST]))

    def test_one_of_many_is_enough_and_what_is_unusable_does_not_count(self):
        shown = self.shown(HOST)
        right = hashed(shown.chain[0], 3)
        wrong = [
            Tlsa(3, 1, 1, bytes(32)),
            Tlsa(0, 1, 1, right.data),
            Tlsa(3, 9, 1, right.data),
            Tlsa(3, 1, 1, b"x"),
        ]
        self.assertEqual([usable(one) for one in wrong], [True, False, False, False])
        self.assertIs(matching([*wrong, right], shown, [HOST]), right)
        self.assertIsNone(matching(wrong, shown, [HOST]))
        (finding,) = findings(wrong[:1], shown, [HOST])
        self.assertEqual(finding.code, "validation-failure")
        self.assertEqual(finding.words, "no TLSA record (3 1 1) is that of the certificate")

    def test_nothing_shown_is_vouched_for_by_nothing(self):
        self.assertIsNone(matching([Tlsa(3, 1, 1, bytes(32))], Shown(), [HOST]))
