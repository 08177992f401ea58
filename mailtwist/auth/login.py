"""One login on its way through the decision."""

from dataclasses import dataclass
from typing import Any

from mailtwist.auth.api import Accepted, LoginRequest
from mailtwist.auth.audit import Story
from mailtwist.auth.identity import Who


@dataclass(slots=True)
class Login:
    """What all stages need: the request, whom it means, what is told of it, and the `mark` before which no
    session that it opens has ended (`sessions`)."""

    request: LoginRequest
    who: Who
    story: Story
    mark: int = -1

    @property
    def account(self) -> str:
        return self.who.account

    @property
    def secret(self) -> bytes:
        return self.request.secret

    def accepted(self, password: bytes, device: str, opened: Any, *, vault: bool = False) -> Accepted:
        self.story.device = device
        return Accepted(self.who.account, self.who.name, password, device, opened, self.mark, vault)

    def facts(self) -> dict[str, str]:
        """For a mail to the account's owner."""
        request = self.request
        return {
            "name": self.who.name,
            "address": request.address,
            "protocol": request.protocol,
            "client": request.client,
        }
