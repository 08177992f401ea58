"""Codes of a seed, and the address by which an app takes the seed in: `otpauth://`."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self
from urllib.parse import quote

from pyotp import OTP, random_base32

from mailtwist.config.problems import shown

SEED_LETTERS = {"SHA1": 32, "SHA256": 52, "SHA512": 103}
"""Of five bits each: as long as what the hash gives (rfc6238#5.1); rfc4226#4 recommends 160 bits."""

DIGESTS = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}

DIGITS, PERIOD, ALGORITHM = 6, 30, "SHA1"
"""What an app takes for granted."""

LOOKS_LIKE = re.compile(r"[0-9]{6}(?:[0-9]{2})?")


@dataclass(frozen=True, slots=True)
class Codes:
    """What a seed gives: one code for each step, which is a counter or a time divided by a period."""

    secret: str = field(repr=False)
    digits: int = DIGITS
    algorithm: str = ALGORITHM

    def at(self, step: int) -> str:
        return self._made().generate_otp(step)

    def step_of(self, code: str, steps: Sequence[int]) -> int | None:
        """The last of `steps` whose code it is.  Every one is compared, so that time tells nothing."""
        found, given, made = None, code.encode("utf-8", "replace"), self._made()
        for step in steps:
            found = step if hmac.compare_digest(made.generate_otp(step).encode(), given) else found
        return found

    def step_of_two(self, first: str, second: str, steps: Sequence[int]) -> int | None:
        """The last of `steps` whose code is `second`, that of the step before being `first`."""
        given, made = first.encode("utf-8", "replace"), self._made()
        follows = [step for step in steps if hmac.compare_digest(made.generate_otp(step - 1).encode(), given)]
        return self.step_of(second, follows)

    def _made(self) -> OTP:
        """Not `TOTP`: its `verify` says only yes or no, and single use needs the step."""
        return OTP(self.secret, digits=self.digits, digest=DIGESTS[self.algorithm])


def new_secret(algorithm: str) -> str:
    """A seed for it, in base 32 without padding, as apps read it."""
    return random_base32(SEED_LETTERS[algorithm])


class Issuer(str):
    """What apps call this place.  A colon would end it in the address that the app reads."""

    kind: ClassVar[str] = "a name without a colon"

    @classmethod
    def parse(cls, text: str) -> Self:
        if ":" in text:
            raise ValueError(f'"{shown(text)}" has a colon in it, where apps would end it; write it without')
        return cls(text)


def address(kind: str, issuer: str, name: str, secret: str, more: dict[str, int | str]) -> str:
    """`otpauth://KIND/ISSUER:NAME?secret=...&issuer=ISSUER`, everything percent-encoded, with what is in
    `more` and not as every app takes it for granted."""
    usual = {"algorithm": ALGORITHM, "digits": DIGITS, "period": PERIOD}
    facts = {"secret": secret, "issuer": issuer, **{k: v for k, v in more.items() if usual.get(k) != v}}
    query = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in facts.items())
    return f"otpauth://{kind}/{quote(issuer, safe='')}:{quote(name, safe='')}?{query}"
