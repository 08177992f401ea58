"""Six digits from the phone, new every thirty seconds.  rfc6238"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mailtwist.auth.factors.api import Asked, Enrolment, Proof, TokenForm
from mailtwist.auth.otpauth import LOOKS_LIKE, Issuer
from mailtwist.auth.tokens import Seeds
from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.kit.steps import step as tell
from mailtwist.state.records import Token

KIND = "totp"
SKEW = 1
"""Steps before and after now: one step of delay at most (rfc6238#5.2)."""
FIRST_SKEW = 4
"""When a token is confirmed: two minutes, which are its clock's drift from then on."""

FARTHEST = 3600
"""Seconds that a clock may be off, found by two codes or learned."""
INERTIA = 4
"""A code moves what is known of a clock by this part of the way: who types slowly once has no slow clock."""


@dataclass(frozen=True)
class Settings:
    """Codes from an authenticator app, which changes them with the time."""

    issuer: Issuer = setting(
        Issuer(""),
        words="What the app calls this place; by default the server's host name.",
        example="Example Mail",
    )
    digits: Literal["6", "8"] = setting(
        "6", words="Digits of the codes of new tokens; not every app can show 8, and some do not say so."
    )


class Totp:
    """`auth.factors.api.Factor`, `SupportsEnrolment` and `SupportsLearning`."""

    kind = KIND

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self.form = TokenForm(digits=int(settings.digits))
        self._seeds = Seeds(KIND, settings.issuer, assembly)

    def looks_like(self, text: str) -> bool:
        return LOOKS_LIKE.fullmatch(text) is not None

    async def enrolled(self, account: str) -> bool:
        return bool(await self._seeds.active(account))

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        """All steps of all tokens are compared, those of tokens that nobody has too."""
        found = None
        for token, codes in await self._seeds.slots(asked.account):
            step = codes.step_of(code, self._around(token, SKEW))
            if token is not None and step is not None:
                found = Proof(token.id, step, KIND, step - self._now(token.period))
        tell("compared with {count} codes of each token of his, those of now and beside", count=2 * SKEW + 1)
        return found

    async def learned(self, account: str, proof: Proof) -> None:
        """A clock that is seen ahead or behind again and again is taken to be.  Only what a login succeeded
        with comes here, once: neither replays nor guesses move anything."""
        for token in await self._seeds.active(account):
            if token.id == proof.token:
                seen = proof.drift * token.period
                drift = round(token.drift + (seen - token.drift) / INERTIA)
                if drift != token.drift and abs(drift) <= FARTHEST:
                    await self._seeds.durable.set_drift(account, token.id, drift)

    # -- enrolment
    async def tokens(self, account: str) -> Sequence[Token]:
        return await self._seeds.all(account)

    async def enroll(
        self, account: str, name: str, label: str = "", form: TokenForm | None = None
    ) -> Enrolment:
        return await self.shown(await self._seeds.enroll(account, label, form or self.form), name)

    async def shown(self, token: Token, name: str) -> Enrolment:
        return await self._seeds.shown(token, name, period=token.period)

    async def code(self, token: Token) -> str:
        return (await self._seeds.codes(token)).at(self._now(token.period, token.drift))

    async def confirm(self, account: str, code: str, token: str = "") -> bool:
        """Its clock's drift is known from then on."""
        for waiting in await self._seeds.all(account):
            if waiting.active or token not in ("", waiting.id):
                continue
            step = (await self._seeds.codes(waiting)).step_of(code, self._around(waiting, FIRST_SKEW))
            if step is not None:
                ahead = step - self._now(waiting.period)
                drift = ahead if abs(ahead) > SKEW else 0  # a step may be but the time it took to type
                return await self._seeds.confirmed(waiting, step, drift * waiting.period)
        return False

    async def resync(self, account: str, first: str, second: str, token: str = "") -> bool:
        """Up to an hour off."""
        for known in await self._seeds.active(account):
            if token in ("", known.id) and await self._resynced(known, first, second):
                return True
        return False

    async def _resynced(self, token: Token, first: str, second: str) -> bool:
        now, far = self._now(token.period), FARTHEST // token.period
        used = await self._seeds.durable.last_step(token.account, token.id)
        steps = range(max(now - far, used + 2, 1), now + far + 1)
        step = (await self._seeds.codes(token)).step_of_two(first, second, steps)
        if step is None or not await self._seeds.resynced(token, step):
            return False
        drift = (step - now) * token.period
        return await self._seeds.durable.set_drift(token.account, token.id, drift)

    async def remove(self, account: str, token: str) -> bool:
        return await self._seeds.remove(account, token)

    # -- time
    def _around(self, token: Token | None, skew: int) -> range:
        """The steps about that at which the token's clock is."""
        now = self._now(token.period, token.drift) if token is not None else self._now(30)
        return range(now - skew, now + skew + 1)

    def _now(self, period: int, drift: int = 0) -> int:
        return int(self._seeds.clock.now() + drift) // period


part = Part(Settings, Totp)
