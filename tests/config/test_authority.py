"""Authorities: those of the file, and those that are known without one."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.authority import AUTHORITIES, AuthoritySettings, HttpsUrl, authority
from mailtwist.config.load import load_text
from mailtwist.config.values import Secret


def sections(text: str) -> Any:
    return load_text(text).named["authority"]


class AuthorityTests(SynchronousTestCase):
    def test_some_are_known(self) -> None:
        for word in ("letsencrypt", "letsencrypt-staging", "zerossl", "google"):
            found = authority(word, {})
            self.assertTrue(found.directory.startswith("https://"), word)
        self.assertEqual(authority("letsencrypt", {}).profile, "tlsserver")
        staging = authority("letsencrypt-staging", {})
        self.assertEqual(authority("letsencrypt", {}).staging, staging.directory)

    def test_a_section_is_one(self) -> None:
        text = "[authority:mine]\ndirectory = https://ca.example/dir\nprofile = short\norders = 5 in 1 h\n"
        found = authority("mine", sections(text))
        self.assertEqual(
            (found.directory, found.profile, found.common_name), ("https://ca.example/dir", "short", False)
        )
        self.assertEqual(str(found.orders), "5 in 1 h")

    def test_a_section_changes_one_that_is_known(self) -> None:
        found = authority("zerossl", sections("[authority:zerossl]\neab_kid = me\neab_key = c2VjcmV0\n"))
        self.assertEqual(found.directory, AUTHORITIES["zerossl"].directory)
        assert found.eab_key is not None
        self.assertEqual((found.eab_kid, found.eab_key.reveal()), ("me", "c2VjcmV0"))
        other = authority("letsencrypt", sections("[authority:letsencrypt]\nprofile = shortlived\n"))
        self.assertEqual((other.profile, other.orders), ("shortlived", AUTHORITIES["letsencrypt"].orders))

    def test_or_is_another_one_of_that_name(self) -> None:
        found = authority(
            "letsencrypt", sections("[authority:letsencrypt]\ndirectory = https://ca.example/dir\n")
        )
        self.assertEqual((found.directory, found.orders, found.profile), ("https://ca.example/dir", None, ""))

    def test_what_is_nowhere_is_told_with_what_there_is(self) -> None:
        with self.assertRaisesRegex(ValueError, 'no authority "letsencrpt"; there are: mine, letsencrypt'):
            authority("letsencrpt", {"mine": AuthoritySettings(directory=HttpsUrl("https://ca.example/"))})
        with self.assertRaisesRegex(ValueError, r"\[authority:mine\] needs a `directory`"):
            authority("mine", {"mine": AuthoritySettings()})

    def test_the_key_does_not_show_itself(self) -> None:
        settings = AuthoritySettings(eab_kid="me", eab_key=Secret("c2VjcmV0"))
        self.assertNotIn("c2VjcmV0", repr(settings))
