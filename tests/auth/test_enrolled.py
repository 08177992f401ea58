"""All second factors of an account together."""

from pathlib import Path
from typing import Any

import pyotp
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Person
from mailtwist.auth.enrolled import LastToken, NotThere, SecondFactors, the_second_factors
from mailtwist.auth.factors.api import Enrolment, TokenForm
from mailtwist.auth.factors.device_code import DeviceCodes
from mailtwist.auth.factors.device_code import Settings as DeviceCodeSettings
from mailtwist.auth.factors.hotp import Hotp
from mailtwist.auth.factors.hotp import Settings as HotpSettings
from mailtwist.auth.factors.recovery import Recovery
from mailtwist.auth.factors.recovery import Settings as RecoverySettings
from mailtwist.auth.factors.totp import Settings as TotpSettings
from mailtwist.auth.factors.totp import Totp
from mailtwist.config.domain import DomainSettings, Separator
from mailtwist.config.login import LoginSettings
from mailtwist.state.process import durable
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.durable_devices import a_device

ANN = Person("ann", "ann@example.org", ("ann@example.org",))
BOB = Person("bob", "bob@example.com", ("bob@example.com",))


class SecondFactorsCase(TestCase):
    async def begin(self, **more: Any) -> SecondFactors:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.clock = ManualClock()
        factors: dict[str, Any] = {}
        self.assembly = OnePart(folder, clock=self.clock, parts={"factor": factors}, **more)
        self.addCleanup(self.assembly.stop)
        factors["totp"] = Totp(TotpSettings(), self.assembly)
        factors["hotp"] = Hotp(HotpSettings(), self.assembly)
        factors["recovery"] = Recovery(RecoverySettings(), self.assembly)
        factors["device-code"] = DeviceCodes(DeviceCodeSettings(), self.assembly)
        self.all = self.assembly.one(the_second_factors)
        self.durable = durable(self.assembly)
        await self.assembly.start()
        return self.all

    async def enrolled(self, kind: str = "totp", person: Person = ANN) -> Enrolment:
        made = await self.all.enroll(person, kind, "phone")
        self.assertIs(await self.all.confirm(person, self.code(made, kind)), True)
        return made

    def code(self, made: Enrolment, kind: str = "totp") -> str:
        if kind == "hotp":
            return pyotp.HOTP(made.secret).at(0)
        return pyotp.TOTP(made.secret).at(int(self.clock.now()))

    async def told(self, account: str = "ann") -> list[tuple[str, str]]:
        notices = await self.durable.notices(self.clock.now() + 1, self.clock.now() + 2, 100)
        return [(one.kind, one.facts.get("factor", "")) for one in notices if one.account == account]


