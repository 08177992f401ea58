"""Codes of a seed, and the address by which an app takes the seed in: `otpauth://`."""

import hmac
import re
import secrets
from base64 import b32decode, b32encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import unpack_from
from typing import ClassVar, Self
from urllib.parse import quote

from mailtwist.config.problems import shown

SEED_OCTETS = {"SHA1": 20, "SHA256": 32, "SHA512": 64}
"""As long as what the hash gives (rfc6238#5.1); 160 bits are what rfc4226#4 recommends."""

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
        return self._code(self._key(), step)

    def step_of(self, code: str, steps: Sequence[int]) -> int | None:
        """The last of `steps` whose code it is.  Every one is compared, so that time tells nothing."""
        found, given, key = None, code.encode("utf-8", "replace"), self._key()
        for step in steps:
            found = step if hmac.compare_digest(self._code(key, step).encode(), given) else found
        return found

    def step_of_two(self, first: str, second: str, steps: Sequence[int]) -> int | None:
        """The last of `steps` whose code is `second`, that of the step before being `first`."""
        key, given = self._key(), first.encode("utf-8", "replace")
        follows = [step for step in steps if hmac.compare_digest(self._code(key, step - 1).encode(), given)]
        return self.step_of(second, follows)

    def _key(self) -> bytes:
        return b32decode(self.secret + "=" * (-len(self.secret) % 8), casefold=True)

    def _code(self, key: bytes, step: int) -> str:
        """As rfc4226#5.3 has it; a guess costs fifteen of these."""
        mac = hmac.digest(key, step.to_bytes(8, "big"), self.algorithm)
        (number,) = unpack_from(">I", mac, mac[-1] & 15)
        return f"{(number & 0x7FFFFFFF) % 10**self.digits:0{self.digits}}"


def new_secret(algorithm: str) -> str:
    """A seed for it, in base 32 without padding, as apps read it."""
    return b32encode(secrets.token_bytes(SEED_OCTETS[algorithm])).decode("ascii").rstrip("=")


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
