"""XPURPOSE: the sender says what a message is for, and may ask what it can be for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.smtp.command import Command, Refusal, Reply, State
from mailtwist.protocols.smtp.door import Door, Session
from mailtwist.protocols.smtp.extension import Extension

PURPOSES = {"home": "for the family", "work": "for the office"}


@dataclass(frozen=True, slots=True)
class Xpurpose(Command):
    name: ClassVar[str] = "XPURPOSE"
    states: ClassVar[State] = State.GREETED
    useless: ClassVar[bool] = True
    usage: ClassVar[str] = "XPURPOSE [word]: what a message can be for"
    word: str

    @classmethod
    def parse(cls, arguments: bytes) -> Self:
        word = arguments.decode("ascii", "replace").lower()
        if word and not word.isalpha():
            raise Malformed("Expected a word")
        return cls(word)

    async def run(self, session: Session) -> Reply:
        if not self.word:
            return Reply(250, "2.0.0", "\n".join(f"{word}: {why}" for word, why in PURPOSES.items()))
        if self.word not in PURPOSES:
            return Reply(504, "5.5.4", "There is no such purpose")
        return Reply(250, "2.0.0", PURPOSES[self.word])


def _purpose(value: str | None, door: Door) -> None:
    if value is None or value.lower() not in PURPOSES:
        raise Malformed("Expected " + " or ".join(PURPOSES))
    if not door.authenticated:
        raise Refusal(Reply(530, "5.7.0", "Log in before you say what your mail is for"))


def _told(door: Door) -> Sequence[str]:
    return (" ".join(["XPURPOSE", *PURPOSES]),) if door.authenticated else ()


extension = Extension(
    name="xpurpose",
    rfc=0,
    commands=(Xpurpose,),
    telling=_told,
    mail_parameters={"XPURPOSE": _purpose},
    protocols=("smtp",),
)
