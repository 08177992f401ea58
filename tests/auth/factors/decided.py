"""The whole decision with a factor whose service is elsewhere, by real connections."""

from pathlib import Path
from typing import Any

from mailtwist.auth.api import Accepted, LoginRefused, LoginRequest, LoginUnavailable, Person
from mailtwist.auth.audit import UNAVAILABLE
from mailtwist.auth.decision import the_decision
from mailtwist.config.login import LoginSettings
from mailtwist.config.values import Duration
from mailtwist.kit.clock import SystemClock
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.directory import MemoryDirectory
from mailtwist.testing.elsewhere import PERSON
from mailtwist.testing.threads import AtOnce
from tests.auth.factors.services import Service
from tests.auth.factors.test_http import SignedCase
from tests.auth.house import HOME, memory
from tests.hearing import heard

NAME, PASSWORD = PERSON.name, b"p@ss word"


class DecidedCase(SignedCase):
    """`PERSON` with `PASSWORD`, and whatever factor `made` makes."""

    async def begin(self, **settings: Any) -> Any:
        if not hasattr(self, "service"):
            self.service = Service(self.judge()).begin(self)
        self.events = heard(self)
        folder = Path(self.mktemp())
        folder.mkdir()
        self.directory = MemoryDirectory()
        self.directory.add(NAME, PASSWORD, PERSON.account)
        state: dict[str, Any] = {}
        factors: dict[str, Any] = {}
        self.assembly = OnePart(
            folder,
            name="far",
            clock=SystemClock(),
            threads=AtOnce(),
            parts={"directory": {"people": self.directory}, "factor": factors, "state": state},
            login=LoginSettings(factor="required", refusal=Duration(0.05), quantum=Duration(0.05)),
        )
        self.addCleanup(self.assembly.stop)
        state["shared"] = memory(self.assembly)
        factor = factors["far"] = self.made(self.settings(**settings), self.assembly)
        self.decision = self.assembly.one(the_decision)
        await self.assembly.start()
        await factor.start()
        self.addCleanup(factor.stop)
        return factor

    def known_as(self, name: str, account: str) -> Person:
        return self.directory.add(name, PASSWORD, account)

    async def decided(self, secret: bytes, user: str = NAME, address: str = HOME) -> str:
        """ "in", or the reason."""
        request = LoginRequest("imap", user.encode(), secret, address, tls=True, client="Phone")
        try:
            accepted = await self.decision.decide(request)
        except LoginRefused as error:
            return error.reason
        except LoginUnavailable:
            return str([event for event in self.events if event["event_id"] == UNAVAILABLE.id][-1]["reason"])
        assert isinstance(accepted, Accepted)
        return "in"

    def asked_passwords(self) -> list[bytes]:
        return [password for _, password in self.directory.asked]
