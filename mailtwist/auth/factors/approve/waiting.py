"""A login waits: for the answer, for the end of its time, or until it turns out that nobody can be asked."""

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError

from mailtwist.auth.factors.approve.links import Prompt
from mailtwist.auth.factors.approve.prompts import Prompts
from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import started


class Waiting:
    """For the answer to one prompt."""

    def __init__(self, prompts: Prompts, prompt: Prompt, clock: Clock) -> None:
        self._prompts = prompts
        self._prompt = prompt
        self._clock = clock
        self._over: list[Exception | None] = []

    async def answer(
        self, asking: Coroutine[Any, Any, bool | None], seconds: float, *, links: bool
    ) -> bool | None:
        """What the person says: in the result of `asking`, or else, if it is None, by one of the `links`.
        None when that is nothing within `seconds`.  Whatever `asking` raises."""
        self._hearing = started(self._prompts.heard(self._prompt))
        begun = started(self._ask(asking, links))
        timer = self._clock.later(seconds, self._end, None)
        try:
            return await self._hearing
        except CancelledError:
            if not self._over:
                raise
            if self._over[0] is not None:
                raise self._over[0] from None
            return None
        finally:
            begun.addErrback(lambda failure: failure.trap(CancelledError))
            begun.cancel()
            if timer.active():
                timer.cancel()

    async def _ask(self, asking: Coroutine[Any, Any, bool | None], links: bool) -> None:
        try:
            yes = await asking
            if yes is not None:
                await self._prompts.answered(self._prompt, yes)
            elif not links:
                self._end(None)
        except CancelledError:
            raise
        except Exception as error:  # whoever waits hears it
            self._end(error)

    def _end(self, why: Exception | None) -> None:
        self._over.append(why)
        self._hearing.cancel()
