"""FreeRADIUS judges the codes: people, strangers, hundreds at once, killed and back."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import LoginUnavailable, Person
from mailtwist.auth.factors.api import Asked, Proof
from mailtwist.auth.factors.elsewhere import Codes
from mailtwist.auth.factors.radius.part import Settings, Word, build, check
from mailtwist.auth.factors.radius.servers import Places
from mailtwist.config.secret import Secret
from mailtwist.config.values import Duration
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import together
from mailtwist.testing.assembly import OnePart
from tests.auth.factors.radius.freeradius import PEOPLE, SECRET, FreeRadius, freeradius
from tests.peers.programs import needs

NAMES = [name for name in PEOPLE if name.startswith("many")]


def asked(name: str, seconds: float = 10.0) -> Asked:
    return Asked(Person(f"account of {name}", name, (name,)), address="192.0.2.7", seconds=seconds)


class FreeRadiusCase(TestCase):
    async def made(self, *ports: int, **how: Any) -> Any:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assembly = OnePart(folder, clock=SystemClock(), name="r")
        self.addCleanup(self.assembly.stop)
        factor = build(self.settings(*ports, **how), self.assembly)
        self.addCleanup(factor.stop)
        await self.assembly.start()
        await factor.start()
        return factor

    def settings(self, *ports: int, **how: Any) -> Settings:
        places = [f"127.0.0.1:{port}" for port in ports or (freeradius().port,)]
        settings = Settings(
            servers=Places.parse(", ".join(places)),
            secret=Secret(SECRET),
            failover=Duration(1),
            codes=Codes.parse("6, 8, yubikey"),
        )
        return replace(settings, **how)


@needs("freeradius")
class PeopleTests(FreeRadiusCase):
    async def test_right_codes_are_right_and_wrong_ones_wrong(self) -> None:
        factor = await self.made()
        for name, code in list(PEOPLE.items())[:4]:
            self.assertIsInstance(await factor.verify(asked(name), code), Proof)
            self.assertIsNone(await factor.verify(asked(name), code[::-1]))
        self.assertIsNone(await factor.verify(asked("nobody@example.org"), "271828"))

    async def test_names_that_look_like_its_own_language_are_names(self) -> None:
        factor = await self.made()
        for name in ("DEFAULT", "%{User-Password}", "`id`", "$INCLUDE", "a=b", "ann@example.org\\", "*", '"'):
            self.assertIsNone(await factor.verify(asked(name), "271828"), name)

    async def test_a_push_is_a_word_that_it_knows(self) -> None:
        factor = await self.made(push=Word("push"))
        self.assertIsInstance(await factor.approved(asked("push@example.org")), Proof)
        self.assertIsNone(await factor.approved(asked("ann@example.org")))

    async def test_check_finds_nothing_wrong(self) -> None:
        await self.made()
        self.assertEqual(await check(self.settings(), self.assembly), [])

    async def test_another_secret_is_told(self) -> None:
        await self.made()
        ((setting, words),) = await check(self.settings(secret=Secret("another" * 4)), self.assembly)
        self.assertEqual(setting, "servers")
        self.assertIn("no answer", words)  # it drops what is not signed with its secret

    async def test_hundreds_at_once_are_told_apart(self) -> None:
        factor = await self.made()
        right = [factor.verify(asked(name), PEOPLE[name]) for name in NAMES]
        wrong = [factor.verify(asked(name), PEOPLE[name][::-1]) for name in NAMES[1:9]]
        found = await together(*right, *wrong)
        self.assertEqual([proof is not None for proof in found], [True] * 300 + [False] * 8)


@needs("freeradius")
class DyingTests(FreeRadiusCase):
    def another(self, signed: bool = True) -> FreeRadius:
        made = FreeRadius(signed)
        self.addCleanup(made.stop)
        made.start()
        return made

    async def test_one_that_signs_nothing_is_not_believed(self) -> None:
        bare = self.another(signed=False)
        if bare.answer(b"ann@example.org", "271828") == "ACCEPT":
            self.skipTest("this version signs all answers")
        factor = await self.made(bare.port, timeout=Duration(1))
        with self.assertRaises(LoginUnavailable) as caught:
            await factor.verify(asked("ann@example.org"), "271828")
        self.assertIn("no Message-Authenticator", caught.exception.detail)

    async def test_killed_and_back(self) -> None:
        one = self.another()
        factor = await self.made(one.port)
        self.assertIsNotNone(await factor.verify(asked("ann@example.org"), "271828"))
        one.program.kill()
        with self.assertRaises(LoginUnavailable):
            await factor.verify(asked("ann@example.org"), "271828")
        one.start()
        self.assertIsNotNone(await factor.verify(asked("ann@example.org"), "271828"))

    async def test_frozen_it_is_silence_and_the_other_one_decides(self) -> None:
        one = self.another()
        factor = await self.made(one.port, freeradius().port)
        one.program.freeze()
        self.addCleanup(one.program.thaw)
        self.assertIsNotNone(await factor.verify(asked("ann@example.org"), "271828"))
        self.assertIsNone(await factor.verify(asked("ann@example.org"), "111111"))

    async def test_one_of_two_killed_under_load(self) -> None:
        one = self.another()
        factor = await self.made(one.port, freeradius().port)
        proofs: list[Any] = []

        async def log_in(number: int) -> None:
            name = NAMES[number]
            if number == 100:
                one.program.kill()
            await moment(number * 0.005)
            proofs.append(await factor.verify(asked(name), PEOPLE[name]))

        await together(*(log_in(number) for number in range(200)))
        self.assertEqual([proof is not None for proof in proofs], [True] * 200)


async def moment(seconds: float) -> None:
    waiting: Deferred[None] = Deferred()
    SystemClock().later(seconds, waiting.callback, None)
    await waiting
