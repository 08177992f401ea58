"""Connections that come and go in any order: what holds whatever happens."""

import os
import random
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as some
from twisted.internet.threads import blockingCallFromThread
from twisted.logger import globalLogPublisher

from mailtwist.auth.api import LoginRefused, LoginRequest, LoginUnavailable
from mailtwist.auth.buckets import key_of
from mailtwist.auth.places import client_of
from mailtwist.config.limits import HOUR
from mailtwist.config.rate import Rate
from mailtwist.kit.spawn import started
from mailtwist.kit.threads import Threads
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from tests.auth.any_world import (
    ACCOUNT,
    CLIENTS,
    HOME,
    HOME_TOO,
    LIMIT,
    LIMITS,
    NAME,
    OTHER,
    PASSWORD,
    RIGHT,
    RIGHT_TOO,
    SAVED,
    Attempt,
    InTurns,
    Process,
    World,
)

FULL = os.environ.get("SOAK") == "full"
SEED = int(os.environ.get("SEED", "1"))
STRINGS = some.one_of(some.sampled_from([SAVED, RIGHT, RIGHT_TOO, OTHER]), some.integers(0, 11))
COMES = some.tuples(some.just("come"), some.integers(0, 1), STRINGS, some.sampled_from(CLIENTS))
OPS = some.lists(
    some.one_of(
        COMES,
        COMES,
        COMES,
        some.tuples(some.just("twins"), some.sampled_from(CLIENTS), some.sampled_from(CLIENTS)),
        some.tuples(some.just("work"), some.integers(1, 9)),
        some.tuples(some.just("leave"), some.integers(0, 30)),
        some.tuples(some.just("wait"), some.sampled_from([0.3, 2.0, 9.0, 31.0, 100.0, HOUR])),
        some.tuples(some.just("restart"), some.integers(0, 1)),
    ),
    min_size=20,
    max_size=50,
)


