"""A code for one mail program to begin with; what it saves then cannot be guessed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from mailtwist.auth.factors.api import Asked, DeviceCode, Proof
from mailtwist.auth.written import MOST, WrittenCodes, looks_like
from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration
from mailtwist.kit.trouble import Trouble
from mailtwist.state.records import Token

KIND = "device-code"
ONLY_STEP = 1
DAY = 86400.0


@dataclass(frozen=True)
class Settings:
    """Codes that are issued for one mail program: `mailtwist device-code issue`."""

    valid: Annotated[Duration, AtLeast(60), AtMost(DAY)] = setting(
        Duration(600), words="How long a code can be used after it was issued."
    )


class TooManyCodes(Trouble):
    def __init__(self) -> None:
        super().__init__("5.7.0", f"{MOST} codes of this account can still be used; revoke one first")


class DeviceCodes:
    """`auth.factors.api.Factor` and `SupportsDeviceCodes`."""

    kind = KIND

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._valid = settings.valid
        self._codes = WrittenCodes(KIND, assembly)

    def looks_like(self, text: str) -> bool:
        return looks_like(text)

    async def enrolled(self, account: str) -> bool:
        """A code to begin with does not make anybody need one."""
        return False

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        """A used code is told as such until it expires, so that the other connections of the mail program
        that used it may join."""
        token = await self._codes.matching(asked.account, code)
        return None if token is None else Proof(token.id, ONLY_STEP, KIND)

    async def issue(self, account: str, seconds: float | None = None) -> DeviceCode:
        if len(await self._living(account)) >= MOST:
            raise TooManyCodes
        token, code = await self._codes.issue(account, round(seconds or self._valid))
        return DeviceCode(token.id, token.created + token.period, code)

    async def issued(self, account: str) -> Sequence[DeviceCode]:
        living = await self._living(account)
        return [
            DeviceCode(token.id, token.created + token.period)
            for token in living
            if not await self._codes.used(token)
        ]

    async def revoke(self, account: str, code: str) -> bool:
        return await self._codes.remove(account, code)

    async def _living(self, account: str) -> list[Token]:
        """Those that have not expired; the others are gone now."""
        tokens = await self._codes.all(account)
        for token in tokens:
            if self._codes.expired(token):
                await self._codes.durable.remove_token(account, token.id)
        return [token for token in tokens if not self._codes.expired(token)]


part = Part(Settings, DeviceCodes)
