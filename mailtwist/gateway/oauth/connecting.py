"""How the owner of an account lets us into his mailbox: by a code, or a browser.  rfc8628 rfc7636"""

import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import parse_qs, urlencode, urlsplit

from twisted.internet.defer import Deferred

from mailtwist.gateway.oauth.http import Asking, Client, Provided, ProviderAway
from mailtwist.gateway.oauth.providers import Provider
from mailtwist.gateway.oauth.refreshing import Tokens, tokens_of, words_of
from mailtwist.kit.clock import Clock
from mailtwist.kit.trouble import Trouble

LEAST, INTERVAL, SLOWER, LONGEST_INTERVAL = 1.0, 5.0, 5.0, 60.0
"""Seconds between questions, and how many more when we have asked too often (rfc8628#3.5)."""

LIFE = 1800.0
"""Seconds that a code is good when the provider does not say, or says more."""

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
HERE = "http://localhost"
"""Where the browser is sent with its answer.  Nobody listens there: what counts stands in its address."""


class NotConnected(Trouble):
    """Why not, in `public`."""

    def __init__(self, words: str) -> None:
        super().__init__("5.7.0", "".join(c if " " <= c <= "~" else " " for c in words))


@dataclass(frozen=True, slots=True)
class Invitation:
    """What whoever owns the mailbox types where.  `whole_url` has the code in it already, or is ''."""

    url: str
    code: str
    life: float
    interval: float
    device_code: str = field(repr=False)
    whole_url: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a browser has to go; `state` and `verifier` show that its answer is one to us."""

    url: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


class Connecting:
    """Refresh tokens from people who say yes."""

    def __init__(self, provider: Provider, client: Client, asking: Asking, clock: Clock) -> None:
        self._provider = provider
        self._client = client
        self._asking = asking
        self._clock = clock

    # -- by a code (rfc8628)
    async def invitation(self) -> Invitation:
        if not self._provider.device_url:
            raise NotConnected("this provider connects no mail by a code; use --browser")
        fields = {"client_id": self._client.id}
        if self._provider.scope:
            fields["scope"] = self._provider.scope
        told = self._agreed(await self._asking.ask(self._provider.device_url, self._client, fields))
        url = told.text("verification_uri") or told.text("verification_url")
        code, device_code = told.text("user_code"), told.text("device_code")
        if not (_shows(url) and _shows(code) and device_code):
            raise ProviderAway("the provider has begun nothing that can be gone on with")
        whole = told.text("verification_uri_complete")
        return Invitation(
            url,
            code,
            told.seconds("expires_in", LIFE, LIFE),
            max(told.seconds("interval", INTERVAL, LONGEST_INTERVAL), LEAST),
            device_code,
            whole if _shows(whole) else "",
        )

    async def accepted(self, invitation: Invitation) -> Tokens:
        """The provider is asked until somebody has said yes, or no, or too much time has passed."""
        until = self._clock.seconds() + invitation.life
        interval = invitation.interval
        fields = {"grant_type": DEVICE_CODE, "device_code": invitation.device_code}
        while self._clock.seconds() < until:
            await self._pause(interval)
            told = await self._polled(fields)
            if told is None:  # rfc8628#3.5: it gets more time after a timeout
                interval = min(2 * interval, LONGEST_INTERVAL)
            elif told.error == "slow_down":
                interval = min(interval + SLOWER, LONGEST_INTERVAL)
            elif told.error != "authorization_pending":
                return self._lasting(self._agreed(told))
        raise NotConnected("nobody has said yes in time; begin again")

    async def _polled(self, fields: dict[str, str]) -> Provided | None:
        """None when nothing was heard."""
        try:
            with_id = {"client_id": self._client.id, **fields}
            return await self._asking.ask(self._provider.token_url, self._client, with_id)
        except ProviderAway:
            return None

    async def _pause(self, seconds: float) -> None:
        over: Deferred[None] = Deferred()
        call = self._clock.later(seconds, over.callback, None)
        try:
            await over
        finally:
            if call.active():
                call.cancel()

    # -- by a browser (rfc6749#4.1, rfc7636)
    def visit(self) -> Visit:
        if not self._provider.browser_url:
            raise NotConnected("there is no browser_url in this section")
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        question = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": HERE,
            "scope": self._provider.scope,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **dict(self._provider.asked),
        }
        mark = "&" if "?" in self._provider.browser_url else "?"
        return Visit(f"{self._provider.browser_url}{mark}{urlencode(question)}", state, verifier)

    async def returned(self, visit: Visit, address: str) -> Tokens:
        """`address` is where the browser was sent in the end."""
        told = _query(address)
        if not compare_digest(told.get("state", "").encode(), visit.state.encode()):
            raise NotConnected("that is not the address to which this question leads; begin again")
        if "code" not in told:
            raise NotConnected(f"the provider says {told.get('error', 'nothing')[:100]}")
        fields = {
            "grant_type": "authorization_code",
            "code": told["code"],
            "redirect_uri": HERE,
            "code_verifier": visit.verifier,
        }
        return self._lasting(
            self._agreed(await self._asking.ask(self._provider.token_url, self._client, fields))
        )

    # -- what was said
    def _agreed(self, told: Provided) -> Provided:
        if told.error:
            raise NotConnected(f"the provider says {self._client.hidden_in(words_of(told))}")
        return told

    def _lasting(self, told: Provided) -> Tokens:
        tokens = tokens_of(told)
        if not tokens.refresh_token:
            raise NotConnected(
                "the provider gives no refresh token; the scope may have to ask for one (offline_access)"
            )
        return tokens


def _shows(text: str) -> bool:
    """It can be printed: what a provider says goes to somebody's terminal."""
    return 0 < len(text) <= 2000 and text.isascii() and text.isprintable()


def _query(address: str) -> dict[str, str]:
    try:
        found = parse_qs(urlsplit(address.strip()).query, max_num_fields=50)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items()}
