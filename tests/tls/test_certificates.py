"""A certificate with its key and chain, and what can be wrong with it."""

import subprocess
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import dsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.tls.certificates import BadCertificate, read_bundle
from tests.tls.made import NOW, Authority, new_key, pem_of

SECOND = timedelta(seconds=1)


class Reading(SynchronousTestCase):
    root = Authority()

    def refused(self, certificate: bytes, key: bytes) -> tuple[str, str]:
        bad = self.assertRaises(BadCertificate, read_bundle, certificate, key)
        self.assertNotIn("PRIVATE", bad.public)
        return bad.setting, bad.words

    def test_names_and_dates_come_from_the_leaf(self) -> None:
        bundle = self.root.bundle("Mail.example.org", "*.example.net", begins=NOW, ends=NOW + timedelta(90))
        self.assertEqual(bundle.names, ("mail.example.org", "*.example.net"))
        self.assertEqual(
            (bundle.not_before, bundle.not_after - bundle.not_before), (NOW.timestamp(), 90 * 86400)
        )
        self.assertEqual((bundle.chain, bundle.key_kind), ((), "EC"))
        self.assertNotIn(str(bundle.key.private_numbers().private_value), repr(bundle))

    def test_everything_may_be_in_one_file_in_any_order(self) -> None:
        below = Authority("Test intermediate", self.root)
        chain, key = below.leaf("mail.example.org")
        leaf, link = chain[: chain.index(b"-----BEGIN", 10)], chain[chain.index(b"-----BEGIN", 10) :]
        bundle = read_bundle(link + key + leaf, b"junk\n" + link + key + leaf)
        self.assertEqual(bundle.names, ("mail.example.org",))
        self.assertEqual(bundle.chain, (below.certificate,))

    def test_a_key_of_openssl_ecparam_is_found_behind_its_parameters(self) -> None:
        path = Path(self.mktemp())
        command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-out", str(path)]
        subprocess.run(command, capture_output=True, check=True)
        key = path.read_bytes()
        self.assertIn(b"EC PARAMETERS", key)
        self.assertEqual(
            self.refused(self.root.leaf("mail.example.org")[0], key)[0], "key"
        )  # read, but another's

    def test_a_key_of_another_certificate_is_named(self) -> None:
        certificate, _ = self.root.leaf("mail.example.org", common="mail.example.org")
        setting, words = self.refused(certificate, pem_of(new_key()))
        self.assertEqual(setting, "key")
        self.assertEqual(words, "the key does not belong to the certificate (CN=mail.example.org)")

    def test_each_defect_has_its_own_sentence(self) -> None:
        certificate, key = self.root.leaf("mail.example.org")
        locked = new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
        other_kind = dsa.generate_private_key(1024).private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x")
        )
        damaged = certificate.replace(b"MII", b"!!!", 1)
        for one, two, setting, words in (
            (certificate, b"", "key", "no private key in PEM form"),
            (certificate, certificate, "key", "no private key in PEM form"),
            (certificate, locked, "key", "locked by a passphrase"),
            (certificate, other_kind, "key", "locked by a passphrase"),
            (certificate, key.replace(b"M", b"!", 2), "key", "damaged"),
            (b"", key, "certificate", "no certificate in PEM form"),
            (damaged, key, "certificate", "damaged"),
            (*self.root.leaf(common="mail.example.org"), "certificate", "no subjectAltName"),
            (*self.root.leaf("not a name"), "certificate", "no host name"),
        ):
            said = self.refused(one, two)
            self.assertEqual(said[0], setting)
            self.assertIn(words, said[1])

    def test_dates_are_told_in_words(self) -> None:
        bundle = self.root.bundle("a.example", begins=NOW, ends=NOW + timedelta(10))
        self.assertEqual(bundle.troubles(NOW.timestamp()), [])
        self.assertEqual(
            bundle.troubles((NOW - SECOND).timestamp()), ["is not valid before 2027-01-15 08:00 UTC"]
        )
        self.assertEqual(
            bundle.troubles((NOW + timedelta(10)).timestamp()), ["expired on 2027-01-25 08:00 UTC"]
        )
        self.assertEqual(bundle.troubles((NOW + timedelta(10) - SECOND).timestamp()), [])
