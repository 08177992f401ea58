"""[factor:...] type = radius, as the decision asks it."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.auth.api import AccountUnavailable, Person
from mailtwist.auth.factors.api import SupportsApproval
from mailtwist.auth.factors.elsewhere import FactorAway, NameForm
from mailtwist.auth.factors.radius.part import Identifier, NasAddress, Settings, Word, build, check
from mailtwist.auth.factors.radius.servers import Places
from mailtwist.config.secret import Secret
from mailtwist.config.values import Duration
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.steps import steps_heard
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.elsewhere import PERSON, Elsewhere
from mailtwist.testing.factor_elsewhere import ApprovalContract, RemoteFactorContract
from tests.auth.factors.radius.peer import SECRET, Peer
from tests.auth.factors.radius.wire import ACCEPT, CHALLENGE, MESSAGE, REJECT, STATE, answer
from tests.hearing import heard


class RadiusCase(Elsewhere):
    """A factor and its one server."""

    peer: Peer
    assembly: OnePart
    factor: Any
    how: dict[str, Any] = {}

    async def make_factor(self) -> Any:
        self.peer = Peer()
        self.peer.listen()
        self.addCleanup(self.peer.close)
        return await self.made(**self.how)

    async def made(self, **how: Any) -> Any:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.assembly = OnePart(folder, clock=SystemClock(), name="r")
        self.addCleanup(self.assembly.stop)
        self.factor = build(self.settings(**how), self.assembly)
        self.addCleanup(self.factor.stop)
        await self.assembly.start()
        await self.factor.start()
        return self.factor

    def settings(self, **how: Any) -> Settings:
        servers = Places.parse(f"127.0.0.1:{self.peer.port}")
        return replace(Settings(servers=servers, secret=Secret(SECRET.decode())), **how)

    async def kill(self) -> None:
        await self.peer.close()

    async def silence(self) -> None:
        self.peer.says, self.peer.lives = self.peer.silence, False

    async def confuse(self) -> None:
        self.peer.says = lambda it: [answer(it, secret=b"another"), answer(it, signed=False), b"\2" * 40]
        self.peer.lives = False

    async def revive(self) -> None:
        self.peer.says, self.peer.lives = self.peer.truth, True
        self.peer.listen()

    def questions(self) -> int:
        return self.peer.different

    def secrets(self) -> Iterable[str]:
        return (SECRET.decode(),)


class CodesTests(RadiusCase, RemoteFactorContract, TestCase):
    how = {"timeout": Duration(2), "failover": Duration(0.5)}

    async def code(self, person: Person = PERSON) -> str:
        code = "271828" if person is PERSON else "314159"
        self.peer.right.add((person.name, code))
        return code


class PushTests(RadiusCase, ApprovalContract, TestCase):
    how = {"push": Word("push"), "failover": Duration(0.5), "push_timeout": Duration(2)}

    async def says(self, answer: str) -> None:
        self.peer.right = {(PERSON.name, "push")} if answer == "yes" else set()
        self.peer.says = self.peer.silence if answer == "nothing" else self.peer.truth

    async def test_nobody_is_asked_for_a_name_that_nobody_has(self) -> None:
        factor = await self.make_factor()
        self.assertIsNone(await factor.approved(self.asked(Person("?1", "nobody@example.org"))))
        self.assertEqual(self.questions(), 0)

    async def test_whose_silence_it_is_nobody_knows_of_a_server_that_is_not_asked(self) -> None:
        """Else whoever leaves his phone alone would keep all others from theirs."""
        await self.make_factor()
        await self.says("nothing")
        for status, trouble in ((True, FactorAway), (False, AccountUnavailable)):
            self.peer.lives = False
            factor = await self.made(**{**self.how, "status_server": status})
            with self.assertRaises(trouble):
                await factor.approved(self.asked(seconds=0.5))


class FactsTests(RadiusCase, TestCase):
    async def facts(self, person: Person = PERSON, **how: Any) -> dict[int, bytes]:
        """What the server hears."""
        factor = await self.made(**how)
        await factor.verify(self.asked(person), "271828")
        return dict(self.peer.asked[-1].attributes)

    async def test_the_server_hears_who_asks_and_for_whom_and_no_password(self) -> None:
        await self.make_factor()
        facts = await self.facts()
        self.assertEqual(facts[1], b"ann@example.org")
        self.assertEqual(facts[31], b"192.0.2.7")
        self.assertEqual(facts[32], b"mail.example.org")
        self.assertEqual((facts[6], facts[61]), (b"\0\0\0\x08", b"\0\0\0\x05"))
        self.assertEqual(self.peer.asked[-1].password, "271828")
        self.assertEqual(set(facts), {80, 1, 2, 6, 31, 32, 61})

    async def test_it_is_told_what_the_section_says(self) -> None:
        await self.make_factor()
        facts = await self.facts(
            name=NameForm("{local}@corp"),
            nas_identifier=Identifier("gate"),
            nas_ip_address=NasAddress("192.0.2.1"),
        )
        self.assertEqual((facts[1], facts[32], facts[4]), (b"ann@corp", b"gate", b"\xc0\0\2\1"))
        facts = await self.facts(nas_ip_address=NasAddress("2001:db8::1"))
        self.assertEqual(facts[95][:4], b"\x20\x01\x0d\xb8")

    async def test_a_name_too_long_for_it_is_trouble_of_one_account(self) -> None:
        factor = await self.make_factor()
        long = Person("account-3", "a" * 250 + "@example.org")
        with self.assertRaises(AccountUnavailable):
            await factor.verify(self.asked(long), "271828")
        self.assertEqual(self.questions(), 0)


class AnswersTests(RadiusCase, TestCase):
    async def test_a_question_of_the_servers_own_is_no_and_told(self) -> None:
        factor = await self.make_factor()
        self.peer.says = lambda it: [answer(it, CHALLENGE, [(STATE, b"s"), (MESSAGE, b"PIN?")])]
        events = heard(self)
        self.assertIsNone(await factor.verify(self.asked(), "271828"))
        self.assertEqual([event["event_id"] for event in events], ["radius.challenged"])

    async def test_what_the_server_says_is_told_step_by_step(self) -> None:
        factor = await self.make_factor()
        self.peer.says = lambda it: [answer(it, REJECT, [(MESSAGE, b"locked\r\n\x1b[2J")])]
        said: list[str] = []
        with steps_heard(said.append):
            await factor.verify(self.asked(), "271828")
        text = "\n".join(said)
        self.assertIn("REJECT", text)
        self.assertIn("locked", text)
        self.assertNotIn("\x1b", text)

    async def test_a_server_that_lives_and_does_not_answer_is_trouble_of_one_account(self) -> None:
        await self.make_factor()
        factor = await self.made(timeout=Duration(0.5))
        self.peer.says = self.peer.silence
        with self.assertRaises(AccountUnavailable):
            await factor.verify(self.asked(), "271828")

    async def test_one_that_does_not_sign_is_named_in_the_reason(self) -> None:
        factor = await self.make_factor()
        factor = await self.made(timeout=Duration(0.5))
        self.peer.says, self.peer.lives = lambda it: [answer(it, ACCEPT, signed=False)], False
        said = await self.heard(factor.verify(self.asked(), "271828"))
        self.assertIn("no Message-Authenticator", said)

    async def test_without_a_word_it_asks_nobody_on_his_phone(self) -> None:
        factor = await self.make_factor()
        self.assertNotIsInstance(factor, SupportsApproval)

    async def test_a_short_secret_is_told(self) -> None:
        await self.make_factor()
        events = heard(self)
        await self.made(secret=Secret("hunter2"))
        await check(self.settings(secret=Secret("hunter2"), failover=Duration(0.1)), self.assembly)
        told = [event["event_id"] for event in events if event["event_id"] != "radius.dropped"]
        self.assertEqual(told, ["radius.short_secret"] * 2)
        self.assertNotIn("hunter2", str(events))


class CheckTests(RadiusCase, TestCase):
    async def checked(self, **how: Any) -> list[tuple[str, str]]:
        return await check(self.settings(failover=Duration(0.3), **how), self.assembly)

    async def test_a_server_that_says_no_is_all_right(self) -> None:
        await self.make_factor()
        self.assertEqual(await self.checked(), [])

    async def test_a_server_that_is_away_or_has_another_secret_is_told(self) -> None:
        await self.make_factor()
        self.peer.says, self.peer.lives = lambda it: [answer(it, secret=b"other")], False
        ((setting, words),) = await self.checked()
        self.assertEqual(setting, "servers")
        self.assertIn("not signed with our secret", words)
        self.assertIn("does it know this machine's address", words)
        await self.kill()
        ((setting, words),) = await self.checked()
        self.assertTrue(words.endswith("Connection refused"), words)

    async def test_a_second_server_has_to_have_its_time(self) -> None:
        await self.make_factor()
        two = Places.parse("192.0.2.1, 192.0.2.2")
        with self.assertRaises(ValueError):
            self.settings(servers=two, failover=Duration(10))

    def test_what_cannot_be_sent_is_told(self) -> None:
        self.assertRaises(ValueError, Identifier.parse, "x" * 254)
        self.assertRaises(ValueError, Word.parse, "x" * 129)
        self.assertRaises(ValueError, NasAddress.parse, "radius.example.org")
