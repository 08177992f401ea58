"""Requests to an authority, signed, each with a nonce; tried again where that helps.  rfc8555#6"""

import json
import re
from collections import deque
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import DeferredSemaphore

from mailtwist.kit.clock import Clock
from mailtwist.kit.within import pause
from mailtwist.tls.acme.account_key import AccountKey
from mailtwist.tls.acme.problem import NotIssued, Refused, nonsense, refused
from mailtwist.tls.acme.told import leads
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.https import Answer, Asks, NoAnswer, host_of

NONCES = 8
"""Nonces that are kept."""

AGE = 300.0
"""Seconds for which they are."""

BAD_NONCES = 20
"""How often in a row one may be refused."""

TRIES = 4
"""How often a request is made of an authority that has no time for it."""

SHORT = 10.0
"""Seconds: who wants to be left alone for longer gets no further request."""

AT_ONCE = 8
"""Requests."""

JSON = "application/jose+json"

_IN_ENGLISH = {"Accept-Language": "en"}
"""Its sentences go into our log.  rfc8555#6.1"""

_NONCE = re.compile(r"[A-Za-z0-9_-]{1,512}")


class Nonces:
    """The newest first: old ones may be forgotten there."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: deque[tuple[float, str]] = deque(maxlen=NONCES)

    def keep(self, answer: Answer) -> None:
        nonce = answer.header("replay-nonce")
        if _NONCE.fullmatch(nonce):
            self._held.append((self._clock.seconds() + AGE, nonce))

    def take(self) -> str:
        """'' when there is none."""
        until, nonce = self._held.pop() if self._held else (0.0, "")
        if until > self._clock.seconds():
            return nonce
        self._held.clear()
        return ""


class Speaking:
    """One authority; `hosts` are those that are asked."""

    def __init__(self, https: Asks, clock: Clock, hosts: frozenset[str]) -> None:
        self._https = https
        self._clock = clock
        self.hosts = hosts
        self._nonces = Nonces(clock)
        self._room = DeferredSemaphore(AT_ONCE)

    async def get(self, url: str) -> Answer:
        """An answer with a status of 2xx, without a signature.  `NotIssued`."""
        return await self._patiently(lambda: self._ask("GET", url, redirects=3))

    async def post(
        self,
        url: str,
        payload: Mapping[str, Any] | None,
        key: AccountKey,
        *,
        new_nonce: str,
        account: str = "",
        accept: str = "application/json",
    ) -> Answer:
        """An answer with a status of 2xx.  `payload` None asks for what is there (rfc8555#6.3); without
        `account` the key itself is told.  `NotIssued`."""
        body = b"" if payload is None else json.dumps(payload, separators=(",", ":")).encode()
        who: dict[str, Any] = {"kid": account} if account else {"jwk": key.jwk}

        async def ask() -> Answer:
            nonce = self._nonces.take() or await self._fresh(new_nonce)
            signed = key.signed({**who, "nonce": nonce, "url": url}, body)
            return await self._ask("POST", url, {"Content-Type": JSON, "Accept": accept}, signed)

        return await self._patiently(ask)

    async def _fresh(self, new_nonce: str) -> str:
        """rfc8555#7.2"""
        answer = await self._ask("HEAD", new_nonce)
        _must_be_well(answer, self._clock.now())
        nonce = self._nonces.take()
        if not nonce:
            raise nonsense(new_nonce, "it gives no nonces")
        return nonce

    async def _patiently(self, ask: Any) -> Answer:
        """The same again when a nonce is not taken, the connection was lost, or the authority wants it a
        little later."""
        nonces, tries = BAD_NONCES, TRIES
        while True:
            try:
                answer: Answer = await ask()
                _must_be_well(answer, self._clock.now())
                return answer
            except Refused as error:
                if error.kind == "badNonce" and nonces:
                    nonces -= 1
                    continue
                tries -= 1
                if not tries or not _soon(error):
                    raise
                await pause(self._clock, error.retry_after or float(TRIES - tries))
            except NoAnswer as error:
                tries -= 1
                if not tries or not error.lost:
                    raise NotIssued("unreachable", error.words) from None

    async def _ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] = {},
        body: bytes = b"",
        redirects: int = 0,
    ) -> Answer:
        if not leads(url, self.hosts):
            raise nonsense(url, "it is none of the authority's own hosts")
        await self._room.acquire()
        try:
            answer = await self._https.ask(method, url, {**_IN_ENGLISH, **headers}, body, redirects)
        except BadCertificate as bad:  # the file of its roots
            raise NotIssued("unreachable", f"{host_of(url)} cannot be asked: {bad.words}") from None
        finally:
            self._room.release()
        self._nonces.keep(answer)
        return answer


def _must_be_well(answer: Answer, now: float) -> None:
    if answer.status >= 400:
        raise refused(answer, now)
    if not 200 <= answer.status < 300:
        raise nonsense(answer.url, f"it answers {answer.status}, which is not for ACME")


def _soon(error: Refused) -> bool:
    """It may be well in a moment."""
    busy = error.status_code in (429, 500, 502, 503, 504)
    if error.retry_after is None:
        return busy and error.status_code != 429
    return busy and error.retry_after <= SHORT
