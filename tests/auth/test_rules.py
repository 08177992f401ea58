"""Rules and grammars as a login meets them."""

from typing import Any

from twisted.internet.defer import Deferred

from mailtwist.auth.api import LoginRefused, Person
from mailtwist.config.domain import DomainSettings, Separator
from mailtwist.config.policy import Day, PolicySettings, Protocols
from mailtwist.config.values import Duration, Hostnames, Names, Networks
from mailtwist.kit.spawn import started
from mailtwist.testing.clock import BEGIN
from mailtwist.testing.directory import MemoryDirectory
from tests.auth.house import AWAY, HOME, NAME, PASSWORD, House

DAY = 86400.0
OPTIONAL_POP = {"pop": PolicySettings(factor="optional", protocols=Protocols(("pop3",)))}
COMING = Day.fromtimestamp(BEGIN + 10 * DAY)


class SlowDirectory(MemoryDirectory):
    """Answers when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Deferred[None]] = []

    async def accepts(self, person: Person, password: bytes) -> bool:
        self.waiting.append(Deferred())
        await self.waiting[-1]
        return await super().accepts(person, password)


class RuleTests(House):
    def rules(self, **more: Any) -> None:
        sections = more.pop("sections")
        self.build(named={PolicySettings: sections}, **more)

    def test_a_protocol_may_have_a_rule_of_its_own(self) -> None:
        self.rules(sections=OPTIONAL_POP, enrolled=False)
        self.accepted(PASSWORD, protocol="pop3")
        self.assertEqual(self.refused(PASSWORD), "no-code")

    def test_who_comes_at_once_by_two_protocols_meets_the_rule_of_each(self) -> None:
        slow = SlowDirectory()
        slow.add(NAME, PASSWORD, "a1")
        self.rules(sections=OPTIONAL_POP, enrolled=False, directory=slow)
        by_pop = self.begin(PASSWORD, protocol="pop3")
        by_imap = self.begin(PASSWORD)
        for waiting in slow.waiting:
            waiting.callback(None)
        self.successResultOf(by_pop)
        self.clock.advance(2)
        self.assertEqual(self.failureResultOf(by_imap, LoginRefused).value.reason, "no-code")

    def test_an_office_may_do_without_and_a_trusted_network_is_none(self) -> None:
        """`networks` of a rule are said for that; those of [server] lift TLS and limits alone."""
        office = PolicySettings(factor="optional", networks=Networks.parse("192.0.2.0/24"))
        self.rules(sections={"office": office}, enrolled=False)
        self.accepted(PASSWORD, HOME)
        self.assertEqual(self.refused(PASSWORD, AWAY, trusted=True), "no-code")
        self.assertEqual(self.refused(PASSWORD, ""), "no-code")

    def test_groups(self) -> None:
        self.rules(
            sections={"free": PolicySettings(factor="optional", groups=Names(("guests",)))}, enrolled=False
        )
        self.directory.add("bob@example.org", b"secret", groups=("guests",))
        self.accepted(b"secret", user="bob@example.org")
        self.assertEqual(self.refused(PASSWORD), "no-code")

    def test_an_alias_in_another_domain_leads_to_no_other_rule(self) -> None:
        lax = PolicySettings(factor="optional", domains=Hostnames.parse("lax.example"))
        self.rules(sections={"lax": lax}, enrolled=False)
        self.directory._people["ann@lax.example"] = self.directory._people[NAME]
        self.assertEqual(self.refused(PASSWORD, user="ann@lax.example"), "no-code")

    def test_what_only_reports_lets_in_and_notes_it(self) -> None:
        self.rules(sections={"look": PolicySettings(factor="report-only")}, enrolled=False)
        self.accepted(PASSWORD)
        self.assertEqual(self.refused(b"wrong"), "wrong-password")
        self.successResultOf(started(self.assembly.stop()))
        [record] = self.successResultOf(started(self.durable.without_code(0)))
        self.assertEqual((record.account, record.would_fail), ("a1", "policy:look"))

    def test_who_has_enrolled_needs_a_code_where_others_are_only_noted(self) -> None:
        """Looking turns nobody's second factor off."""
        self.rules(sections={"look": PolicySettings(factor="report-only")})
        self.assertEqual(self.refused(PASSWORD), "no-code")
        self.accepted(self.right())

    def test_who_loses_his_last_factor_does_not_get_in_by_the_password(self) -> None:
        self.build(factor="optional")
        [token] = self.successResultOf(started(self.durable.tokens("a1", "totp")))
        self.assertTrue(self.successResultOf(started(self.durable.remove_token("a1", token.id))))
        self.assertEqual(self.refused(PASSWORD), "no-code")
        self.assertEqual(self.directory.asked, [])
        self.successResultOf(started(self.durable.set_enrolled("a1", False)))
        self.accepted(PASSWORD)

    def test_a_name_that_nobody_has_is_refused_like_others_under_every_rule(self) -> None:
        """`refused` looks at the words and at the time."""
        for factor in ("required", "optional", "report-only"):
            self.rules(sections={"all": PolicySettings(factor=factor)}, enrolled=False)
            for user in (NAME, "nobody@example.org"):
                self.refused(b"wrong", user=user)

    def test_those_who_would_be_kept_out_are_told_once_a_week(self) -> None:
        rule = PolicySettings(factor="required", from_=COMING, remind=Duration(8 * DAY))
        self.rules(sections={"all": rule}, enrolled=False, factor="optional")
        days = []
        for day in range(10):
            self.accepted(PASSWORD)
            if notices := self.notices():
                days.append(day)
                self.assertEqual({one.facts["date"] for one in notices}, {COMING.isoformat()})
            self.clock.advance(DAY)
        self.assertEqual(len(days), 2)
        self.assertEqual(days[1] - days[0], 7)
        self.clock.advance(DAY)
        self.assertEqual(self.refused(PASSWORD), "no-code")

    def notices(self) -> list[Any]:
        now = self.clock.now()
        found = self.successResultOf(started(self.durable.notices(now, now + 10 * DAY, 100)))
        for notice in found:
            self.successResultOf(started(self.durable.notice_sent(notice.id)))
        return [notice for notice in found if notice.kind == "factor-coming"]


