"""Whether a lasting record permits an account to have certificates, as an authority reads it."""

import re
from collections.abc import Sequence

from tests.tls.acme.held import Authorization


def permitted(texts: Sequence[str], asked: Authorization, now: float) -> bool:
    """Any one of `_validation-persist.NAME`'s records does: this authority, this account, for a wildcard its
    word, and not out of date.  draft-ietf-acme-dns-persist"""
    return any(_permits(text, asked, now) for text in texts)


def _permits(text: str, asked: Authorization, now: float) -> bool:
    issuer, *rest = (part.strip() for part in text.split(";"))
    if issuer.lower() not in asked.issuers or not all(
        re.fullmatch(r"[A-Za-z0-9]+\s*=.*", one) for one in rest
    ):
        return False
    said: dict[str, str] = {}
    for part in rest:
        word, _, value = part.partition("=")
        if said.setdefault(word.strip().lower(), value.strip()) != value.strip():
            return False
    if asked.wildcard and said.get("policy", "").lower() != "wildcard":
        return False
    until = said.get("persistuntil", "")
    if until and (not until.isdigit() or int(until) < now):
        return False
    return said.get("accounturi") == asked.account.url
