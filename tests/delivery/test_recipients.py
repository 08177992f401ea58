"""Addresses become accounts."""

from dataclasses import replace

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.delivery.expansion import DEEPEST, MOST, Astray, RecipientsUnknown
from mailtwist.delivery.recipients import NoSuchRecipient, RecipientDisabled, Recipients
from mailtwist.kit.spawn import started
from mailtwist.mail.address import Address
from tests.delivery.people import ANN, BOB, EVE, People


class Asking(SynchronousTestCase):
    def setUp(self):
        self.people = People(ANN, BOB, EVE, domains=["example.org"])

    def recipients(self, postmaster="", people=None, detail="+"):
        directories = [self.people] if people is None else people
        return Recipients(directories, (), postmaster, detail)

    def asked(self, text, **more):
        local, _, domain = text.rpartition("@") if "@" in text else (text, "", "")
        return started(self.recipients(**more).places(Address(local, domain)))

    def places(self, text, **more):
        return [(place.account, place.detail) for place in self.successResultOf(self.asked(text, **more))]

    def accounts(self, text, **more):
        return [account for account, _ in self.places(text, **more)]

    def refused(self, kind, text, **more):
        return self.failureResultOf(self.asked(text, **more), kind).value

    def owns(self, account, text, **more):
        local, _, domain = text.rpartition("@")
        return self.successResultOf(started(self.recipients(**more).owns(account, Address(local, domain))))


class Whose(Asking):
    def test_each_address_of_a_person_is_the_person_in_any_case(self):
        for local in ("ann", "ANN", "a.n"):
            self.assertEqual(self.accounts(f"{local}@example.org"), ["1-ann"])

    def test_nobody_is_told_so(self):
        error = self.refused(NoSuchRecipient, "nobody@example.org")
        self.assertEqual((error.status, error.public), ("5.1.1", "No such recipient here"))

    def test_a_name_that_can_be_nobodys_is_nobodys(self):
        for local in ("\u2126\ud7ff", "a b", "x@y", "\\\\", "+", "+ann", "\x00", "ann+\x00", "e\u0301" * 300):
            self.refused(NoSuchRecipient, f"{local}@example.org")

    def test_a_disabled_account_gets_none(self):
        self.assertEqual(self.refused(RecipientDisabled, "eve@example.org").status, "5.2.1")

    def test_a_directory_that_is_away_is_no_refusal(self):
        self.people.away = True
        self.assertTrue(self.refused(RecipientsUnknown, "ann@example.org").temporary)

    def test_the_second_directory_is_asked_too(self):
        self.assertEqual(self.accounts("ann@example.org", people=[People(BOB), People(ANN)]), ["1-ann"])

    def test_unicode_has_one_spelling(self):
        zoe = replace(ANN, addresses=("zo\xeb@xn--exmple-cua.org",))
        for spelling in ("zo\xeb@xn--exmple-cua.org", "ZOE\u0308@ex\xe4mple.org", "Zoe\u0308@EX\xc4MPLE.org"):
            self.assertEqual(self.accounts(spelling, people=[People(zoe)]), ["1-ann"])


class Postmaster(Asking):
    def test_it_is_always_somebody(self):
        self.assertEqual(self.accounts("Postmaster@example.org"), ["postmaster"])
        self.assertEqual(self.accounts("POSTMASTER"), ["postmaster"])

    def test_it_is_who_the_config_says(self):
        for to in ("postmaster@example.org", "postmaster"):
            for postmaster in ("bob@example.org", "bob"):
                self.assertEqual(self.accounts(to, postmaster=postmaster), ["2-bob"])

    def test_it_may_be_an_address_of_somebody(self):
        people = [People(replace(BOB, addresses=("postmaster@example.org",)))]
        self.assertEqual(self.accounts("postmaster@example.org", people=people), ["2-bob"])

    def test_one_who_left_does_not_take_the_mail_along(self):
        found = self.accounts("postmaster@example.org", postmaster="gone@example.org")
        self.assertEqual(found, ["postmaster"])

    def test_only_postmaster_goes_without_a_domain(self):
        self.refused(NoSuchRecipient, "ann")

    def test_aliases_and_catch_all_count_and_what_is_wrong_with_them_loses_nothing(self):
        for aliases, found in (
            ({"postmaster@example.org": ("bob", "ann@example.org")}, ["2-bob", "1-ann"]),
            ({"@example.org": ("bob",)}, ["2-bob"]),
            ({"postmaster@example.org": ("gone@example.org",)}, ["postmaster"]),
            ({"postmaster@example.org": ("eve@example.org",)}, ["3-eve"]),
            (chain(DEEPEST + 5, "postmaster@example.org"), ["postmaster"]),
        ):
            self.people.aliases = aliases
            self.assertEqual(self.accounts("postmaster@example.org"), found)