class AnyOrder:
    """Mix into a trial `TestCase` with what says which state: `threads`, `state`, `work`, `rest`."""

    EXAMPLES = 30
    PROCESSES = 2
    LASTS = True
    """What connections share outlives a process."""
    GIVES_BACK = True
    """A process that ends in order still gives back what was not judged."""
    timeout = 3600

    def threads(self) -> Threads:
        raise NotImplementedError

    def state(self, assembly: OnePart) -> Any:
        raise NotImplementedError

    async def work(self, number: int) -> None:
        """So many pieces of what is under way are done, of whichever process."""
        raise NotImplementedError

    async def rest(self) -> None:
        """All that can be done without time passing is."""
        raise NotImplementedError

    async def pass_time(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    # -- a world
    async def begin(self, number: int) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.world = World(folder, ManualClock(), random.Random(number))
        globalLogPublisher.addObserver(self._note)
        self.world.people.add(NAME, PASSWORD, ACCOUNT)
        self.processes = [Process(self.world, self.threads(), self.state) for _ in range(self.PROCESSES)]
        for process in self.processes:
            await process.begin()

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("event_id") == "login.accepted":
            self.world.events.append(event)

    async def _saved(self) -> None:
        process, world = self.processes[0], self.world
        world.secret = (await process.totp.enroll(ACCOUNT, NAME)).secret
        self.assertTrue(await process.totp.confirm(ACCOUNT, world.code().decode()))
        await self.pass_time(31)
        one = process.come(RIGHT, HOME)
        await self.over()
        self.assertEqual(one.over, "in")
        world.saved = one.secret
        world.attempts.clear()
        world.forget()
        await self.pass_time(31)

    def _at_once(self, at_once: bool) -> None:
        for process in self.processes:
            if isinstance(process.threads, InTurns):
                process.threads.at_once = at_once

    async def end(self) -> None:
        self._at_once(True)
        for process in self.processes:
            await process.end()
        globalLogPublisher.removeObserver(self._note)

    # -- what happens
    async def happens(self, op: tuple[Any, ...]) -> None:
        what, *more = op
        if what in ("come", "twins"):
            self._come(what, *more)
        elif what == "work":
            await self.work(more[0])
        elif what == "wait":
            await self.pass_time(more[0])
        elif what == "leave":
            here = [one.waiting for one in self.world.attempts if not one.over and one.waiting is not None]
            if here:
                here[more[0] % len(here)].cancel()
        else:
            await self.restarted(self._process(more[0]))
        self.no_more_than_allowed()

    def _come(self, what: str, *more: Any) -> None:
        if what == "come":
            self._process(more[0]).come(more[1], more[2])
        else:  # one code in two strings
            for number, (string, client) in enumerate(zip((RIGHT, RIGHT_TOO), more, strict=True)):
                self._process(number).come(string, client)

    def _process(self, number: int) -> Process:
        return self.processes[number % self.PROCESSES]

    async def restarted(self, process: Process) -> None:
        """Whoever is connected to it is cut off; what it has begun to write it writes."""
        for one in self.world.attempts:
            if one.process is process and not one.over and one.waiting is not None:
                one.waiting.cancel()
        await self.rest()
        self._at_once(True)
        await process.end()
        if not self.LASTS:
            self.world.forget()
        await process.begin()
        self._at_once(False)

    async def over(self) -> None:
        """Everybody has his answer."""
        for _ in range(80):
            await self.rest()
            if all(one.over for one in self.world.attempts):
                return
            await self.pass_time(0.5)
        self.fail(f"no answer: {[one for one in self.world.attempts if not one.over]}")

    # -- what holds
    def no_more_than_allowed(self) -> None:
        """From places that are known and those that are not; at every moment."""
        self.assertLessEqual(self.world.failures, 2 * LIMIT)

    async def every_failure_is_charged(self) -> None:
        """As many as the factor or the directory found wrong, whatever was forgiven beside them; and what
        was never judged, or was right, is charged to nobody."""
        state, world = self.processes[0].volatile, self.world
        for names in (("account", "account_long", "untrusted"), ("known", "known_long", "known")):
            short, long = (self._key(name, names[2]) for name in names[:2])
            self.assertLessEqual(await state.spent(*short), LIMIT)
            self.assertLessEqual(await state.spent(*long), LIMIT)
        new, known = self._key("account_long", "untrusted"), self._key("known_long", "known")
        charged = round(await state.spent(*new) + await state.spent(*known))
        self.assertGreaterEqual(charged, world.failures)
        came_in = sum(one.over == "in" and one.how == "code" for one in world.attempts)
        joined = sum(one.over == "in" and one.how == "code" for one in self._joined())
        if self.GIVES_BACK or not self.restarts:
            self.assertLessEqual(charged, world.looked_at - (came_in - joined))

    def _key(self, name: str, source: str) -> tuple[str, float]:
        rate: Rate = getattr(LIMITS, name)
        return key_of(f"{name}/{source}", rate, ACCOUNT), rate.seconds

    def _joined(self) -> list[Attempt]:
        """Those who came in with a string with which somebody came in before."""
        seen: set[bytes] = set()
        joined = []
        for one in self.world.attempts:
            if one.over == "in" and one.how == "code":
                if one.secret in seen:
                    joined.append(one)
                seen.add(one.secret)
        return joined

    def codes_are_for_one_string_of_one_client(self) -> None:
        strings: dict[bytes, set[tuple[bytes, str]]] = {}
        for one in self.world.attempts:
            self.assertIn(one.over, ("in", "refused", "later", "left"))
            if one.over == "in":
                self.assertIn(one.string, (SAVED, RIGHT, RIGHT_TOO))
            if one.over == "in" and one.how == "code":
                code = one.secret.rpartition(b"@")[2]
                strings.setdefault(code, set()).add((one.secret, client_of(one.client)))
        for code, who in strings.items():
            self.assertEqual(len(who), 1, (code, who))

    def what_is_saved_always_works(self) -> None:
        for one in self.world.attempts:
            if one.string == SAVED and one.client in (HOME, HOME_TOO) and one.over != "left":
                self.assertEqual((one.over, one.how), ("in", "device"))

    async def guesses_are_judged_while_there_is_room(self) -> None:
        """Nothing under way is left over: the next wrong codes are judged up to the limit, and no further."""
        key = self._key("account_long", "untrusted")
        room = LIMIT - round(await self.processes[0].volatile.spent(*key))
        before = self.world.looked_at
        await self.pass_time(HOUR + 1)
        await self.pass_time(HOUR + 1)
        for number in range(room + 2):
            self.world.clock.advance(0.3)
            client = f"100.64.{number}.1"
            request = LoginRequest("imap", NAME.encode(), PASSWORD + b"@%06d" % number, client, tls=True)
            waiting = started(self.processes[number % self.PROCESSES].decision.decide(request))
            waiting.addErrback(lambda failure: failure.trap(LoginRefused, LoginUnavailable) and None)
            while not waiting.called:
                await self.rest()
                await self.pass_time(0.5)
        self.assertEqual(self.world.looked_at - before, room)

    # -- the test
    async def one(self, ops: list[tuple[Any, ...]], number: int) -> None:
        self.restarts = sum(op[0] == "restart" for op in ops)
        try:
            await self.begin(number)
            await self._saved()
            self._at_once(False)
            for op in ops:
                await self.happens(op)
            await self.over()
            self.codes_are_for_one_string_of_one_client()
            self.what_is_saved_always_works()
            await self.settled()
            await self.guesses_are_judged_while_there_is_room()
        finally:
            await self.end()

    async def settled(self) -> None:
        self._at_once(True)
        await self.every_failure_is_charged()

    async def test_whatever_comes_in_whatever_order(self) -> None:
        await self.examples(self.one, OPS, some.integers(0, 1 << 30))

    async def examples(
        self, one: Callable[..., Coroutine[Any, Any, None]], *strategies: some.SearchStrategy[Any]
    ) -> None:
        """Each in the reactor's thread, drawn in another."""
        from twisted.internet import reactor

        @seed(SEED)
        @settings(
            max_examples=self.EXAMPLES * (20 if FULL else 1),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate,),  # an example takes long enough to be looked at as it is
        )
        @given(some.tuples(*strategies))
        def run(drawn: tuple[Any, ...]) -> None:
            try:
                blockingCallFromThread(reactor, lambda: started(one(*drawn)))
            except Exception as error:
                failed.append(error)
                raise

        failed: list[Exception] = []
        threads = Threads("examples", 1)
        try:
            await threads.run(run)
        except Exception:  # what hypothesis says of an example that fails once is not why
            raise failed[0] from None
        finally:
            threads.stop()
