"""Six digits from the phone, new every thirty seconds.  rfc6238"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyotp

from mailtwist.auth.api import Enrolment, Proof
from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.kit.clock import Clock
from mailtwist.kit.ids import new_id
from mailtwist.state.api import Durable
from mailtwist.state.keys import Keys
from mailtwist.state.process import durable, keys
from mailtwist.state.records import Token, Use

KIND = "totp"
SKEW = 1
"""Steps before and after now: one step of delay at most (rfc6238#5.2)."""
FIRST_SKEW = 4
"""When a token is confirmed: two minutes, which are its clock's drift from then on."""

ENROLMENT = b"enrolment"
NO_SEED = "A" * 32
_CODE = re.compile(r"[0-9]{6}(?:[0-9]{2})?")
_ALGORITHMS = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}


@dataclass(frozen=True)
class Settings:
    """Codes from an authenticator app."""

    issuer: str = setting(
        "", words="What the app calls this place; by default the server's host name.", example="Example Mail"
    )


class Totp:
    """`auth.api.Factor` and `SupportsEnrolment`; the seeds lie in the durable state, sealed."""

    kind = KIND

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._issuer = settings.issuer or assembly.hostname
        self._clock: Clock = assembly.clock
        self._durable: Durable = durable(assembly)
        self._keys: Keys = keys(assembly)

    def looks_like(self, text: str) -> bool:
        return _CODE.fullmatch(text) is not None

    async def enrolled(self, account: str) -> bool:
        return bool(await self._active(account))

    async def verify(self, account: str, code: str) -> Proof | None:
        """All steps of all tokens are compared, and a token that nobody has when there is none, so that the
        time tells nothing."""
        steps = range(-SKEW, SKEW + 1)
        found = None
        tokens = await self._active(account)
        for token in tokens:
            step = self._step(token, code, steps)
            found = found if step is None else Proof(token.id, step, KIND)
        if not tokens:
            self._matching(pyotp.TOTP(NO_SEED), code, [self._now(30) + skew for skew in steps])
        return found

    # -- enrolment
    async def tokens(self, account: str) -> Sequence[Token]:
        return await self._durable.tokens(account, KIND)

    async def enroll(self, account: str, name: str, label: str = "") -> Enrolment:
        for token in await self.tokens(account):
            if not token.active:
                await self._durable.remove_token(account, token.id)
        id, secret = new_id(), pyotp.random_base32(32)  # 160 bits (rfc4226#4)
        version, sealed = self._keys.seal(secret.encode(), account, id)
        token = Token(id, account, KIND, sealed, version, self._clock.now(), label)
        await self._durable.add_token(token)
        return self.shown(token, name)

    def shown(self, token: Token, name: str) -> Enrolment:
        totp = self._totp(token)
        uri = totp.provisioning_uri(name=name, issuer_name=self._issuer)
        return Enrolment(token.id, uri, totp.secret)

    def code(self, token: Token) -> str:
        return _at(self._totp(token), self._now(token.period) + token.drift)

    async def confirm(self, account: str, code: str, token: str = "") -> bool:
        """Its clock's drift is known from then on."""
        for waiting in await self.tokens(account):
            if waiting.active or token not in ("", waiting.id):
                continue
            step = self._step(waiting, code, range(-FIRST_SKEW, FIRST_SKEW + 1))
            if step is None:
                continue
            used = await self._durable.advance(account, waiting.id, step, ENROLMENT)
            ahead = step - self._now(waiting.period)
            drift = ahead if abs(ahead) > SKEW else 0  # a step may be but the time it took to type
            return used is Use.NEW and await self._durable.activate_token(account, waiting.id, drift)
        return False

    # -- codes
    async def _active(self, account: str) -> list[Token]:
        return [token for token in await self.tokens(account) if token.active]

    def _step(self, token: Token, code: str, skews: Sequence[int]) -> int | None:
        now = self._now(token.period) + token.drift
        return self._matching(self._totp(token), code, [now + skew for skew in skews])

    def _matching(self, totp: pyotp.TOTP, code: str, steps: Sequence[int]) -> int | None:
        """The last step whose code it is; every one is compared."""
        found, octets = None, code.encode("utf-8", "replace")
        for step in steps:
            found = step if hmac.compare_digest(_at(totp, step).encode(), octets) else found
        return found

    def _totp(self, token: Token) -> pyotp.TOTP:
        secret = self._keys.unseal(token.key_version, token.sealed, token.account, token.id).decode()
        digest = _ALGORITHMS[token.algorithm]
        return pyotp.TOTP(secret, digits=token.digits, digest=digest, interval=token.period)

    def _now(self, period: int) -> int:
        return int(self._clock.now()) // period


def _at(totp: pyotp.TOTP, step: int) -> str:
    """The code of a step.  In UTC: local time has an hour twice a year."""
    return totp.at(datetime.fromtimestamp(step * totp.interval, UTC))


part = Part(Settings, Totp)
