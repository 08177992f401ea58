"""Second factors that a web service judges: where it is, whom it is trusted by, and one question to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import urlsplit

from mailtwist.auth.factors.elsewhere import Elsewhere, ElsewhereSettings
from mailtwist.config.part import Assembly
from mailtwist.config.settings import setting
from mailtwist.config.values import File
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.steps import step
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.https import Answer, Https, NoAnswer, host_of

PLAIN = Event(
    "factor.plain",
    "[factor:{factor}] url: codes go to {host} in clear; that is for a service on this machine alone",
    "warn",
)

NOT_A_URL = '"{text}" is no URL; write "https://2fa.example.org/verify"'
IN_CLEAR = '"{text}": http:// is for a service on this machine; write https://'
NOT_ASKED = "there is nobody to be asked at `url`"
KEY_ALONE = "`certificate_key` is that of `certificate`; write both"

LARGEST = 16 * 1024
"""Octets of an answer."""

_HERE = ("localhost", "127.0.0.1", "::1")


class ServiceUrl(str):
    """Where a web service is: by HTTPS, or on this machine."""

    kind: ClassVar[str] = "a URL"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            parts = urlsplit(text)
            whole = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            whole = False
        if not whole or parts.fragment or parts.username is not None or "{" in parts.netloc:
            raise ValueError(NOT_A_URL.format(text=text))
        if len(text) > 1024 or not text.isascii() or not text.isprintable() or " " in text:
            raise ValueError(NOT_A_URL.format(text=text[:100]))
        if parts.scheme == "http" and parts.hostname not in _HERE:
            raise ValueError(IN_CLEAR.format(text=text))
        return cls(text)

    @property
    def plain(self) -> bool:
        return self.startswith("http:")

    @property
    def without_query(self) -> str:
        return self.partition("?")[0]


@dataclass(frozen=True)
class WebServiceSettings(ElsewhereSettings):
    """What each section has of a factor that is judged by a web service."""

    url: ServiceUrl = setting(
        words="Where the service is. `http://` only on this machine.",
        example="https://2fa.example.org/verify",
    )
    roots: File | None = setting(
        None,
        words="Certificates (PEM) that its own is trusted by, in place of the system's.",
        example="2fa-ca.pem",
    )
    certificate: File | None = setting(
        None, words="A certificate (PEM) that we show, where the service asks for one.", example="mail.pem"
    )
    certificate_key: File | None = setting(
        None, words="Its key, when it is not in the same file.", example="mail.key"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.certificate_key is not None and self.certificate is None:
            raise ValueError(KEY_ALONE)


class WebService(Elsewhere):
    """An `Elsewhere` that asks by HTTP: subclass, and ask by `answer`."""

    def __init__(self, settings: WebServiceSettings, assembly: Assembly) -> None:
        super().__init__(settings, assembly)
        self._url = settings.url
        self._roots = settings.roots
        self._https = _https(settings, assembly.clock)

    async def start(self) -> None:
        warned_of_plain(self._url, self._section)

    async def stop(self) -> None:
        await self._https.stop()

    async def answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Whatever its status, unless it is a redirect, which nobody follows; `FactorAway`.  No URL is told:
        there may be a code in it."""
        try:
            answer = await self._https.ask(method, url, headers, body)
        except NoAnswer as error:
            told = error.words.startswith(host_of(url)) and "?" not in error.words
            raise self.away(error.words if told else NOT_ASKED) from None
        except BadCertificate as error:
            raise self.away(f"{error.setting}: {error.words}") from None
        self._told(answer)
        if answer.status in range(300, 400):
            raise self.away(
                f"{host_of(url)} redirects ({answer.status}), which is not followed;"
                " set `url` to where it really is"
            )
        return answer

    def _told(self, answer: Answer) -> None:
        host = host_of(answer.url)
        trust = "in clear, on this machine" if self._url.plain else f"certificate verified by {_trust(self)}"
        step("{host}: {trust}; it answers {status}", host=host, trust=trust, status=answer.status)


def _trust(service: WebService) -> str:
    return str(service._roots or "the system's roots")


def _https(settings: WebServiceSettings, clock: Clock) -> Https:
    return Https(
        clock,
        seconds=float(settings.timeout),
        largest=LARGEST,
        roots=_path(settings.roots),
        reuse=False,  # a code is asked about once: no question may go out twice, on two connections
        plain=settings.url.plain,
        certificate=_path(settings.certificate),
        key=_path(settings.certificate_key),
    )


def warned_of_plain(url: ServiceUrl, section: str) -> None:
    if url.plain:
        PLAIN.log(factor=section, host=host_of(url))


async def reached(settings: WebServiceSettings, assembly: Assembly) -> list[tuple[str, str]]:
    """For `check`: what is wrong on the way to the service, which hears of no login."""
    warned_of_plain(settings.url, assembly.name)
    https = _https(settings, assembly.clock)
    try:
        await https.ask("HEAD", settings.url.without_query)
    except NoAnswer as error:
        return [("url", error.words)]
    except BadCertificate as error:
        return [(error.setting if error.setting != "key" else "certificate_key", error.words)]
    finally:
        await https.stop()
    return []


def _path(file: File | None) -> Path | None:
    return None if file is None else Path(file)