class SecondFactorsTests(SecondFactorsCase):
    async def test_tokens_of_all_kinds_are_there(self) -> None:
        await self.begin()
        made = [await self.enrolled(kind) for kind in ("totp", "hotp")]
        tokens = await self.all.tokens(ANN)
        self.assertEqual([token.id for token in tokens], [one.token for one in made])
        self.assertEqual([self.all.factor_of(token).kind for token in tokens], ["totp", "hotp"])
        self.assertEqual(list(await self.all.tokens(BOB)), [])

    async def test_the_owner_is_told_what_changes(self) -> None:
        await self.begin()
        first = await self.enrolled()
        await self.enrolled("hotp")
        await self.all.remove(ANN, first.token)
        added, removed = "factor-added", "factor-removed"
        self.assertEqual(sorted(await self.told()), [(added, "hotp"), (added, "totp"), (removed, "totp")])
        self.assertEqual(await self.told("bob"), [])

    async def test_a_wrong_code_confirms_nothing_and_tells_nobody(self) -> None:
        await self.begin()
        made = await self.all.enroll(ANN)
        self.assertIs(await self.all.confirm(ANN, "000000"), False)
        self.assertIs(await self.all.confirm(BOB, self.code(made)), False)
        self.assertEqual(await self.told(), [])

    async def test_the_last_token_is_not_removed(self) -> None:
        await self.begin()
        first = await self.enrolled()
        await self.all.enroll(ANN, "hotp")  # waits for a code, so that it counts for nothing
        await self.all.renew_recovery(ANN)
        with self.assertRaises(LastToken):
            await self.all.remove(ANN, first.token)
        second = await self.enrolled("hotp")
        await self.all.remove(ANN, first.token)
        with self.assertRaises(LastToken):
            await self.all.remove(ANN, second.token)
        with self.assertRaises(NotThere):
            await self.all.remove(ANN, first.token)
        with self.assertRaises(NotThere):
            await self.all.remove(BOB, second.token)

    async def test_one_that_waits_is_removed_at_any_time(self) -> None:
        await self.begin()
        made = await self.all.enroll(ANN)
        self.assertIs((await self.all.remove(ANN, made.token)).active, False)
        self.assertEqual(await self.told(), [])

    async def test_two_codes_find_a_clock_or_a_counter(self) -> None:
        await self.begin()
        made = await self.enrolled("hotp")
        two = [pyotp.HOTP(made.secret).at(step) for step in (50, 51)]
        self.assertIs(await self.all.resync(BOB, *two), False)
        self.assertIs(await self.all.resync(ANN, *two, "another"), False)
        self.assertIs(await self.all.resync(ANN, *two), True)

    async def test_a_factor_that_is_not_there_is_named(self) -> None:
        await self.begin()
        empty = SecondFactors({}, self.durable, self.all._endings, self.all._notices, self.all._grammars)
        for ask, words in (
            (lambda: empty.recovery, "[factor:recovery]"),
            (lambda: empty.device_codes, "[factor:device-code]"),
            (lambda: empty.form(ANN), "[factor:totp]"),
            (lambda: empty.form(ANN, "hotp"), "[factor:hotp]"),
        ):
            with self.assertRaises(NotThere) as missing:
                ask()
            self.assertIn(words, missing.exception.public)

    async def test_a_domain_without_a_separator_says_how_many_digits_there_are(self) -> None:
        domains = {"example.com": DomainSettings(separator=Separator(""), digits=8)}
        await self.begin(named={DomainSettings: domains})
        self.assertEqual(self.all.form(ANN), TokenForm())
        self.assertEqual(self.all.form(BOB), TokenForm(8))
        self.assertIn("digits=8", (await self.all.enroll(BOB)).uri)
        self.assertEqual(self.all.typed(ANN, "CODE"), "password@CODE")
        self.assertEqual(self.all.typed(BOB, "CODE"), "passwordCODE")

    async def test_the_code_may_stand_before_the_password(self) -> None:
        await self.begin(login=LoginSettings(code="before", separator=Separator("$")))
        self.assertEqual(self.all.typed(ANN, "CODE"), "CODE$password")


class ResetTests(SecondFactorsCase):
    async def test_nothing_gets_in_any_more(self) -> None:
        await self.begin()
        for kind in ("totp", "hotp"):
            await self.enrolled(kind)
        await self.all.renew_recovery(ANN)
        await self.all.device_codes.issue("ann")
        for id in ("d1", "d2"):
            await self.durable.remember(a_device(id, self.clock.now()), 8)
        gone = await self.all.reset(ANN, "the phone was stolen")
        self.assertEqual((gone.tokens, gone.devices), (13, 2))
        self.assertEqual(list(await self.durable.all_tokens("ann")), [])
        self.assertEqual([one.why for one in await self.durable.devices("ann")], ["factor-reset"] * 2)
        self.assertIs(await self.durable.enrolled("ann"), True)
        ended = [(one.account, one.device, one.why) for one in await self.durable.endings(0)]
        self.assertEqual(ended[0], ("ann", "", "factor-reset"))
        self.assertIn(("factor-reset", ""), await self.told())

    async def test_the_password_alone_gets_in_only_when_that_is_said(self) -> None:
        await self.begin()
        await self.enrolled()
        await self.all.reset(ANN, "a test")
        self.assertIs(await self.durable.enrolled("ann"), True)
        await self.all.reset(ANN, "a test", password_alone=True)
        self.assertIs(await self.durable.enrolled("ann"), False)

    async def test_others_keep_what_they_have(self) -> None:
        await self.begin()
        await self.enrolled(person=BOB)
        await self.durable.remember(a_device("d1", self.clock.now(), account="bob"), 8)
        await self.all.reset(ANN, "a test")
        self.assertEqual(len(await self.all.tokens(BOB)), 1)
        self.assertEqual([one.alive(self.clock.now()) for one in await self.durable.devices("bob")], [True])

    async def test_who_is_enrolled_anew_gets_in_again(self) -> None:
        await self.begin()
        await self.enrolled()
        await self.all.reset(ANN, "a test")
        await self.enrolled()
        self.assertEqual(len(await self.all.tokens(ANN)), 1)
