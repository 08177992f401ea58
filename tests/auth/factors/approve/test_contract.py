"""The contract of approvals, for each way to ask and to answer."""

from collections.abc import Iterable
from typing import Any

from mailtwist.config.values import Duration
from mailtwist.testing.factor_elsewhere import ApprovalContract
from tests.auth.factors.approve.house import ApproveCase
from tests.auth.factors.approve.rigs import KEY


class Asking(ApprovalContract, ApproveCase):
    how: dict[str, Any] = {}

    asked = ApprovalContract.asked

    async def make_factor(self) -> Any:
        return await self.begin(**self.how)

    async def says(self, answer: str) -> None:
        if answer == "nothing":
            self.rig.person = lambda message: None
        else:
            self.answers("approve" if answer == "yes" else "deny")

    async def kill(self) -> None:
        await self.rig.end()

    async def silence(self) -> None:
        self.rig.state = "silent"

    async def confuse(self) -> None:
        self.rig.state = "confused"

    async def revive(self) -> None:
        self.rig.begin()

    def questions(self) -> int:
        return len(self.rig.raw)

    def secrets(self) -> Iterable[str]:
        links = [self.link(one, word) for one in self.rig.asked for word in ("approve", "deny")]
        topics = [one["topic"] for one in self.rig.asked]
        return (KEY, *(link.partition("?")[2] for link in links), *topics)


class NtfyTests(Asking):
    pass


class WebhookTests(Asking):
    """Answered by links."""

    how = {"by": "webhook", "answer": "both"}

    def secrets(self) -> Iterable[str]:
        links = [one[word].partition("?")[2] for one in self.rig.asked for word in ("approve", "deny")]
        return (KEY, *links)


class ResponseTests(Asking):
    """Answered in the response."""

    how = {"by": "webhook", "answer": "response", "url": None, "seconds": Duration(20)}

    async def says(self, answer: str) -> None:
        self.rig.decides = {"yes": "approve", "no": "deny", "nothing": "wait"}[answer]

    def secrets(self) -> Iterable[str]:
        return (KEY,)

    async def test_who_leaves_ends_it(self) -> None:
        factor = await self.make_factor()
        await self.silence()
        await self.assertEnds(factor.approved(self.asked()))


del Asking
