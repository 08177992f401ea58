"""Ten codes on paper, each good once: for the day on which the phone is gone."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailtwist.auth.factors.api import Asked, Proof
from mailtwist.auth.written import WrittenCodes, looks_like
from mailtwist.config.part import Assembly, Part

KIND = "recovery"
ONLY_STEP = 1


@dataclass(frozen=True)
class Settings:
    """Recovery codes: ten, printed once, each good once."""


class Recovery:
    """`auth.factors.api.Factor` and `SupportsRecovery`."""

    kind = KIND

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._codes = WrittenCodes(KIND, assembly)

    def looks_like(self, text: str) -> bool:
        return looks_like(text)

    async def enrolled(self, account: str) -> bool:
        """Also when all codes are used: who has had them is not let in without."""
        return bool(await self._codes.all(account))

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        """A code is a token of its own with a single step.  Used ones stay, so that the other connections of
        the mail program that used one may join."""
        token = await self._codes.matching(asked.account, code)
        return None if token is None else Proof(token.id, ONLY_STEP, KIND)

    async def remaining(self, account: str) -> int:
        return sum([not await self._codes.used(token) for token in await self._codes.all(account)])

    async def renew(self, account: str) -> Sequence[str]:
        return await self._codes.renewed(account)


part = Part(Settings, Recovery)
