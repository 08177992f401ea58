"""One guess: charged before it is judged, and in the end failed or forgiven, whatever happens."""

from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Literal, Self

from mailtwist.auth.api import LoginRefused
from mailtwist.auth.limits import Admission
from mailtwist.kit.spawn import together
from mailtwist.kit.trouble import Trouble


class Guess:
    """An asynchronous context around whatever is done with a secret.  `admitted` charges it; without one the
    guess is free, because it was charged before.

    Who goes away in the middle has had his guess if somebody was judging it: a client that hangs up before
    the answer does not guess for nothing.  Trouble (a database, a directory) is not his fault."""

    def __init__(self, admitted: Callable[[], Awaitable[Admission]] | None) -> None:
        self._admitted = admitted
        self._admission: Admission | None = None
        self._state: Literal["waiting", "judged", "wrong", "right"] = "waiting"
        self._noting: Coroutine[Any, Any, object] | None = None
        self.counted = False
        """It stands in somebody's budget, and stays there; known at its end."""
        self.slow = False
        """A service elsewhere took its time to judge the code."""

    def judged(self) -> None:
        """From now on somebody looks at it."""
        self._state = "judged"

    def wrong(self, noting: Coroutine[Any, Any, object] | None = None) -> None:
        """`noting` is done at its end, together with what becomes of the charge: nobody waits twice."""
        self._state = "wrong"
        self._noting = noting

    def right(self) -> None:
        self._state = "right"

    async def held(self) -> None:
        """Its owner is asked elsewhere, for a while."""
        if self._admission is not None:
            await self._admission.held()

    async def __aenter__(self) -> Self:
        if self._admitted is not None:
            self._admission = await self._admitted()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await together(*self._ends(error))

    def _ends(self, error: BaseException | None) -> list[Coroutine[Any, Any, object]]:
        ends = [] if self._noting is None else [self._noting]
        if self._admission is not None:
            self.counted = self._has_failed(error)
            ending = self._admission.failed if self.counted else self._admission.forgiven
            ends.insert(0, ending())
        return ends

    def _has_failed(self, error: BaseException | None) -> bool:
        if self._state != "judged":
            return self._state == "wrong"
        return not isinstance(error, Trouble) or isinstance(error, LoginRefused)
