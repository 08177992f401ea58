"""LOGOUT: the connection ends.  rfc5804#2.3"""

from dataclasses import dataclass
from typing import ClassVar

from mailtwist.protocols.sieve.command import Answer, Command, State
from mailtwist.protocols.sieve.door import Door
from mailtwist.protocols.sieve.extension import Extension


@dataclass(frozen=True, slots=True)
class Logout(Command):
    name: ClassVar[str] = "LOGOUT"
    states: ClassVar[State] = State.ANY
    last: ClassVar[bool] = True

    async def run(self, door: Door) -> Answer:
        return Answer("Bye")


extension = Extension(name="logout", rfc=5804, commands=(Logout,))
