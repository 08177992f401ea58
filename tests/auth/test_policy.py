"""Who needs a second factor: the first rule whose conditions hold, day by day."""

from pathlib import Path
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.api import DoorName, Person
from mailtwist.auth.factors.api import Factor
from mailtwist.auth.notices import Notices
from mailtwist.auth.policy import Policy, Rule, home_domain, the_policy
from mailtwist.config.load import load_text
from mailtwist.config.login import LoginSettings
from mailtwist.config.policy import Day, PolicySettings
from mailtwist.kit.spawn import started
from mailtwist.state.api import Durable, StateAway
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.threads import AtOnce

ANN = Person("a1", "ann@example.org", ("ann@example.org",), groups=("Staff", "admins"))
BOB = Person("b1", "bob@example.net")
DAY = 86400.0
JANUARY, FEBRUARY, MARCH = (Day(2027, month, 1).begins for month in (1, 2, 3))
WEEK = 7 * DAY


class Remembers:
    """As much of a durable state as rules need."""

    def __init__(self) -> None:
        self.once: set[str] = set()
        self.told: dict[str, float] = {}
        self.away = False
        self.asked = 0

    async def enrolled(self, account: str) -> bool:
        return account in self.once

    async def tell_once(self, what: str, now: float, every: float) -> bool:
        self.asked += 1
        if self.away:
            raise StateAway("the disk is full")
        if now - self.told.get(what, -every) < every:
            return False
        self.told[what] = now
        return True


class Mails:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str, dict[str, Any]]] = []

    def tell(self, account: str, kind: str, **facts: Any) -> None:
        self.sent.append((account, kind, facts))


class Held:
    """A factor that some accounts have."""

    def __init__(self, *accounts: str) -> None:
        self.accounts = accounts
        self.asked: list[str] = []

    async def enrolled(self, account: str) -> bool:
        self.asked.append(account)
        return account in self.accounts


class PolicyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state, self.mails = Remembers(), Mails()
        self.factors = [Held(), Held("a1")]

    def policy(self, ini: str) -> Policy:
        config = load_text(ini)
        factors = [cast(Factor, factor) for factor in self.factors]
        state, mails = cast(Durable, self.state), cast(Notices, self.mails)
        return Policy(config.login, config.several(PolicySettings), factors, state, mails)

    def rule(
        self, ini: str, person: Person = ANN, *, by: DoorName = "imap", at: str = "", on: float = FEBRUARY
    ) -> Rule:
        return self.policy(ini).rule(person, by, at, on)

    # -- which rule
    def test_without_rules_login_decides(self) -> None:
        self.assertEqual(self.rule(""), Rule("required", "login"))
        self.assertEqual(self.rule("[login]\nfactor = optional\n"), Rule("optional", "login"))

    def test_the_first_whose_conditions_hold_decides(self) -> None:
        ini = (
            "[policy:a]\nfactor = optional\ndomains = example.net\n"
            "[policy:b]\nfactor = required\ndomains = example.org\n"
            "[policy:c]\nfactor = optional\n"
        )
        self.assertEqual(self.rule(ini).name, "policy:b")
        self.assertEqual(self.rule(ini, BOB).name, "policy:a")
        self.assertEqual(self.rule(ini, Person("?", "x")).name, "policy:c")

    def test_each_condition(self) -> None:
        for condition, yes, no in (
            ("domains = example.org", {}, {"person": BOB}),
            ("groups = staff, others", {}, {"person": BOB}),
            ("protocols = pop3, imap", {"by": "pop3"}, {"by": "smtp"}),
            ("networks = 192.0.2.0/24", {"at": "::ffff:192.0.2.7"}, {"at": "198.51.100.1"}),
            ("networks = 0.0.0.0/0, ::/0", {"at": "2001:db8::1"}, {"at": ""}),
            ("networks = 192.0.2.0/24", {"at": "192.0.2.7"}, {"at": "not an address"}),
        ):
            ini = f"[policy:one]\nfactor = optional\n{condition}\n"
            self.assertEqual(self.rule(ini, **yes).name, "policy:one", condition)  # type: ignore[arg-type]
            self.assertEqual(self.rule(ini, **no).name, "login", condition)  # type: ignore[arg-type]

    def test_all_conditions_have_to_hold(self) -> None:
        ini = "[policy:one]\nfactor = optional\ngroups = staff\nprotocols = smtp\n"
        self.assertEqual(self.rule(ini).name, "login")
        self.assertEqual(self.rule(ini, by="smtp").name, "policy:one")

    def test_an_account_is_in_one_domain_whatever_name_is_typed(self) -> None:
        """Or a stricter domain's people would log in by their alias in a laxer one."""
        self.assertEqual(home_domain(ANN), "example.org")
        self.assertEqual(
            home_domain(Person("a", "ann", ("ann@example.org", "ann@example.net"))), "example.org"
        )
        self.assertEqual(home_domain(Person("a", "ann")), "")

    # -- days
    def test_before_its_day_a_rule_leaves_it_to_others(self) -> None:
        ini = "[login]\nfactor = optional\n[policy:all]\nfactor = required\nfrom = 2027-02-01\nremind = 7 d\n"
        early = Rule("optional", "login", "policy:all", FEBRUARY, False)
        self.assertEqual(self.rule(ini, on=JANUARY), early)
        self.assertIs(self.rule(ini, on=FEBRUARY - WEEK).remind, True)
        self.assertIs(self.rule(ini, on=FEBRUARY - WEEK - 1).remind, False)
        self.assertEqual(self.rule(ini, on=FEBRUARY), Rule("required", "policy:all"))

    def test_a_rule_ends_on_its_day(self) -> None:
        ini = "[policy:trial]\nfactor = optional\nuntil = 2027-02-01\nremind = 1 d\n"
        before = Rule("optional", "policy:trial", "login", FEBRUARY, True)
        self.assertEqual(self.rule(ini, on=FEBRUARY - 1), before)
        self.assertEqual(self.rule(ini, on=FEBRUARY), Rule("required", "login"))

    def test_what_comes_is_what_will_decide_then(self) -> None:
        """A rule of January that an earlier one of March takes back is to come all the same; one that an
        exception covers is not."""
        ini = (
            "[login]\nfactor = optional\n"
            "[policy:guests]\nfactor = optional\ndomains = example.net\n"
            "[policy:relief]\nfactor = optional\nfrom = 2027-03-01\n"
            "[policy:all]\nfactor = required\nfrom = 2027-02-01\n"
        )
        self.assertEqual(self.rule(ini, on=JANUARY).would, "policy:all")
        self.assertEqual(self.rule(ini, BOB, on=JANUARY).would, "")
        self.assertEqual(self.rule(ini, on=MARCH), Rule("optional", "policy:relief"))

    def test_what_only_reports_says_so(self) -> None:
        ini = "[policy:look]\nfactor = report-only\n"
        self.assertEqual(self.rule(ini), Rule("report-only", "policy:look", "policy:look"))

    # -- who has enrolled
    def needs(self, rule: Rule, account: str) -> bool:
        return self.successResultOf(started(self.policy("").needs_code(rule, Person(account, account))))

    def test_who_has_enrolled_needs_a_code_under_every_rule(self) -> None:
        for factor in ("required", "optional", "report-only"):
            rule = Rule(factor, "login")  # type: ignore[arg-type]
            self.assertIs(self.needs(rule, "a1"), True)
            self.assertIs(self.needs(rule, "b1"), factor == "required")

    def test_who_removes_his_last_factor_needs_a_code(self) -> None:
        self.state.once.add("b1")
        self.assertIs(self.needs(Rule("optional", "login"), "b1"), True)

    def test_all_factors_are_asked_about_everybody(self) -> None:
        for rule in (Rule("required", "login"), Rule("optional", "login")):
            for account in ("a1", "?nobody"):
                self.needs(rule, account)
        for factor in self.factors:
            self.assertEqual(factor.asked, ["a1", "?nobody"] * 2)

    # -- mails
    def test_one_mail_a_week_until_the_day(self) -> None:
        policy = self.policy("")
        rule = Rule("optional", "login", "policy:all", FEBRUARY, True)
        for days in (14, 13, 8, 7, 3):
            policy.noted(rule, "b1", "bob@example.net", FEBRUARY - days * DAY)
        facts = {"name": "bob@example.net", "date": "2027-02-01"}
        self.assertEqual(self.mails.sent, [("b1", "factor-coming", facts)] * 2)

    def test_nobody_is_told_too_early_or_of_what_only_reports(self) -> None:
        policy = self.policy("")
        policy.noted(Rule("optional", "login", "policy:all", FEBRUARY), "b1", "bob", JANUARY)
        policy.noted(Rule("report-only", "policy:x", "policy:x"), "b1", "bob", JANUARY)
        policy.noted(Rule("optional", "login"), "b1", "bob", JANUARY)
        self.assertEqual((self.mails.sent, self.state.told), ([], {}))

    def test_a_full_disk_keeps_nobody_out_and_is_made_up_for(self) -> None:
        policy, self.state.away = self.policy(""), True
        rule = Rule("optional", "login", "policy:all", FEBRUARY, True)
        policy.noted(rule, "b1", "bob", FEBRUARY - WEEK)
        self.state.away = False
        policy.noted(rule, "b1", "bob", FEBRUARY - WEEK + 60)
        self.assertEqual(len(self.mails.sent), 1)

    def test_the_disk_is_not_asked_at_every_login(self) -> None:
        policy = self.policy("")
        rule = Rule("optional", "login", "policy:all", FEBRUARY, True)
        policy.noted(rule, "b1", "bob", FEBRUARY - WEEK)
        policy.noted(rule, "b1", "bob", FEBRUARY - WEEK + 60)
        self.assertEqual(self.state.asked, 1)
        policy.noted(rule, "b1", "bob", FEBRUARY - WEEK + 3600)
        self.assertEqual(self.state.asked, 2)

    def test_a_process_has_one(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        named = {PolicySettings: {"look": PolicySettings(factor="report-only")}}
        login = LoginSettings(factor="optional")
        assembly = OnePart(folder, threads=AtOnce(), login=login, named=named)
        self.addCleanup(lambda: self.successResultOf(started(assembly.stop())))
        policy = assembly.one(the_policy)
        self.assertIs(policy, assembly.one(the_policy))
        self.assertEqual(policy.rule(ANN, "imap", "", FEBRUARY).name, "policy:look")
