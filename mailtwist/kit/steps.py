"""What a part does, step by step, for somebody who tries it: `mailtwist directory test`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

_heard: ContextVar[Callable[[str], object] | None] = ContextVar("mailtwist_steps", default=None)


def step(words: str, /, **facts: object) -> None:
    """One thing that was done, and what came of it, in words without secrets: `words` with `facts` put in as
    `str.format` does.  Nothing happens, and nothing is formatted, unless somebody listens."""
    heard = _heard.get()
    if heard is not None:
        heard(words.format(**facts))


@contextmanager
def steps_heard(heard: Callable[[str], object]) -> Iterator[None]:
    """Steps done from here, in this task and what it awaits, are told."""
    token = _heard.set(heard)
    try:
        yield
    finally:
        _heard.reset(token)


def carried(work: Callable[[], T]) -> Callable[[], T]:
    """`work` for another thread, where its steps are heard by whoever hears those of this task."""
    heard = _heard.get()
    if heard is None:
        return work

    def told() -> T:
        with steps_heard(heard):
            return work()

    return told
