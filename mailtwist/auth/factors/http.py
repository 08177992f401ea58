"""A web service of your own judges the code: a signed question goes there, a signed answer comes back."""

import hashlib
import json
import re
from dataclasses import dataclass
from urllib.parse import quote

from mailtwist.auth.api import AccountUnavailable
from mailtwist.auth.factors.api import Asked
from mailtwist.auth.factors.signing import SigningKey
from mailtwist.auth.factors.web_service import WebService, WebServiceSettings, reached
from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import Secret
from mailtwist.kit.events import Event
from mailtwist.kit.ids import new_id
from mailtwist.kit.steps import step
from mailtwist.tls.https import LONGEST, Answer, host_of

KIND = "http"
TYPE = "login.code"
LONGEST_CLIENT = 100

LEGACY = Event(
    "factor.legacy",
    "[factor:{factor}] legacy_get: codes go out in URLs, which logs of servers and proxies keep, and nothing"
    " shows that an answer is the service's own; have the service understand the signed question",
    "warn",
)

NO_KEY = "a signed question needs `key`: " + 'echo "whsec_$(openssl rand -base64 32)" makes one'
NO_LEGACY = (
    "`legacy_get = yes` needs `legacy_key` and `legacy_secret`, and {user}, {code} and {sign} in `url`"
)
ONLY_LEGACY = "{fields} in `url`, `legacy_key` and `legacy_secret` are for `legacy_get = yes`"

_FIELD = re.compile(r"\{(user|code|key|sign)\}")
_NEEDED = ("{user}", "{code}", "{sign}")
_NO = re.compile(rb"[A-Za-z0-9 .,:;_'!()-]{1,64}")


@dataclass(frozen=True)
class Settings(WebServiceSettings):
    """Codes that a web service of your own judges."""

    key: SigningKey | None = setting(
        None,
        words='What questions and answers are signed with, as the service has it: "whsec_" and base64.',
        example="file:/etc/mailtwist/2fa.key",
    )
    signed_answer: bool = setting(
        True,
        words="An answer counts only when it is signed with the same key. `no`: whoever can stand in the"
        " service's place decides who gets in.",
    )
    legacy_get: bool = setting(
        False,
        words="The question of mail_protector's gateway, a signed GET that is answered `ok`; for as long as"
        " the service understands nothing else.",
    )
    legacy_key: Secret | None = setting(
        None, words="With `legacy_get`: what `{key}` in the URL stands for.", example="file:legacy.key"
    )
    legacy_secret: Secret | None = setting(
        None, words="With `legacy_get`: the secret in its signature.", example="file:legacy.secret"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        secrets = (self.legacy_key, self.legacy_secret)
        if not self.legacy_get:
            if any(secrets) or _FIELD.search(self.url):
                raise ValueError(ONLY_LEGACY.format(fields=", ".join(_NEEDED)))
        elif not all(secrets) or any(field not in self.url for field in _NEEDED):
            raise ValueError(NO_LEGACY)


class Http(WebService):
    """`auth.factors.api.Factor` and `SupportsSome`."""

    kind = KIND

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        super().__init__(settings, assembly)
        self._key = settings.key
        self._signed_answer = settings.signed_answer

    async def right(self, asked: Asked, name: str, code: str) -> bool:
        assert self._key is not None
        nonce, now = new_id(26), int(self._clock.now())
        question = {
            "type": TYPE,
            "user": name,
            "code": code,
            "address": asked.address,
            "protocol": asked.protocol,
            "client": _plain(asked.client),
            "login": asked.login,
            "time": now,
            "nonce": nonce,
        }
        body = json.dumps(question).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        signed = self._key.headers(nonce, now, body)
        step("asking {host} about a code of {name}, signed", host=host_of(self._url), name=name)
        return self._judged(await self.answer("POST", self._url, {**headers, **signed}, body), nonce)

    def _judged(self, answer: Answer, nonce: str) -> bool:
        """What is signed is the body as it came; nothing in it is looked at before."""
        assert self._key is not None
        if answer.status != 200:
            raise self.away(f"it answers {answer.status}" + _HINTS.get(answer.status, ""))
        if self._signed_answer and not self._key.vouches_for(answer, nonce):
            raise self.away("its answer is not signed for this question; is `key` the same there?")
        told = answer.object()
        if told is None:
            raise self.away("its answer is no JSON object")
        if told.get("nonce") != nonce:
            raise self.away("its answer is to another question: the nonce is not the same")
        if not isinstance(told.get("ok"), bool):
            raise self.away('"ok" in its answer is neither true nor false')
        return told["ok"] is True


def _plain(client: str) -> str:
    """What a client calls itself is anybody's: no service shall choke on it, and be away for all."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in client[:LONGEST_CLIENT])


_HINTS = {
    401: ": it does not take our signature; is `key` the same there?",
    403: ": it does not take our signature; is `key` the same there?",
    404: ": there is nothing at this `url`",
}


class LegacyHttp(WebService):
    """The same, asked as mail_protector's gateway asks: `sign` is the MD5 of code, key, secret and user."""

    kind = KIND

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        super().__init__(settings, assembly)
        assert settings.legacy_key is not None
        assert settings.legacy_secret is not None
        self._legacy_key, self._secret = settings.legacy_key, settings.legacy_secret

    async def start(self) -> None:
        await super().start()
        LEGACY.log(factor=self._section)

    async def right(self, asked: Asked, name: str, code: str) -> bool:
        step("asking {host} about a code of {name} by GET", host=host_of(self._url), name=name)
        answer = await self.answer("GET", self._question(name, code), {})
        if answer.status != 200:
            raise self.away(f"it answers {answer.status}")
        said = answer.body.strip()
        if said != b"ok" and not _NO.fullmatch(said):
            raise self.away('its answer is neither "ok" nor a few words that say no')
        return said == b"ok"

    def _question(self, name: str, code: str) -> str:
        """Everything is put in at once and escaped: no name can say more than a name."""
        key, secret = self._legacy_key.reveal(), self._secret.reveal()
        sign = hashlib.md5(f"{code}{key}{secret}{name}".encode(), usedforsecurity=False).hexdigest()
        facts = {"user": name, "code": code, "key": key, "sign": sign}
        url = _FIELD.sub(lambda found: quote(facts[found[1]], safe=""), self._url)
        if len(url) > LONGEST:
            raise AccountUnavailable("factor-away")
        return url


def build(settings: Settings, assembly: Assembly) -> WebService:
    """A section without a key can be read, as `mailtwist sample` prints it, and is no factor."""
    if _lacks_key(settings):
        raise ValueError(NO_KEY)
    return LegacyHttp(settings, assembly) if settings.legacy_get else Http(settings, assembly)


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """It can be reached, and shows a certificate that is right; nobody's code is asked about."""
    if settings.legacy_get:
        LEGACY.log(factor=assembly.name)
    lacking = [("key", NO_KEY)] if _lacks_key(settings) else []
    return lacking + await reached(settings, assembly)


def _lacks_key(settings: Settings) -> bool:
    return settings.key is None and not settings.legacy_get


part = Part(Settings, build, check)
