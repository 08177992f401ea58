"""privacyIDEA judges the code, or asks its owner by a push message while the login waits."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from mailtwist.auth.factors.api import Asked, Proof
from mailtwist.auth.factors.web_service import WebService, WebServiceSettings, reached
from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, Secret
from mailtwist.kit.steps import step
from mailtwist.kit.within import TooLate, pause, within
from mailtwist.tls.https import Answer, host_of

KIND = "privacyidea"
EACH = 1.0
"""Seconds from one look at what somebody said to the next."""

NO_USER = 904
"""privacyIDEA's number for a name that it does not know."""

NO_QUERY = "`url` is where privacyIDEA is: the part before /validate, without a question mark"
NO_TOKEN = "`trigger = triggerchallenge` needs `token`, that of an administrator who may trigger challenges"
NOT_A_TOKEN = "`token` is one line of letters, digits and signs"

_TRANSACTION = re.compile(r"[0-9A-Za-z]{1,64}")
_TOKEN = re.compile(r"[!-~]{1,4096}")
_HINTS = {
    303: ": one of its policies forbids that",
    4031: ": it does not take `token`",
    4033: ": it does not take `token`",
}


@dataclass(frozen=True)
class Settings(WebServiceSettings):
    """Codes and push messages that privacyIDEA judges."""

    realm: str = setting("", words="The realm in which it looks people up; by default its own default.")
    token: Secret | None = setting(
        None,
        words="What shows to it who we are, where it wants that (`pi-manage api createtoken`).",
        example="file:/etc/mailtwist/privacyidea.token",
    )
    client_address: bool = setting(
        False,
        words="It is told the client's address, for its policies; it has to be told to believe us"
        " (override client).",
    )
    push: bool = setting(
        False,
        words="Who sends the password alone is asked by a push message, once the password was right, and the"
        " login waits.",
    )
    wait: Annotated[Duration, AtLeast(1), AtMost(120)] = setting(
        Duration(30), words="How long his answer is waited for; a door that cannot wait as long waits less."
    )
    trigger: Literal["check", "triggerchallenge"] = setting(
        "check",
        words="How a push message is asked for: by an empty `check`, or by `triggerchallenge`, which needs"
        " the `token` of an administrator.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if "?" in self.url:
            raise ValueError(NO_QUERY)
        if self.push and self.trigger == "triggerchallenge" and self.token is None:
            raise ValueError(NO_TOKEN)


@dataclass(frozen=True)
class Told:
    """What privacyIDEA says: `value`, and what it says of it."""

    value: object
    word: object
    detail: Mapping[str, Any] = field(repr=False)

    @property
    def transaction(self) -> str:
        """'' when nobody is being asked, or by something that wants a code (a text message, say)."""
        found = self.detail.get("transaction_id")
        challenges = self.detail.get("multi_challenge")
        if isinstance(challenges, list) and not any(map(_is_push, challenges)):
            return ""
        return found if isinstance(found, str) and _TRANSACTION.fullmatch(found) else ""

    @property
    def without_token(self) -> bool:
        """A policy says yes, and no token does: "user has no token, accepted due to 'name'"."""
        message = self.detail.get("message")
        return isinstance(message, str) and " due to '" in message


def _is_push(challenge: object) -> bool:
    return isinstance(challenge, dict) and challenge.get("type") == "push"


class PrivacyIdea(WebService):
    """`auth.factors.api.Factor` and `SupportsSome`."""

    kind = KIND

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        super().__init__(settings, assembly)
        self._base = settings.url.rstrip("/")
        self._realm = settings.realm
        self._client_address = settings.client_address
        self._token = settings.token
        if self._token is not None and not _TOKEN.fullmatch(self._token.reveal()):
            raise ValueError(NOT_A_TOKEN)

    async def right(self, asked: Asked, name: str, code: str) -> bool:
        return self._yes(await self._posted("check", asked, {"user": name, "pass": code}))

    def _yes(self, told: Told | None) -> bool:
        """None is for a name that it does not know."""
        if told is None:
            return False
        if not isinstance(told.value, bool):
            raise self.away("it says neither yes nor no")
        if told.value and told.word not in (None, "ACCEPT"):
            raise self.away("it says yes and no at once")
        if told.value and told.without_token:
            raise self.away(
                "it lets in who has no token, by a policy (passOnNoToken, passOnNoUser, passthru); take that"
                " policy away"
            )
        return told.value

    async def _posted(self, what: str, asked: Asked, facts: Mapping[str, str]) -> Told | None:
        client = {"client": asked.address} if self._client_address and asked.address else {}
        realm = {"realm": self._realm} if self._realm else {}
        body = urlencode({**facts, **realm, **client}).encode("ascii")
        headers = {"Content-Type": "application/x-www-form-urlencoded", **self._headers()}
        host, user = host_of(self._base), facts["user"]
        step("asking {host}: /validate/{what}, user {user}", host=host, what=what, user=user)
        return self._read(await self.answer("POST", f"{self._base}/validate/{what}", headers, body))

    def _headers(self) -> dict[str, str]:
        token = {} if self._token is None else {"PI-Authorization": self._token.reveal()}
        return {"Accept": "application/json", **token}

    def _read(self, answer: Answer) -> Told | None:
        """None when it does not know the name."""
        whole = answer.object() or {}
        result, detail = whole.get("result"), whole.get("detail")
        if not isinstance(result, dict) or not isinstance(result.get("status"), bool):
            raise self.away(f"it answers {answer.status}, and not as privacyIDEA does; is `url` right?")
        if not result["status"]:
            self._look_at(result.get("error"))
            return None
        if answer.status != 200:
            raise self.away(f"it answers {answer.status}")
        return Told(
            result.get("value"),
            result.get("authentication"),
            detail if isinstance(detail, dict) else {},
        )

    def _look_at(self, error: object) -> None:
        """Only one says something of a login."""
        number = error.get("code") if isinstance(error, dict) else None
        if number != NO_USER:
            told = number if isinstance(number, int) else "without a number"
            raise self.away(f"it has an error ({told}){_HINTS.get(told, '') if told is number else ''}")
        step("it does not know this name ({number})", number=number)


class PrivacyIdeaPush(PrivacyIdea):
    """`SupportsApproval`, too.  A challenge ends by itself: privacyIDEA has no way to take one back."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        super().__init__(settings, assembly)
        self._wait = float(settings.wait)
        self._timeout = float(settings.timeout)
        self._trigger = settings.trigger

    @property
    def longest(self) -> float:
        return self._wait

    async def approved(self, asked: Asked) -> Proof | None:
        until = self._clock.seconds() + min(self._wait, asked.seconds)
        name = self.name_of(asked)
        try:
            transaction = await within(
                self._clock, min(self._timeout, asked.seconds), self._triggered(asked, name)
            )
        except TooLate:
            raise self.away("there was no answer in time") from None
        if not transaction:
            return None
        left = until - self._clock.seconds()
        try:
            yes = left > 0 and await within(self._clock, left, self._answered(asked, name, transaction))
        except TooLate:
            yes = False
        step("he said {word}", word="yes" if yes else "no, or nothing in time")
        return self.proof(asked, transaction) if yes else None

    async def _triggered(self, asked: Asked, name: str) -> str:
        """The transaction in which he is asked; '' when he has nothing to be asked by.  `check` may say yes
        to nothing at all, by a policy: that is nobody's approval."""
        facts = {"user": name, "type": "push"}
        if self._trigger == "check":
            told = await self._posted("check", asked, {**facts, "pass": ""})
        else:
            told = await self._posted("triggerchallenge", asked, facts)
        if told is None:
            return ""
        if told.value is True or told.word == "ACCEPT":
            raise self.away("it says yes before anybody was asked; take that policy, or that token, away")
        transaction = told.transaction
        step("a push message is on its way" if transaction else "he has no push token there")
        return transaction

    async def _answered(self, asked: Asked, name: str, transaction: str) -> bool:
        url = f"{self._base}/validate/polltransaction/{transaction}"
        while True:
            await pause(self._clock, EACH)
            told = self._read(await self.answer("GET", url, self._headers()))
            if told is None or not isinstance(told.value, bool):
                raise self.away("it says neither yes nor no")
            if told.detail.get("challenge_status") == "declined":
                return False
            if told.value:
                facts = {"user": name, "pass": "", "transaction_id": transaction}
                return self._yes(await self._posted("check", asked, facts))


def build(settings: Settings, assembly: Assembly) -> PrivacyIdea:
    return PrivacyIdeaPush(settings, assembly) if settings.push else PrivacyIdea(settings, assembly)


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """It can be reached, and shows a certificate that is right; nobody's code is asked about."""
    return await reached(settings, assembly)


part = Part(Settings, build, check)
