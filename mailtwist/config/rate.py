"""So many in so much time: how operators write what is limited."""

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.config.problems import Sentence
from mailtwist.config.values import Duration

NOT_A_RATE = Sentence(
    "rate", '"{text}" is not a number in a time; write both, neither 0: "20 in 15 min", "100 in 30 d"'
)
_RATE = re.compile(r"([0-9]{1,7})\s+in\s+(\S.*)")


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `number` in any `seconds`."""

    kind: ClassVar[str] = "a number in a time"

    number: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """`20 in 15 min`"""
        found = _RATE.fullmatch(text)
        if found is None:
            raise NOT_A_RATE.wrong(text=text)
        number, seconds = int(found[1]), float(Duration.parse(found[2]))
        if not number or seconds < 1:
            raise NOT_A_RATE.wrong(text=text)
        return cls(number, seconds)

    def __str__(self) -> str:
        return f"{self.number} in {Duration(self.seconds).written()}"
