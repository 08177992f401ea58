"""Who is being asked now: a prompt is answered once, in whatever process the answer comes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

from twisted.internet.defer import CancelledError, Deferred

from mailtwist.auth.api import AccountUnavailable, LoginUnavailable
from mailtwist.auth.factors.api import Asked
from mailtwist.auth.factors.approve.links import Link, Links, Prompt
from mailtwist.auth.factors.approve.words import LONGEST_NAME, plain
from mailtwist.auth.flight import LEASE, Renewing
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.ids import new_id
from mailtwist.kit.spawn import spawn, started
from mailtwist.state.api import Volatile
from mailtwist.state.keys import Keys
from mailtwist.state.process import keys, volatile

ANSWERED = Event("approval.answered", "{name} says {answer} to login {asked}, from {address}")
LATE = Event("approval.late", "{name} says {answer} to login {asked}, from {address}: nobody waits", "warn")

ID = 26
"""Characters: 130 random bits."""

ENDS = "the server ends"
YES, NO, OVER = b"yes", b"no", b"over"


class Heard(Enum):
    """What became of an answer."""

    COUNTS = "counts"
    TOO_LATE = "too late"
    """Nobody waits, or there was an answer before."""


class Prompts:
    """One for the process."""

    def __init__(self, volatile: Volatile, keys: Keys, clock: Clock, hostname: str) -> None:
        self.links = Links(keys)
        self.shown = False
        """Some site of this process has the page that links lead to."""
        self.under_way = 0
        self._leaving = False
        self._hearing: set[Deferred[bytes | None]] = set()
        self._volatile = volatile
        self._clock = clock
        self._hostname = hostname

    @asynccontextmanager
    async def begun(self, asked: Asked, seconds: float, most: int) -> AsyncIterator[Prompt]:
        """A new prompt, which ends with the block.  `LoginUnavailable` when `most` are asked by this
        process."""
        if self._leaving:
            raise AccountUnavailable(ENDS)
        if self.under_way >= most:
            raise LoginUnavailable(f"{most} people are being asked already")
        self.under_way += 1
        try:
            prompt = await self._begun(asked, seconds)
            renewing = Renewing(self._volatile, self._clock, _work(prompt.id), prompt.leader)
            try:
                yield prompt
            finally:
                renewing.stop()
                ending = self._volatile.settle(_work(prompt.id), prompt.leader, OVER)
                spawn(ending, "ending a prompt")
        finally:
            self.under_way -= 1

    async def heard(self, prompt: Prompt) -> bool:
        """What the person has said, once he has.  `LoginUnavailable` when the state has forgotten that
        anybody was asked."""
        hearing = started(self._volatile.follow(_work(prompt.id)))
        self._hearing.add(hearing)
        try:
            word = await hearing
        except CancelledError:
            if self._leaving:
                raise AccountUnavailable(ENDS) from None
            raise
        finally:
            self._hearing.discard(hearing)
        if word is None:
            raise LoginUnavailable("what a person would answer got lost")
        return word.startswith(YES)

    def last_call(self) -> None:
        """The process ends, and nobody can answer any more: that is nobody's no."""
        self._leaving = True
        for one in list(self._hearing):
            one.cancel()

    async def waits(self, prompt: Prompt) -> bool:
        """The login is still under way.  `StateAway`."""
        return await self._volatile.renew(_work(prompt.id), prompt.leader, LEASE)

    async def answered(self, prompt: Prompt, yes: bool, address: str = "") -> Heard:
        """The person has said so: by a link that was used from `address`, or through a service ('').  Of
        several answers one counts.  `StateAway`."""
        mine = (YES if yes else NO) + b" " + new_id().encode()
        work = _work(prompt.id)
        hearing = started(self._volatile.follow(work))  # who comes after the word may not hear it
        hearing.addErrback(lambda failure: failure.trap(CancelledError))
        try:
            await self._volatile.settle(work, prompt.leader, mine)
            counts = await hearing == mine
        finally:
            hearing.cancel()
        told = {"name": prompt.name, "answer": "yes" if yes else "no", "asked": prompt.login}
        (ANSWERED if counts else LATE).log(address=address or "the service that asks", **told)
        return Heard.COUNTS if counts else Heard.TOO_LATE

    async def _begun(self, asked: Asked, seconds: float) -> Prompt:
        id = new_id(ID)
        leader = await self._volatile.lead(_work(id), LEASE)
        if leader is None:
            raise LoginUnavailable("the state does not let us ask")
        now = self._clock.now()
        return Prompt(
            id=id,
            leader=leader,
            name=plain(asked.person.name, LONGEST_NAME),
            address=plain(asked.address),
            protocol=asked.protocol,
            client=plain(asked.client),
            host=self._hostname,
            login=plain(asked.login),
            at=round(now, 3),
            expires=round(now + seconds, 3),
        )

    def link(self, prompt: Prompt, *, yes: bool) -> str:
        """The token of a link that says so."""
        return self.links.token(Link(prompt, yes))


def _work(id: str) -> bytes:
    return b"approval " + id.encode()


def the_prompts(assembly: Assembly) -> Prompts:
    """For `assembly.one`."""
    return Prompts(volatile(assembly), keys(assembly), assembly.clock, assembly.hostname)
