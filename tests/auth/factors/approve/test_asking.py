"""What somebody is asked, what his answers do, and how it ends otherwise."""

from typing import Any

from mailtwist.auth.api import AccountUnavailable, LoginUnavailable, Person
from mailtwist.auth.factors.api import NO_STEP
from mailtwist.config.values import Duration, Hostnames
from mailtwist.kit.spawn import started
from mailtwist.state.process import durable
from mailtwist.testing.elsewhere import NOBODY, PERSON
from tests.auth.factors.approve.house import ApproveCase


class AnswerTests(ApproveCase):
    async def test_yes_lets_the_login_go_on(self) -> None:
        await self.begin()
        login = self.login()
        message = await self.message()
        self.assertNoResult(login)
        said = await self.post(self.link(message, "approve"))
        self.assertEqual(said.status, 200)
        self.assertIn(b"Approved", said.body)
        proof = await login
        self.assertEqual((proof.kind, proof.step, proof.password), ("approve", NO_STEP, False))
        self.assertRegex(proof.token, r"\Aphone:[0-9a-z]{26}\Z")
        self.assertEqual(len(self.told("approval.asked")), 1)
        self.assertEqual(len(self.told("approval.approved")), 1)
        (answered,) = self.told("approval.answered")
        self.assertEqual(
            (answered["asked"], answered["address"], answered["answer"]), ("l1", "203.0.113.5", "yes")
        )

    async def test_no_ends_it_at_once_and_its_owner_is_told(self) -> None:
        await self.begin()
        login = self.login()
        said = await self.post(self.link(await self.message(), "deny"))
        self.assertIn(b"Denied", said.body)
        self.assertIn(b"somebody knows your password", said.body)
        self.assertIsNone(await login)
        self.assertEqual(len(self.told("approval.denied")), 1)
        await self.assembly.stop()
        self.assembly = self.process()
        (notice,) = await self.spooled()
        self.assertEqual((notice.account, notice.kind), (PERSON.account, "approval-denied"))
        self.assertEqual(notice.facts["address"], "192.0.2.7")

    async def spooled(self) -> Any:
        state = durable(self.assembly)
        await self.assembly.start()
        return await state.notices(self.assembly.clock.now(), self.assembly.clock.now() + 9, 10)

    async def test_nobody_answers(self) -> None:
        await self.begin()
        self.assertIsNone(await self.login(seconds=0.3))
        self.assertEqual(len(self.told("approval.expired")), 1)

    async def test_it_waits_no_longer_than_its_section_says(self) -> None:
        await self.begin(seconds=Duration(0.3))
        self.assertIsNone(await self.login(seconds=3000.0))

    async def test_an_answer_counts_once(self) -> None:
        await self.begin()
        login = self.login()
        message = await self.message()
        first = await self.post(self.link(message, "deny"))
        self.assertEqual(first.status, 200)
        for word in ("approve", "deny", "approve"):
            again = await self.post(self.link(message, word))
            self.assertEqual(again.status, 410)
            self.assertIn(b"Nobody waits for this any more", again.body)
        self.assertIsNone(await login)
        self.assertEqual(len(self.told("approval.late")), 3)

    async def test_of_yes_and_no_at_the_same_time_one_counts(self) -> None:
        await self.begin()
        login = self.login()
        message = await self.message()
        both = [started(self.post(self.link(message, word))) for word in ("approve", "deny")]
        statuses = [(await one).status for one in both]
        self.assertEqual(sorted(statuses), [200, 410])
        self.assertEqual(await login is not None, statuses[0] == 200)

    async def test_a_yes_after_the_client_has_gone_lets_nobody_in(self) -> None:
        await self.begin()
        login = self.login()
        message = await self.message()
        await self.gone(login)
        self.assertEqual(len(self.told("approval.gone")), 1)
        said = await self.post(self.link(message, "approve"))
        self.assertEqual(said.status, 410)
        (late,) = self.told("approval.late")
        self.assertEqual((late["asked"], late["answer"]), ("l1", "yes"))

    async def test_a_yes_after_the_time_is_over_lets_nobody_in(self) -> None:
        await self.begin()
        login = self.login(seconds=0.3)
        message = await self.message()
        self.assertIsNone(await login)
        self.assertEqual((await self.post(self.link(message, "approve"))).status, 410)

    async def test_a_yes_to_one_login_is_none_to_the_next(self) -> None:
        await self.begin()
        first = self.login()
        old = await self.message()
        await self.gone(first)
        login = self.login(seconds=0.5)
        await self.message()
        self.assertEqual((await self.post(self.link(old, "approve"))).status, 410)
        self.assertIsNone(await login)

    async def test_a_process_that_ends_says_no_for_nobody(self) -> None:
        await self.begin()
        login = self.login()
        message = await self.message()
        self.prompts.last_call()
        await self.assertFailure(login, AccountUnavailable)
        await self.assertFailure(self.login(), AccountUnavailable)
        self.assertEqual((await self.post(self.link(message, "approve"))).status, 410)
        self.assertEqual(len(self.rig.asked), 1)

    async def test_a_process_that_begins_again_has_forgotten_its_prompts(self) -> None:
        await self.begin()
        login = self.login()
        message = await self.message()
        await self.gone(login)
        await self.factor.stop()
        await self.assembly.stop()
        self.assembly = self.process()
        await self.begin()
        for method in ("GET", "POST"):
            self.assertEqual((await self.visit(self.link(message, "approve"), method)).status, 410)


class BoundTests(ApproveCase):
    async def test_so_many_are_asked_at_a_time_and_no_more(self) -> None:
        await self.begin(most=2)
        people = [Person(f"a{n}", f"p{n}@example.org") for n in range(3)]
        logins = []
        for one in people[:2]:
            logins.append(self.login(person=one))
            await self.message()
        await self.assertFailure(self.login(person=people[2]), LoginUnavailable)
        for login in logins:
            await self.gone(login)
        self.assertEqual(self.prompts.under_way, 0)
        login = self.login(person=people[2])
        await self.message()
        await self.gone(login)

    async def test_names_that_nobody_has_are_asked_nothing(self) -> None:
        await self.begin()
        self.assertIsNone(await self.login(person=NOBODY, known=False))
        self.assertEqual(self.rig.raw, [])

    async def test_it_has_no_codes_and_serves_its_domains(self) -> None:
        factor = await self.begin(domains=Hostnames.parse("example.org"), enrolled=False)
        for text in ("123456", "12345678", "ABCD-EFGH-JKLM", "c" * 44, ""):
            self.assertIs(factor.looks_like(text), False)
            self.assertIsNone(await factor.verify(self.asked(), text))
        self.assertIs(factor.serves(PERSON), True)
        self.assertIs(factor.serves(Person("x", "x@example.net")), False)
        self.assertIs(await factor.enrolled(PERSON.account), False)
