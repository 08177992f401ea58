"""An identity provider: where its keys are, and what it says of a token.  rfc8414 rfc7517 rfc7662"""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from twisted.internet.defer import Deferred

from mailtwist.auth.api import LoginUnavailable
from mailtwist.auth.directories.oauthbearer.jwt import NotOurs, Object, json_object
from mailtwist.auth.directories.oauthbearer.keys import Key, fitting, published
from mailtwist.auth.directories.oauthbearer.settings import Settings
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.steps import step
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.https import Answer, Asks, NoAnswer

AWAY = Event("oauthbearer.away", "[directory:{directory}] no word of {issuer}: {error}", "error")
KEYS = Event("oauthbearer.keys", "[directory:{directory}] {issuer} has {count} keys for signatures")
REFUSED = Event(
    "oauthbearer.refused",
    "[directory:{directory}] {issuer} does not let us ask about tokens ({status}): look at client_id and"
    " client_secret",
    "error",
)

ASKED_AGAIN = 60.0
"""Seconds until somebody's token with a key that nobody knows makes us ask again."""

PAUSE = 5.0
"""Seconds for which an issuer that does not answer is left alone."""

OLD = 86400.0
"""Seconds for which its keys are good while it does not answer."""

DISCOVERED = "/.well-known/openid-configuration"
METADATA = "/.well-known/oauth-authorization-server"


class Issuer:
    """What is asked of it, is asked by verified TLS; no redirect is followed.  Questions are few: keys are
    kept, and one question is for all who wait."""

    def __init__(self, name: str, settings: Settings, https: Asks, clock: Clock) -> None:
        self._name = name
        self._settings = settings
        self._https = https
        self._clock = clock
        self._keys: Sequence[Key] = ()
        self._read = self._asked = float("-inf")
        self._trouble = ""
        self._asking: Deferred[object] | None = None

    async def keys_for(self, kid: str, algorithm: str) -> Sequence[Key]:
        """Those that may have signed a token; none when it is no key of this issuer's.  `LoginUnavailable`
        when that cannot be said."""
        if self._age > self._settings.keys_for or not self._keys:
            await self._refresh(PAUSE)
        found = fitting(self._keys, kid, algorithm)
        if not found and self._clock.seconds() - self._asked >= ASKED_AGAIN:
            step("no key is called {kid}: keys are read again", kid=repr(kid))
            await self._refresh(ASKED_AGAIN)
            found = fitting(self._keys, kid, algorithm)
        if not found and self._trouble:  # it may be a new key
            raise LoginUnavailable(self._trouble)
        return found

    async def read_keys(self) -> int:
        """How many there are now; asked at once.  `LoginUnavailable`."""
        await self._fetch()
        return len(self._keys)

    @property
    def _age(self) -> float:
        return self._clock.seconds() - self._read

    async def _refresh(self, pause: float) -> None:
        """The keys are those of now, unless it was asked a moment ago.  Old ones do for a while."""
        if self._asking is None and self._clock.seconds() - self._asked >= pause:
            self._asking = spawn(self._tried(), "reading the keys of an issuer")
            self._asking.addBoth(self._done)
        if self._asking is not None:
            await _with_others(self._asking)
        if not self._keys or self._age > OLD:
            raise LoginUnavailable(self._trouble or "the issuer's keys are not known")

    def _done(self, result: object) -> None:
        self._asking = None

    async def _tried(self) -> None:
        try:
            await self._fetch()
        except LoginUnavailable as away:
            self._trouble = away.reason
            self._asked = self._clock.seconds()  # it is left alone from the end of a long silence on
            AWAY.log(directory=self._name, issuer=self._settings.issuer, error=away.reason)

    async def _fetch(self) -> None:
        self._asked = self._clock.seconds()
        where = self._settings.jwks or await self._where_keys_are()
        keys = published(await self._got(where))
        if not keys:
            raise LoginUnavailable(f"{where} has no key for signatures")
        if [key.kid for key in keys] != [key.kid for key in self._keys]:
            KEYS.log(directory=self._name, issuer=self._settings.issuer, count=len(keys))
        step("read {count} keys from {where}: {names}", count=len(keys), where=where, names=_names(keys))
        self._keys, self._trouble = keys, ""
        self._read = self._clock.seconds()

    # -- where everything is
    async def _where_keys_are(self) -> str:
        """What an issuer says of itself counts only where it calls itself by its name (rfc8414#3.3)."""
        issuer = self._settings.issuer
        parts = urlsplit(issuer)
        path = parts.path.rstrip("/")
        found = await self._document(issuer.rstrip("/") + DISCOVERED)
        if found is None:
            found = await self._document(f"{parts.scheme}://{parts.netloc}{METADATA}{path}")
        if found is None:
            raise LoginUnavailable(f'{issuer} does not say where its keys are; write "jwks = https://..."')
        if found.get("issuer") != issuer:
            raise LoginUnavailable(f"what is at {issuer} calls itself by another name")
        where = found.get("jwks_uri")
        if not isinstance(where, str) or not where.startswith("https://"):
            raise LoginUnavailable(f"{issuer} does not say where its keys are by HTTPS")
        return where

    async def _document(self, url: str) -> Object | None:
        answer = await self._ask("GET", url)
        step("asked {url}: {status}", url=url, status=answer.status)
        return None if answer.status == 404 else _object(answer)

    async def _got(self, url: str) -> Object:
        return _object(await self._ask("GET", url))

    # -- what it says of a token
    async def introspected(self, token: bytes) -> Object | None:
        """What it says of a token that is good; None when it is not (rfc7662#2.2).  `LoginUnavailable`."""
        its = self._settings
        secret = its.client_secret.reveal() if its.client_secret else ""
        pair = f"{quote_plus(its.client_id)}:{quote_plus(secret)}"
        headers = {
            "Authorization": f"Basic {b64encode(pair.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        form = urlencode({"token": token, "token_type_hint": "access_token"}).encode("ascii")
        answer = await self._ask("POST", its.introspection or "", headers, form)
        step("asked {url} about the token: {status}", url=its.introspection, status=answer.status)
        if answer.status in (401, 403):
            REFUSED.log(directory=self._name, issuer=its.issuer, status=answer.status)
            raise LoginUnavailable("the issuer does not let us ask about tokens")
        found = _object(answer)
        if not isinstance(found.get("active"), bool):
            raise LoginUnavailable("the issuer does not say whether a token is good")
        return found if found["active"] else None

    async def _ask(self, method: str, url: str, headers: Any = None, body: bytes = b"") -> Answer:
        try:
            return await self._https.ask(method, url, {"Accept": "application/json", **(headers or {})}, body)
        except (NoAnswer, BadCertificate) as error:
            step("{words}", words=error.words)
            raise LoginUnavailable(error.words.rstrip(".")) from None


def _object(answer: Answer) -> Object:
    """Troubles on the way have HTML in them, or send us elsewhere."""
    if answer.status != 200:
        raise LoginUnavailable(f"{answer.url} answers {answer.status}")
    try:
        return json_object(answer.body)
    except NotOurs as error:
        raise LoginUnavailable(f"what {answer.url} answers: {error}") from None


async def _with_others(asking: Deferred[object]) -> None:
    """Who leaves does not end the question of those who wait with him."""
    waiting: Deferred[None] = Deferred()

    def over(result: object) -> object:
        if not waiting.called:
            waiting.callback(None)
        return result

    asking.addBoth(over)
    await waiting


def _names(keys: Sequence[Key]) -> str:
    return ", ".join(
        f"{key.kid or '(no name)'} ({f'{key.kind} {key.curve or key.algorithm}'.strip()})" for key in keys
    )
