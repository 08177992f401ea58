"""Codes that are read from paper or a screen and typed once: `ABCD-EFGH-JKLM`, too many to be guessed."""

import hmac
import re
import secrets
from collections.abc import Sequence
from hashlib import sha256

from mailtwist.auth.factors.api import TokenForm
from mailtwist.auth.tokens import Tokens
from mailtwist.kit.steps import step
from mailtwist.state.records import Token

LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""None that looks like another: 32, so that twelve of them are 60 bits."""

MOST = 10
"""Codes of a kind that an account may have.  As many are compared for whoever has fewer."""

_FOUR = r"[A-HJ-NP-Z2-9]{4}"
_CODE = re.compile(rf"{_FOUR}(-?){_FOUR}\1{_FOUR}", re.ASCII | re.IGNORECASE)


def looks_like(text: str) -> bool:
    """Both hyphens or none, the letters great or small."""
    return _CODE.fullmatch(text) is not None


def new_code() -> str:
    letters = "".join(secrets.choice(LETTERS) for _ in range(12))
    return "-".join((letters[:4], letters[4:8], letters[8:]))


class WrittenCodes(Tokens):
    """Each code is a token, and can be used once.  What is sealed in it is a hash of the code: who has the
    databases without the keys has nothing to try codes against, and who has both has 60 bits before him."""

    async def issue(self, account: str, seconds: int = 0) -> tuple[Token, str]:
        """A new code, which is good for so long, or until it is removed."""
        code = new_code()
        return await self.add(account, _hash(code), "", _form(seconds), active=True), code

    async def renewed(self, account: str) -> Sequence[str]:
        """`MOST` new codes, and no older one is good."""
        codes = [new_code() for _ in range(MOST)]
        await self.replace(account, [_hash(code) for code in codes], _form(0))
        return codes

    async def used(self, token: Token) -> bool:
        return await self.durable.last_step(token.account, token.id) >= 0

    def expired(self, token: Token) -> bool:
        return 0 < token.period <= self.clock.now() - token.created

    async def matching(self, account: str, code: str) -> Token | None:
        """The one whose code it is, used or not, unless it has expired.  All are compared."""
        known = [token for token in await self.all(account) if not self.expired(token)]
        hashes = [await self.content(token) for token in known] + [b""] * (MOST - len(known))
        given = _hash(code) if looks_like(code) else b"none"
        step("compared with the {count} codes that he has", count=len(known))
        right = [at for at, one in enumerate(hashes) if hmac.compare_digest(one, given)]
        return known[right[0]] if right else None


def _form(seconds: int) -> TokenForm:
    return TokenForm(12, "", seconds)


def _hash(code: str) -> bytes:
    return sha256(code.replace("-", "").upper().encode()).digest()
