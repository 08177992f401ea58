"""What a part does, heard by whoever tries it."""

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailtwist.kit.spawn import spawn, started, to_its_end, together, uninterrupted
from mailtwist.kit.steps import step, steps_heard
from mailtwist.kit.threads import Threads


class Unsaid:
    def __str__(self) -> str:
        raise AssertionError("nobody listens")


async def said(words: str) -> None:
    step(words)


class StepsTests(TestCase):
    def setUp(self) -> None:
        self.heard: list[str] = []

    def test_nothing_is_formatted_when_nobody_listens(self) -> None:
        step("{secret}", secret=Unsaid())
        with steps_heard(self.heard.append):
            self.assertRaises(AssertionError, step, "{secret}", secret=Unsaid())
        step("{secret}", secret=Unsaid())
        self.assertEqual(self.heard, [])

    def test_facts_are_words_and_no_forms(self) -> None:
        with steps_heard(self.heard.append):
            step("found {name}", name="{base} {0!r}")
        self.assertEqual(self.heard, ["found {base} {0!r}"])

    async def test_steps_of_a_thread_are_heard(self) -> None:
        threads = Threads("tested", 2)
        self.addCleanup(threads.stop)
        with steps_heard(self.heard.append):
            await threads.run(step, "there")
        await threads.run(step, "nobody listens any more")
        self.assertEqual(self.heard, ["there"])

    async def test_a_thread_hears_for_the_task_that_asks_it_and_for_no_other(self) -> None:
        threads = Threads("tested", 1)
        self.addCleanup(threads.stop)
        others: list[str] = []

        async def asking(heard: list[str], words: str) -> None:
            with steps_heard(heard.append):
                await threads.run(step, words)

        await together(asking(self.heard, "mine"), asking(others, "another's"), threads.run(step, "nobody's"))
        self.assertEqual((self.heard, others), (["mine"], ["another's"]))

    async def test_steps_after_waiting_and_in_what_was_begun_are_heard(self) -> None:
        from twisted.internet import reactor

        gate: Deferred[None] = Deferred()

        async def later() -> None:
            await gate
            step("later")

        with steps_heard(self.heard.append):
            waiting = started(later())
            spawn(said("spawned"), "telling")
            await to_its_end(started(said("to its end")))
            await uninterrupted(said("uninterrupted"))
            await deferLater(reactor, 0)  # type: ignore[arg-type]
            step("after a turn of the reactor")
        gate.callback(None)  # by somebody who hears nothing
        await waiting
        self.assertEqual(
            self.heard, ["spawned", "to its end", "uninterrupted", "after a turn of the reactor", "later"]
        )
