"""A process with a decision of its own, which does what it is told on its standard input, line by line.

`python -m tests.auth.hammer FOLDER REDIS`: the folder is that of the state, shared; REDIS is PORT:PREFIX, or
`-` for SQLite.  A line is `{"at": seconds since 1970, "logins": [[user, secret, address], ...]}` in JSON; all
begin at that moment, and the answer is one line of JSON, how each went.  Each look of the factor at a code is
a line in FOLDER/looks, written before it looks."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor, stdio
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver

from mailtwist.auth.api import LoginRefused, LoginRequest, Person
from mailtwist.auth.decision import Decision, the_decision
from mailtwist.auth.factors.api import Asked, Proof
from mailtwist.auth.factors.totp import Settings, Totp
from mailtwist.config.values import Duration
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import spawn, together
from mailtwist.kit.trouble import Trouble
from mailtwist.state.redis.place import Url
from mailtwist.state.volatile.redis import Prefix, made
from mailtwist.state.volatile.redis import Settings as RedisSettings
from mailtwist.testing.assembly import OnePart

PASSWORDS = (b"one", b"two")
"""Both are right, for everybody."""


class Everybody:
    """Whoever it is, his account is his name."""

    async def find(self, name: str) -> Person | None:
        return Person(name.partition("@")[0], name, (name,))

    async def recipient(self, address: str) -> Person | None:
        return await self.find(address)

    async def accepts(self, person: Person, password: bytes) -> bool:
        return password in PASSWORDS


class Seen(Totp):
    def __init__(self, folder: Path, assembly: OnePart) -> None:
        super().__init__(Settings(), assembly)
        self._looks = os.open(folder / "looks", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        os.write(self._looks, f"{asked.account} {code}\n".encode())
        return await super().verify(asked, code)


def assembled(folder: Path, redis: str) -> OnePart:
    """Everything but the decision, not begun."""
    state: dict[str, Any] = {}
    factors: dict[str, Any] = {}
    parts = {"directory": {"people": Everybody()}, "factor": factors, "state": state}
    assembly = OnePart(folder, clock=SystemClock(), parts=parts)
    if redis != "-":
        port, _, prefix = redis.partition(":")
        url = Url.parse(f"redis://127.0.0.1:{port}")
        state["shared"] = made(RedisSettings(url=url, prefix=Prefix(prefix), timeout=Duration(5)), assembly)
        assembly.made.append(state["shared"])
    factors["totp"] = Seen(folder, assembly)
    return assembly


class Told(LineReceiver):
    delimiter = b"\n"
    MAX_LENGTH = 1 << 20

    def __init__(self, decision: Decision, over: Deferred[None]) -> None:
        self._decision = decision
        self._over = over

    def lineReceived(self, line: bytes) -> None:
        told = json.loads(line)
        spawn(self._all(told["at"], told["logins"]), "logins at one moment")

    def connectionLost(self, reason: Any = None) -> None:
        self._over.callback(None)

    async def _all(self, at: float, logins: list[list[str]]) -> None:
        await deferLater(reactor, max(0.0, at - time.time()))
        said = await together(*(self._one(*one) for one in logins))
        self.sendLine(json.dumps(said).encode())

    async def _one(self, user: str, secret: str, address: str) -> str:
        try:
            await self._decision.decide(
                LoginRequest("imap", user.encode(), secret.encode(), address, tls=True)
            )
        except LoginRefused:
            return "refused"
        except Trouble:
            return "later"
        return "in"


async def run(folder: Path, redis: str) -> None:
    assembly = assembled(folder, redis)
    decision = assembly.one(the_decision)
    try:
        await assembly.start()
        over: Deferred[None] = Deferred()
        told = Told(decision, over)
        stdio.StandardIO(told)
        told.sendLine(b'"ready"')
        await over
    finally:
        await assembly.stop()


if __name__ == "__main__":
    from twisted.internet.task import react

    from mailtwist.kit.spawn import started

    react(lambda _: started(run(Path(sys.argv[1]), sys.argv[2])))
