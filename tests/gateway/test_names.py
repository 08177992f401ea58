"""What servers behind call people: nobody comes to another one's mail by his own second factor."""

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.api import Accepted, LoginRefused, LoginRequest
from mailtwist.config.login import LoginSettings
from mailtwist.config.values import Hostname, Names
from mailtwist.gateway import errand as errands
from mailtwist.gateway.dial import Way
from mailtwist.gateway.upstream.names import Names as Called
from mailtwist.gateway.upstream.settings import Settings
from mailtwist.testing.assembly import OnePart
from tests.gateway.behind import errand

ANN = "ann@example.org"


class NamesTests(SynchronousTestCase):
    def names(self, form: Any, domain: str = "", default: str = "") -> Called:
        login = LoginSettings(default_domain=Hostname(default) if default else None)
        house = OnePart(Path(self.mktemp()), login=login)
        settings = Settings(
            hosts=Names(("a",)),
            imap=Way.parse("143 plain"),
            user_name=form,
            domain=Hostname(domain) if domain else None,
        )
        return Called(settings, house)

    def called(self, names: Called, name: str = ANN, typed: str = "") -> str:
        return names.of(errand("imap", b"right", name, typed=typed.encode())).decode()

    def test_our_own_name(self) -> None:
        names = self.names("canonical", default="example.org")
        for typed in ("ANN", "EXAMPLE\\ann", ANN):
            self.assertEqual(self.called(names, typed=typed), ANN)

    def test_what_was_typed_when_it_is_the_name(self) -> None:
        names = self.names("typed", default="example.org")
        for typed, called in (("Ann", "Ann"), ("EXAMPLE\\ann", "ann"), ("ANN@Example.org",) * 2):
            self.assertEqual(self.called(names, typed=typed), called)

    def test_an_alias_is_not_told_it_may_be_somebody_elses_name_there(self) -> None:
        names = self.names("typed", default="example.org")
        for typed in ("bob", "bob@example.org", "ann@example.net", "", "\\", "a\\b\\c", "@"):
            self.assertEqual(self.called(names, typed=typed), ANN)

    def test_of_one_domain_alone_what_stands_before_the_at(self) -> None:
        for names in (self.names("local", "example.org"), self.names("local", default="example.org")):
            self.assertEqual(self.called(names, ANN), "ann")
            for other in ("ann@example.net", "ann", "ann@sub.example.org", "ann@example.org@example.net"):
                self.assertRaises(LoginRefused, self.called, names, other)

    def test_the_domain_of_the_server_counts_before_ours(self) -> None:
        names = self.names("local", "example.net", "example.org")
        self.assertRaises(LoginRefused, self.called, names, ANN)
        self.assertEqual(self.called(names, "ann@example.net"), "ann")

    def test_the_domain_has_to_be_said(self) -> None:
        self.assertRaises(ValueError, self.names, "local")
        self.assertRaises(ValueError, self.names, "canonical", "example.org")

    def test_no_name_is_one_for_two(self) -> None:
        """A Dovecot takes `bob*ann` for ann, who asks for bob's mail."""
        for name, typed in ((ANN, "bob*ann"), ("bob*ann", ANN), ("bob*ann", "bob*ann")):
            accepted = Accepted("a1", name, b"right")
            request = LoginRequest("imap", typed.encode(), b"secret")
            self.assertRaises(LoginRefused, errands.errand, "imap", accepted, request)
