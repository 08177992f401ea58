"""The words between a prompt and the way it goes to a phone."""

from dataclasses import dataclass, field
from typing import Protocol

from mailtwist.auth.api import Person
from mailtwist.auth.factors.approve.links import Prompt


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of `person`, who has `seconds`.  Who looks at `approve` is shown a page; who sends a POST
    there has said yes, and no at `deny`.  Both are '' where people do not answer by links."""

    prompt: Prompt
    person: Person
    seconds: float
    approve: str = field(default="", repr=False)
    deny: str = field(default="", repr=False)


class Way(Protocol):
    """How a person is asked."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def reload(self) -> None: ...

    async def ask(self, question: Question) -> bool | None:
        """He has been asked; what he has said, if it is known then.  `FactorAway` when it is not known that
        he could be."""

    async def reachable(self) -> None:
        """It seems that people could be asked; nobody is.  `FactorAway`, `NoAnswer`."""

    def introduction(self, person: Person) -> list[str]:
        """Sentences that tell him, or who helps him, what has to be done on his phone."""
