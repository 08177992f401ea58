"""The key that is an account: it signs as RFC 7515 says, and does not show itself."""

import json
from base64 import urlsafe_b64decode
from typing import Any

import josepy
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.tls.acme.account_key import AccountKey, bound

KINDS = ("EC", "EC384", "RSA")


def unpacked(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


class AccountKeyTests(SynchronousTestCase):
    def test_each_kind_signs_with_its_own_algorithm(self) -> None:
        for kind, name, size in (("EC", "ES256", 64), ("EC384", "ES384", 96), ("RSA", "RS256", 256)):
            key = AccountKey.new(kind)
            said = json.loads(key.signed({"nonce": "n", "url": "u"}, b"payload"))
            self.assertEqual(set(said), {"protected", "payload", "signature"})
            header = json.loads(unpacked(said["protected"]))
            self.assertEqual(header, {"alg": name, "nonce": "n", "url": "u"})
            self.assertEqual(unpacked(said["payload"]), b"payload")
            self.assertEqual(len(unpacked(said["signature"])), size)
            public: Any = josepy.JWK.from_json(key.jwk)
            signed = f"{said['protected']}.{said['payload']}".encode()
            algorithm = josepy.JWASignature.from_json(name)
            self.assertTrue(algorithm.verify(public.key, signed, unpacked(said["signature"])))

    def test_only_the_public_half_is_told(self) -> None:
        for kind in KINDS:
            self.assertFalse({"d", "p", "q"} & set(AccountKey.new(kind).jwk), kind)

    def test_the_thumbprint_is_that_of_rfc_7638(self) -> None:
        """Its example, by numbers."""
        n = (
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPeb"
            "WKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368Q"
            "QMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2"
            "NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
        )
        key = AccountKey.new("RSA")
        key._public = josepy.JWK.from_json({"kty": "RSA", "n": n, "e": "AQAB"})
        self.assertEqual(key.thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
        self.assertEqual(key.authorization("tok"), "tok.NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")

    def test_it_is_the_same_after_it_was_kept(self) -> None:
        for kind in KINDS:
            key = AccountKey.new(kind)
            again = AccountKey.of(key.pem)
            self.assertEqual((again.thumbprint, again.pem), (key.thumbprint, key.pem))

    def test_what_cannot_sign_is_told(self) -> None:
        small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        for private in (small, ec.generate_private_key(ec.SECP521R1()), ed25519.Ed25519PrivateKey.generate()):
            pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            with self.assertRaisesRegex(ValueError, "signs no requests"):
                AccountKey.of(pem)
        for pem in (b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", b"\xff"):
            with self.assertRaisesRegex(ValueError, "cannot be read"):
                AccountKey.of(pem)

    def test_it_does_not_show_itself(self) -> None:
        key = AccountKey.new()
        private = key._private.private_numbers().private_value
        self.assertNotIn(str(private), repr(key))
        self.assertIn("ES256", repr(key))


class BindingTests(SynchronousTestCase):
    def test_an_external_account_signs_our_key(self) -> None:
        key = AccountKey.new()
        secret = bytes(range(32))
        for text in (
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        ):
            said = bound(key.jwk, "kid-1", text, "https://ca/new")
            header = json.loads(unpacked(said["protected"]))
            self.assertEqual(header, {"alg": "HS256", "kid": "kid-1", "url": "https://ca/new"})
            self.assertEqual(json.loads(unpacked(said["payload"])), key.jwk)
            signed = f"{said['protected']}.{said['payload']}".encode()
            self.assertTrue(josepy.HS256.verify(secret, signed, unpacked(said["signature"])))

    def test_both_alphabets_are_read(self) -> None:
        jwk = {"kty": "EC"}
        self.assertEqual(bound(jwk, "k", "-_-_", "u"), bound(jwk, "k", "+/+/", "u"))

    def test_what_is_no_base64_is_told(self) -> None:
        for text in ("", "=", "a", "hello world!", "abc$efgh", "ü"):
            with self.assertRaisesRegex(ValueError, "eab_key"):
                bound({}, "k", text, "u")
