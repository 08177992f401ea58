"""Who listens to what is announced."""

from collections.abc import Callable

from mailtwist.kit.events import Event

UNHEARD = Event("state.word_not_heard", "Somebody who was told what others announced failed", "error")


class Listeners:
    """Each hears every word; one that fails does not keep it from the others."""

    def __init__(self) -> None:
        self._heard: list[Callable[[bytes], object]] = []

    def add(self, heard: Callable[[bytes], object]) -> None:
        self._heard.append(heard)

    def tell(self, word: bytes) -> None:
        for heard in self._heard:
            try:
                heard(word)
            except Exception:
                UNHEARD.failure()