class DomainTests(House):
    def domain(self, enrolled: bool = True, **settings: Any) -> None:
        named = {DomainSettings: {"example.org": DomainSettings(**settings)}}
        self.build(named=named, enrolled=enrolled, factor="optional")

    def seen(self) -> bytes:
        """The password that the directory was asked about last."""
        return self.directory.asked[-1][1]

    def test_each_way_of_writing_a_code(self) -> None:
        for settings, secret in (
            ({"separator": Separator(",")}, b"%s,%s"),
            ({"separator": Separator()}, b"%s%s"),
            ({"code": "before"}, None),
            ({"separator": Separator(), "code": "before"}, None),
        ):
            self.domain(**settings)
            code = self.code().encode()
            joined = Separator("@") if "separator" not in settings else settings["separator"]
            whole = secret % (PASSWORD, code) if secret else code + joined.encode() + PASSWORD  # type: ignore
            self.assertEqual(self.accepted(whole).password, PASSWORD)
            self.assertEqual(self.seen(), PASSWORD)
            self.assertEqual(self.accepted(whole).password, PASSWORD)
            otherwise = (
                "wrong-password" if secret == b"%s%s" else "no-code"
            )  # the separator is the password's
            self.assertEqual(self.refused(self.right(1)), otherwise)

    def test_a_full_width_separator_is_none(self) -> None:
        whole = PASSWORD + "\N{FULLWIDTH COMMERCIAL AT}".encode() + self.code().encode()
        self.assertEqual(self.refused(whole), "no-code")
        self.assertEqual(self.directory.asked, [])

    def test_a_password_that_looks_like_one_with_a_code_is_whole_without_a_factor(self) -> None:
        for settings, password in (
            ({}, b"secret@123456"),
            ({"separator": Separator()}, b"secret123456"),
            ({"separator": Separator()}, b"secretABCD-EFGH-2345"),
            ({"code": "before"}, b"123456@secret"),
        ):
            self.domain(enrolled=False, **settings)
            self.directory.add(NAME, password, "a1")
            self.assertEqual(self.accepted(password).password, password)
            self.assertEqual(self.seen(), password)

    def test_what_is_saved_goes_on_when_its_domain_changes_its_ways(self) -> None:
        """The half that was the password stays the password."""
        for before, after in (
            ({}, {"separator": Separator(",")}),
            ({"separator": Separator()}, {}),
            ({}, {"code": "before"}),
            ({"code": "before"}, {"separator": Separator(), "digits": 8}),
        ):
            self.domain(**before)
            code = self.code().encode()
            separator = before.get("separator", Separator("@")).encode()  # type: ignore[attr-defined]
            first = "code" in before
            whole = code + separator + PASSWORD if first else PASSWORD + separator + code
            self.accepted(whole)
            self.assembly._named = {DomainSettings: {"example.org": DomainSettings(**after)}}
            self.restart()
            self.directory.asked.clear()
            self.assertEqual(self.accepted(whole).password, PASSWORD)
            self.assertEqual(self.directory.asked, [(NAME, PASSWORD)])

    def test_nothing_but_a_code_is_no_password(self) -> None:
        for settings in ({}, {"separator": Separator()}, {"code": "before"}):
            self.domain(**settings)
            joined = b"" if "separator" in settings else b"@"
            whole = self.code().encode() + joined if "code" in settings else joined + self.code().encode()
            self.assertEqual(self.refused(whole), "no-password")
            self.assertEqual(self.directory.asked, [])