def chain(length, first="0@example.org", last="ann@example.org"):
    """Aliases each of which leads to the next."""
    names = [first, *(f"{n}@example.org" for n in range(1, length)), last]
    return {name: (after,) for name, after in zip(names, names[1:], strict=False)}


class Aliases(Asking):
    def alias(self, **aliases):
        self.people.aliases = {f"{name}@example.org": targets for name, targets in aliases.items()}

    def test_an_alias_stands_for_addresses_and_login_names(self):
        self.alias(info=("bob", "a.n@example.org"))
        self.assertEqual(self.accounts("Info@Example.org"), ["2-bob", "1-ann"])

    def test_each_account_gets_it_once(self):
        staff = ("a.n@example.org", "bob", "staff@example.org")
        self.alias(all=("staff@example.org", "ann@example.org"), staff=staff)
        self.assertEqual(self.accounts("all@example.org"), ["1-ann", "2-bob"])

    def test_who_is_his_own_alias_keeps_his_mail(self):
        self.alias(ann=("ann@example.org", "bob"))
        self.assertEqual(self.accounts("ann@example.org"), ["1-ann", "2-bob"])

    def test_who_is_an_alias_of_others_does_not(self):
        self.alias(ann=("bob",), all=("ann@example.org", "more@example.org"), more=("ann@example.org",))
        self.assertEqual(self.accounts("ann@example.org"), ["2-bob"])
        self.assertEqual(self.accounts("all@example.org"), ["2-bob"])

    def test_a_circle_of_people_ends_where_it_began(self):
        self.alias(ann=("bob@example.org",), bob=("ann@example.org",))
        self.assertEqual(self.accounts("ann@example.org"), ["1-ann"])

    def test_circles_without_anybody_are_our_fault(self):
        self.alias(a=("b@example.org",), b=("c@example.org",), c=("a@example.org", "b@example.org"))
        self.assertEqual(self.refused(Astray, "b@example.org").status, "4.3.5")

    def test_depth_and_number_are_bounded(self):
        self.people.aliases = chain(DEEPEST)
        self.assertEqual(self.accounts("0@example.org"), ["1-ann"])
        self.people.aliases = chain(DEEPEST + 1)
        self.assertEqual(self.refused(Astray, "0@example.org").status, "4.3.5")
        self.alias(all=tuple(f"{n}@example.org" for n in range(MOST + 1)))
        self.assertTrue(self.refused(Astray, "all@example.org").temporary)

    def test_an_avalanche_is_as_long_as_it_has_names(self):
        names = [f"{n}@example.org" for n in range(DEEPEST)]
        self.people.aliases = {
            name: tuple(names[n + 1 :] * 20 + ["ann@example.org"]) for n, name in enumerate(names)
        }
        self.assertEqual(self.accounts("0@example.org"), ["1-ann"])

    def test_who_has_gone_is_left_out_and_told(self):
        self.alias(info=("gone@example.org", "x@elsewhere.example", "bob"))
        with capturedLogs() as events:
            self.assertEqual(self.accounts("info@example.org"), ["2-bob"])
        (event,) = [e for e in events if e.get("event_id") == "mail.alias_lost"]
        self.assertEqual(event["names"], "gone@example.org, x@elsewhere.example")

    def test_an_alias_of_nobody_is_nobody_and_of_the_disabled_disabled(self):
        self.alias(info=("gone@example.org", "x@elsewhere.example"), away=("eve@example.org",))
        self.refused(NoSuchRecipient, "info@example.org")
        self.refused(RecipientDisabled, "away@example.org")

    def test_a_disabled_member_is_left_out(self):
        self.alias(all=("eve@example.org", "bob"))
        self.assertEqual(self.accounts("all@example.org"), ["2-bob"])

    def test_a_login_name_is_no_address(self):
        self.people.known = (replace(BOB, name="rob@login.example"),)
        self.refused(NoSuchRecipient, "rob@login.example")
        self.alias(info=("rob@login.example",))
        self.assertEqual(self.accounts("info@example.org"), ["2-bob"])

    def test_an_alias_may_lead_through_another_directory(self):
        both = [People(aliases={"info@example.org": ("sales@example.org",)})]
        both.append(People(ANN, aliases={"sales@example.org": ("ann@example.org",)}))
        self.assertEqual(self.accounts("info@example.org", people=both), ["1-ann"])


