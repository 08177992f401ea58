"""What all factors share whose codes a service elsewhere judges."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.api import LoginUnavailable, Person
from mailtwist.auth.factors.api import NO_STEP, Asked, Proof
from mailtwist.auth.factors.elsewhere import Codes, Elsewhere, ElsewhereSettings, NameForm
from mailtwist.config.values import Hostnames
from mailtwist.kit.spawn import started
from mailtwist.kit.steps import steps_heard
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce
from tests.auth.house import memory

TYPED = "cccjgjgkhcbbirdrfdnlnghhfgrtnnlgedjlftrbdeut"
ANN = Asked(Person("a1", "ann@example.org"))
BOB = Asked(Person("b1", "bob@example.net"))
NOBODY = Asked(Person("?00ff", "hunter2 is my@pass word"), known=False)


async def no(name: str, code: str) -> bool:
    return False


async def yes(name: str, code: str) -> bool:
    return True


class Service(Elsewhere):
    kind = "service"

    def __init__(self, settings: ElsewhereSettings, assembly: OnePart) -> None:
        super().__init__(settings, assembly)
        self.asked: list[tuple[str, str]] = []
        self.says: Callable[[str, str], Awaitable[bool]] = no

    async def right(self, asked: Asked, name: str, code: str) -> bool:
        self.asked.append((name, code))
        return await self.says(name, code)


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.begin()

    def begin(self, section: str = "one", **settings: object) -> Service:
        folder = Path(self.mktemp())
        folder.mkdir()
        state: dict[str, Any] = {}
        self.assembly = OnePart(
            folder, name=section, clock=self.clock, threads=AtOnce(), parts={"state": state}
        )
        state["shared"] = memory(self.assembly)
        self.service = Service(replace(ElsewhereSettings(), **settings), self.assembly)
        self.successResultOf(started(self.assembly.start()))
        self.addCleanup(lambda assembly=self.assembly: self.successResultOf(started(assembly.stop())))
        return self.service

    def verify(self, code: str = "123456", asked: Asked = ANN) -> Deferred[Proof | None]:
        return started(self.service.verify(asked, code))

    def proof(self, code: str = "123456", asked: Asked = ANN) -> Proof:
        found = self.successResultOf(self.verify(code, asked))
        assert found is not None
        return found


class FormTests(Case):
    def test_by_default_codes_have_six_or_eight_digits(self) -> None:
        for code in ("123456", "12345678"):
            self.assertTrue(self.service.looks_like(code), code)
        for other in ("1234567", "", TYPED, "12345\n", "١٢٣٤٥٦"):
            self.assertFalse(self.service.looks_like(other), other)

    def test_what_a_key_types_is_a_code_where_that_is_set(self) -> None:
        service = self.begin(codes=Codes.parse("yubikey"))
        self.assertTrue(service.looks_like(TYPED))
        for other in (TYPED[:-1], TYPED.upper(), "a" * 44, "123456"):
            self.assertFalse(service.looks_like(other), other)

    def test_other_forms_are_told_apart(self) -> None:
        for text, words in (("7", '"7" is no form'), ("6, 6", "twice")):
            with self.assertRaisesRegex(ValueError, words):
                Codes.parse(text)
        self.assertEqual(Codes.parse(str(Codes.parse("8, yubikey"))), ("8", "yubikey"))

    def test_nobody_is_asked_about_what_is_no_code(self) -> None:
        self.assertIsNone(self.successResultOf(self.verify("Secret")))
        self.assertEqual(self.service.asked, [])


class ProofTests(Case):
    def test_yes_is_a_proof_of_this_code_alone(self) -> None:
        self.service.says = yes
        first = self.proof()
        self.assertEqual((first.kind, first.step), ("service", NO_STEP))
        self.assertEqual(self.proof(), first)
        others = {self.proof("654321"), self.proof(asked=BOB)}
        self.assertEqual(len({first, *others}), 3)
        self.assertNotIn("123456", first.token)

    def test_no_is_none(self) -> None:
        self.assertIsNone(self.successResultOf(self.verify()))

    def test_everybody_has_a_code_there_or_the_section_says_otherwise(self) -> None:
        self.assertIs(self.successResultOf(started(self.service.enrolled("a1"))), True)
        self.begin(enrolled=False)
        self.assertIs(self.successResultOf(started(self.service.enrolled("a1"))), False)


class NameTests(Case):
    def called(self, asked: Asked, form: str, *domains: str) -> str:
        service = self.begin(name=NameForm.parse(form), domains=Hostnames(domains))
        return service.name_of(asked)

    def test_people_are_called_as_the_section_says(self) -> None:
        for form, name in (
            ("{name}", "ann@example.org"),
            ("{local}", "ann"),
            ("CORP\\{local}", "CORP\\ann"),
            ("{account}", "a1"),
            ("{local}+{domain}", "ann+example.org"),
        ):
            self.assertEqual(self.called(ANN, form), name)

    def test_what_is_put_in_is_never_looked_at_again(self) -> None:
        ann = Asked(Person("a1", "{account}@example.org"))
        self.assertEqual(self.called(ann, "{local}/{account}"), "{account}/a1")

    def test_what_somebody_typed_who_is_nobody_stays_here(self) -> None:
        for form in ("{name}", "{local}", "{account}"):
            self.assertEqual(self.called(NOBODY, form), "nobody-00ff")
        self.assertEqual(self.called(NOBODY, "{domain}"), "")

    def test_a_domain_that_is_served_is_no_secret(self) -> None:
        nobody = Asked(Person("?00ff", "eve@example.org"), known=False)
        self.assertEqual(self.called(nobody, "{name}", "example.org"), "nobody-00ff@example.org")

    def test_it_serves_its_domains(self) -> None:
        service = self.begin(domains=Hostnames(("example.org",)))
        self.assertTrue(service.serves(ANN.person))
        self.assertFalse(service.serves(BOB.person))
        self.assertTrue(self.begin().serves(BOB.person))

    def test_what_makes_no_name_is_told(self) -> None:
        for text in ("ann", "{user}", "{name", "{name}}", "{name}\x7f"):
            with self.assertRaisesRegex(ValueError, "makes no name"):
                NameForm.parse(text)

    def test_two_people_are_not_made_one(self) -> None:
        domains = Hostnames(("example.org", "example.net"))
        with self.assertRaisesRegex(ValueError, "two people"):
            ElsewhereSettings(name=NameForm("{local}"), domains=domains)
        ElsewhereSettings(name=NameForm("{local}"), domains=Hostnames(("example.org",)))


class AwayTests(Case):
    def test_one_that_takes_too_long_is_away(self) -> None:
        gone: list[object] = []
        waiting: Deferred[bool] = Deferred(gone.append)
        self.service.says = lambda name, code: waiting
        asking = self.verify()
        self.clock.advance(2.9)
        self.assertNoResult(asking)
        self.clock.advance(0.2)
        error = self.failureResultOf(asking, LoginUnavailable).value
        self.assertEqual(error.reason, "factor-away")
        self.assertEqual(error.detail, "[factor:one] there was no answer in 3 s")
        self.assertEqual(len(gone), 1)

    def test_nobody_waits_longer_than_the_door_lets_him(self) -> None:
        self.service.says = lambda name, code: Deferred()
        asking = self.verify(asked=replace(ANN, seconds=1.0))
        self.clock.advance(1.1)
        self.failureResultOf(asking, LoginUnavailable)

    def test_who_tries_it_hears_what_is_done(self) -> None:
        told: list[str] = []
        with steps_heard(told.append):
            self.verify()
            self.service.says = self.cut
            self.failureResultOf(self.verify(), LoginUnavailable)
        self.assertEqual(told, ["one says no", "one: the {line} is cut"])

    async def cut(self, name: str, code: str) -> bool:
        raise self.service.away("the {line} is cut")
