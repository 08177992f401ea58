"""The form of app passwords, and the vault in them."""

import re

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.app_passwords import app_password_id, new_app_password, opened_vault, sealed_vault


class FormTests(SynchronousTestCase):
    def test_it_says_what_it_is_and_whose_record_it_belongs_to(self) -> None:
        id, text = new_app_password()
        self.assertRegex(text, rf"^mt_{id}_[0-9a-z]{{33}}$")
        self.assertEqual(app_password_id(text.encode()), id)

    def test_none_is_like_another(self) -> None:
        self.assertEqual(len({new_app_password()[1][16:42] for _ in range(200)}), 200)

    def test_one_that_was_not_copied_whole_is_none(self) -> None:
        _, text = new_app_password()
        for at in range(len(text)):
            other = text[:at] + ("x" if text[at] != "x" else "y") + text[at + 1 :]
            self.assertEqual(app_password_id(other.encode()), "", other)
        for other in (text[:-1], text + "0", text.upper(), f" {text}", f"{text}\n", f"{text}@123456"):
            self.assertEqual(app_password_id(other.encode()), "", other)

    def test_a_password_that_only_looks_like_one_stays_a_password(self) -> None:
        for secret in (b"mt_", b"mt_holyoke_1837", b"mt_" + b"0" * 12 + b"_" + b"0" * 33, b"", b"\xff" * 49):
            self.assertEqual(app_password_id(secret), "")

    @given(some.binary(max_size=80))
    def test_any_octets_can_be_asked_about(self, secret: bytes) -> None:
        self.assertEqual(app_password_id(secret), "")


class VaultTests(SynchronousTestCase):
    SECRET = new_app_password()[1].encode()

    def test_it_opens_with_its_app_password_for_its_record_alone(self) -> None:
        vault = sealed_vault(self.SECRET, b"p@ss", "ann", "d1")
        self.assertNotIn(b"p@ss", vault)
        self.assertEqual(opened_vault(self.SECRET, vault, "ann", "d1"), b"p@ss")
        other = new_app_password()[1].encode()
        for secret, account, id in (
            (other, "ann", "d1"),
            (self.SECRET, "bob", "d1"),
            (self.SECRET, "ann", "d2"),
            (self.SECRET, "annd", "1"),
        ):
            self.assertIsNone(opened_vault(secret, vault, account, id))

    def test_what_was_changed_does_not_open(self) -> None:
        vault = sealed_vault(self.SECRET, b"p@ss", "ann", "d1")
        for damaged in (b"", vault[:5], vault[:-1], vault[:-1] + bytes([vault[-1] ^ 1]), vault + b"x"):
            self.assertIsNone(opened_vault(self.SECRET, damaged, "ann", "d1"))

    def test_the_same_password_is_never_sealed_alike(self) -> None:
        vaults = {sealed_vault(self.SECRET, b"p@ss", "ann", "d1") for _ in range(50)}
        self.assertEqual(len(vaults), 50)
        self.assertEqual(len({re.sub(b"^.{12}", b"", vault, flags=re.S) for vault in vaults}), 50)
