"""Six digits from a gadget with a button, new at each press.  rfc4226"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from mailtwist.auth.factors.api import Asked, Enrolment, Proof, TokenForm
from mailtwist.auth.otpauth import LOOKS_LIKE, Issuer
from mailtwist.auth.tokens import Seeds
from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost
from mailtwist.kit.steps import step as tell
from mailtwist.state.records import Token

KIND = "hotp"


@dataclass(frozen=True)
class Settings:
    """Codes from a gadget or an app, which changes them when it is asked."""

    issuer: Issuer = setting(
        Issuer(""),
        words="What the app calls this place; by default the server's host name.",
        example="Example Mail",
    )
    digits: Literal["6", "8"] = setting("6", words="Digits of the codes of new tokens.")
    look_ahead: Annotated[int, AtLeast(1), AtMost(20)] = setting(
        10,
        words="How many codes may have been made and not used; each of them can be guessed (rfc4226#7.4).",
    )
    resync: Annotated[int, AtLeast(10), AtMost(1000)] = setting(
        100,
        words="How far is looked when two codes, one right after the other, are given to find the counter.",
    )


class Hotp:
    """`auth.factors.api.Factor` and `SupportsEnrolment`.  The counter is the last step that was used:
    the decision moves it when it uses a code up."""

    kind = KIND

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self.form = TokenForm(digits=int(settings.digits), period=0)
        self._ahead = settings.look_ahead
        self._far = settings.resync
        self._seeds = Seeds(KIND, settings.issuer, assembly)

    def looks_like(self, text: str) -> bool:
        return LOOKS_LIKE.fullmatch(text) is not None

    async def enrolled(self, account: str) -> bool:
        return bool(await self._seeds.active(account))

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        """The next codes of all tokens are compared, and the last one that was used: whether somebody may
        join who used it is the decision's to say.  As many for whoever has no token."""
        found = None
        for token, codes in await self._seeds.slots(asked.account):
            used = -1 if token is None else await self._used(token)
            step = codes.step_of(code, range(max(used, 0), max(used, 0) + self._ahead + 1))
            if token is not None and step is not None and step <= used + self._ahead:
                found = Proof(token.id, step, KIND)
        tell("compared with the next {count} codes of each token of his", count=self._ahead)
        return found

    # -- enrolment
    async def tokens(self, account: str) -> Sequence[Token]:
        return await self._seeds.all(account)

    async def enroll(
        self, account: str, name: str, label: str = "", form: TokenForm | None = None
    ) -> Enrolment:
        return await self.shown(await self._seeds.enroll(account, label, form or self.form), name)

    async def shown(self, token: Token, name: str) -> Enrolment:
        """An app that begins now begins with the next code."""
        return await self._seeds.shown(token, name, counter=await self._used(token) + 1)

    async def code(self, token: Token) -> str:
        """The next one."""
        return (await self._seeds.codes(token)).at(await self._used(token) + 1)

    async def confirm(self, account: str, code: str, token: str = "") -> bool:
        """A button that was pressed in a pocket meanwhile is no matter."""
        for waiting in await self._seeds.all(account):
            if waiting.active or token not in ("", waiting.id):
                continue
            step = (await self._seeds.codes(waiting)).step_of(code, range(self._ahead))
            if step is not None:
                return await self._seeds.confirmed(waiting, step)
        return False

    async def resync(self, account: str, first: str, second: str, token: str = "") -> bool:
        for known in await self._seeds.active(account):
            if token not in ("", known.id):
                continue
            used = await self._used(known)
            steps = range(used + 2, used + 2 + self._far)
            step = (await self._seeds.codes(known)).step_of_two(first, second, steps)
            if step is not None:
                return await self._seeds.resynced(known, step)
        return False

    async def remove(self, account: str, token: str) -> bool:
        return await self._seeds.remove(account, token)

    async def _used(self, token: Token) -> int:
        return await self._seeds.durable.last_step(token.account, token.id)


part = Part(Settings, Hotp)
