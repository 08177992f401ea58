"""Addresses become accounts."""

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.delivery.recipients import NoSuchRecipient, RecipientDisabled, Recipients, RecipientsUnknown
from mailtwist.kit.spawn import started
from mailtwist.mail.address import Address
from tests.delivery.people import ANN, BOB, EVE, People


class Whose(SynchronousTestCase):
    def setUp(self):
        self.people = People(ANN, BOB, EVE, domains=["example.org"])

    def account(self, local, domain="example.org", postmaster="", people=None):
        directories = [self.people] if people is None else people
        asked = Recipients(directories, (), postmaster).account(Address(local, domain))
        return started(asked)

    def test_each_address_of_a_person_is_the_person_in_any_case(self):
        for local in ("ann", "ANN", "a.n"):
            self.assertEqual(self.successResultOf(self.account(local)), "1-ann")

    def test_nobody_is_told_so(self):
        error = self.failureResultOf(self.account("nobody"), NoSuchRecipient).value
        self.assertEqual((error.status, error.public), ("5.1.1", "No such recipient here"))

    def test_a_name_that_can_be_nobodys_is_nobodys(self):
        for local in ("\u2126\ud7ff", "a b", "x@y", "\\\\"):
            self.failureResultOf(self.account(local), NoSuchRecipient)

    def test_a_disabled_account_gets_none(self):
        error = self.failureResultOf(self.account("eve"), RecipientDisabled).value
        self.assertEqual(error.status, "5.2.1")

    def test_a_directory_that_is_away_is_no_refusal(self):
        self.people.away = True
        error = self.failureResultOf(self.account("ann"), RecipientsUnknown).value
        self.assertTrue(error.temporary)

    def test_the_second_directory_is_asked_too(self):
        both = [People(BOB), People(ANN)]
        self.assertEqual(self.successResultOf(self.account("ann", people=both)), "1-ann")

    def test_postmaster_is_always_somebody(self):
        self.assertEqual(self.successResultOf(self.account("Postmaster")), "postmaster")
        self.assertEqual(self.successResultOf(self.account("POSTMASTER", "")), "postmaster")

    def test_postmaster_is_who_the_config_says(self):
        for domain in ("example.org", ""):
            found = self.account("postmaster", domain, postmaster="bob@example.org")
            self.assertEqual(self.successResultOf(found), "2-bob")

    def test_postmaster_may_be_an_address_of_somebody(self):
        people = [People(replace(BOB, addresses=("postmaster@example.org",)))]
        self.assertEqual(self.successResultOf(self.account("postmaster", people=people)), "2-bob")

    def test_a_postmaster_who_left_does_not_take_the_mail_along(self):
        found = self.account("postmaster", postmaster="gone@example.org")
        self.assertEqual(self.successResultOf(found), "postmaster")

    def test_only_postmaster_goes_without_a_domain(self):
        self.failureResultOf(self.account("ann", ""), NoSuchRecipient)


class Domains(SynchronousTestCase):
    def serves(self, recipients, domain):
        return self.successResultOf(started(recipients.serves(domain)))

    def test_they_are_those_of_the_directories(self):
        recipients = Recipients([People(domains=["example.org"]), People(domains=["example.net"])])
        self.assertEqual(
            [self.serves(recipients, d) for d in ("example.org", "example.net", "example.com")],
            [True, True, False],
        )

    def test_or_those_of_the_config_alone(self):
        recipients = Recipients([People(domains=["example.org"])], ["example.com"])
        self.assertEqual([self.serves(recipients, d) for d in ("example.org", "example.com")], [False, True])

    def test_while_a_directory_is_away_nobody_is_turned_away_for_good(self):
        people = People(domains=["example.org"])
        people.away = True
        self.failureResultOf(started(Recipients([people]).serves("example.org")), RecipientsUnknown)
