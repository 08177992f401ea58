"""One question at a time: whoever comes while it is asked hears the same answer."""

from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble

T = TypeVar("T")


class Once(Generic[T]):
    """Questions by key.  One that was begun goes on to its end, also when nobody waits for it any more."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Deferred[T]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, key: str) -> bool:
        """It is being asked."""
        return key in self._waiting

    async def ask(self, key: str, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer to `question`, or to that which is under way."""
        first = key not in self._waiting
        waiting: Deferred[T] = Deferred(lambda gone: None)
        self._waiting.setdefault(key, []).append(waiting)
        if first:
            started(question()).addBoth(self._answered, key)
        return await waiting

    async def all(self) -> None:
        """Nothing is being asked any more."""
        for waits in list(self._waiting.values()):
            waiting: Deferred[T] = Deferred()
            waits.append(waiting)
            try:
                await waiting
            except Trouble:
                pass  # whoever asked hears it

    def _answered(self, answer: T | Failure, key: str) -> None:
        for waiting in self._waiting.pop(key):
            if waiting.called:
                continue
            if isinstance(answer, Failure):
                waiting.errback(answer)
            else:
                waiting.callback(answer)
