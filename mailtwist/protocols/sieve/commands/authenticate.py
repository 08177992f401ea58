"""AUTHENTICATE: login by a SASL mechanism.  rfc5804#2.1"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from mailtwist.auth.api import EncryptionRequired
from mailtwist.protocols.sasl.exchange import converse, signed_in
from mailtwist.protocols.sieve.command import Answer, Capability, Command, No, State, strings
from mailtwist.protocols.sieve.door import Door
from mailtwist.protocols.sieve.extension import Extension
from mailtwist.protocols.sieve.words import Word


@dataclass(frozen=True, slots=True)
class Authenticate(Command):
    """All that is said in it are strings."""

    name: ClassVar[str] = "AUTHENTICATE"
    states: ClassVar[State] = State.NOT_AUTHENTICATED
    secret: ClassVar[bool] = True
    mechanism: str
    initial: bytes | None = field(repr=False)

    @classmethod
    def parse(cls, words: Sequence[Word]) -> Self:
        mechanism, *initial = strings(words, 1, 2)
        return cls(mechanism.decode("ascii", "replace").upper(), initial[0] if initial else None)

    async def run(self, door: Door) -> Answer:
        if not door.may_sign_in:
            raise EncryptionRequired
        mechanism = door.mechanisms.get(self.mechanism)
        if mechanism is None:
            raise No("No such mechanism")
        await signed_in(await converse(mechanism, self.initial, door.ask), door.sign_in, door.ask)
        return Answer("Logged in")


def _told(door: Door) -> Sequence[Capability]:
    """Without TLS none, which is said too; after login nothing (rfc5804#1.7)."""
    if door.reached is State.AUTHENTICATED:
        return ()
    return (("SASL", " ".join(door.mechanisms) if door.may_sign_in else ""),)


extension = Extension(name="authenticate", rfc=5804, commands=(Authenticate,), telling=_told)
