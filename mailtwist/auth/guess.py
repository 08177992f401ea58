"""One guess: charged before it is judged, and in the end failed or forgiven, whatever happens."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Literal, Self

from mailtwist.auth.api import LoginRefused
from mailtwist.auth.limits import Admission
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

    @property
    def counted(self) -> bool:
        """It stands in somebody's budget."""
        return self._admission is not None

    def judged(self) -> None:
        """From now on somebody looks at it."""
        self._state = "judged"

    def wrong(self) -> None:
        self._state = "wrong"

    def right(self) -> None:
        self._state = "right"

    async def __aenter__(self) -> Self:
        if self._admitted is not None:
            self._admission = await self._admitted()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._admission is None:
            return
        if self._has_failed(error):
            await self._admission.failed()
        else:
            await self._admission.forgiven()

    def _has_failed(self, error: BaseException | None) -> bool:
        if self._state != "judged":
            return self._state == "wrong"
        return not isinstance(error, Trouble) or isinstance(error, LoginRefused)
