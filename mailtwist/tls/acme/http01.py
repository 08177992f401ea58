"""http-01: the authority asks our port 80 for a file whose content only the account can know.  rfc8555#8.3"""

import re
from typing import Any

from mailtwist.kit.clock import Clock
from mailtwist.tls.acme.api import Challenge, Kind, Store
from mailtwist.tls.acme.shared import Shared

FOLDER = "/.well-known/acme-challenge/"
LIFE = 24 * 3600.0
"""Seconds after which a proof that nobody has withdrawn is shown no more."""

NO_WILDCARD = "no authority takes http-01 for a wildcard; write dns-01 into challenges"
ODD_TOKEN = "the authority's token is not one of rfc8555#8.3"

_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,256}")


def token_in(path: str) -> str | None:
    """The token in the path of a request (as it came, without its query); None: it is for somebody else."""
    rest = path.removeprefix(FOLDER)
    return rest if rest != path and is_token(rest) else None


def is_token(text: str) -> bool:
    """It consists of what tokens consist of: it is safe in a path, in a file name, in a log."""
    return _TOKEN.fullmatch(text) is not None


async def shown(store: Store, token: str) -> bytes | None:
    """What is to be answered, whichever process was asked; None: nothing is there."""
    return await store.shown("http-01", token) if is_token(token) else None


class Http01:
    """`acme.api.Solver`.  The proof lies in the store: every process that has a port 80 can show it."""

    kind: Kind = "http-01"

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._shared = Shared()

    async def can(self, challenge: Challenge) -> str:
        if challenge.wildcard:
            return NO_WILDCARD
        return "" if is_token(challenge.token) else ODD_TOKEN

    async def present(self, challenge: Challenge) -> None:
        self._shared.take(challenge.token)
        until = self._clock.now() + LIFE
        await self._store.show(self.kind, challenge.token, challenge.key_authorization.encode(), until)

    async def withdraw(self, challenge: Challenge) -> None:
        if self._shared.give(challenge.token):
            await self._store.hide(self.kind, challenge.token)


def build(settings: Any, assembly: Any, source: Any) -> Http01:
    return Http01(source.store, assembly.clock)