class Detail(Asking):
    def test_it_reaches_the_user(self):
        self.assertEqual(self.places("Ann+Shop@example.org"), [("1-ann", "shop")])
        self.assertEqual(self.places("ann+a+b@example.org"), [("1-ann", "a+b")])
        self.assertEqual(self.places("ann+@example.org"), [("1-ann", "")])

    def test_an_exact_address_wins(self):
        bob = replace(BOB, addresses=("ann+shop@example.org",))
        self.assertEqual(self.places("ann+shop@example.org", people=[People(ANN, bob)]), [("2-bob", "")])
        self.people.aliases = {"ann+list@example.org": ("bob",)}
        self.assertEqual(self.places("ann+list@example.org"), [("2-bob", "")])

    def test_the_divider_is_chosen_or_there_is_none(self):
        self.assertEqual(self.places("ann-shop@example.org", detail="-"), [("1-ann", "shop")])
        self.refused(NoSuchRecipient, "ann+shop@example.org", detail="-")
        self.refused(NoSuchRecipient, "ann+shop@example.org", detail="")

    def test_an_alias_has_details_too_and_its_target_may_have_one(self):
        self.people.aliases = {"info@example.org": ("ann+info@example.org",)}
        self.assertEqual(self.places("info+x@example.org"), [("1-ann", "info")])

    def test_who_is_reached_in_two_ways_has_no_detail(self):
        self.people.aliases = {"all@example.org": ("ann+a@example.org", "ann+b@example.org")}
        self.assertEqual(self.places("all@example.org"), [("1-ann", "")])


class CatchAll(Asking):
    def setUp(self):
        super().setUp()
        self.people.aliases = {"@example.org": ("bob",)}

    def test_it_gets_what_nobody_else_does(self):
        for local in ("anything", "any+thing", "+", "postmaster"):
            self.assertEqual(self.accounts(f"{local}@example.org"), ["2-bob"])
        for local in ("ann", "ann+x"):
            self.assertEqual(self.accounts(f"{local}@example.org"), ["1-ann"])

    def test_it_is_for_one_domain(self):
        self.refused(NoSuchRecipient, "x@sub.example.org")
        self.refused(NoSuchRecipient, "x@example.net")

    def test_it_gets_nothing_of_the_disabled(self):
        self.refused(RecipientDisabled, "eve@example.org")

    def test_it_may_not_lead_into_itself(self):
        self.people.aliases = {"@example.org": ("nobody@example.org",)}
        self.refused(NoSuchRecipient, "x@example.org")


class Owners(Asking):
    def test_who_gets_the_mail_may_send_under_the_address(self):
        self.people.aliases = {"info@example.org": ("bob", "ann@example.org"), "@example.net": ("bob",)}
        for account, address, owned in (
            ("1-ann", "a.n+shop@example.org", True),
            ("1-ann", "info@example.org", True),
            ("2-bob", "INFO+x@example.org", True),
            ("2-bob", "whatever@example.net", True),
            ("1-ann", "whatever@example.net", False),
            ("1-ann", "bob@example.org", False),
            ("1-ann", "nobody@example.org", False),
            ("1-ann", "x@y@example.org", False),
        ):
            self.assertIs(self.owns(account, address), owned, address)

    def test_whose_mail_goes_elsewhere_keeps_the_address(self):
        self.people.aliases = {"ann@example.org": ("bob",)}
        self.assertTrue(self.owns("1-ann", "ann@example.org"))
        self.assertTrue(self.owns("2-bob", "ann@example.org"))

    def test_postmaster_is_whoever_gets_that_mail(self):
        self.assertTrue(self.owns("2-bob", "postmaster@example.org", postmaster="bob"))
        self.assertFalse(self.owns("1-ann", "postmaster@example.org", postmaster="bob"))


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
