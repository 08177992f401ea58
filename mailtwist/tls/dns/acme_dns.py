"""Records at an acme-dns server, which does nothing else: the zone itself is never written, a CNAME in it
leads there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from twisted.internet.defer import DeferredSemaphore

from mailtwist.config.part import Assembly, Part
from mailtwist.config.places import File
from mailtwist.config.secret import Secret
from mailtwist.config.settings import setting
from mailtwist.kit.clock import Clock
from mailtwist.kit.within import TooLate, within
from mailtwist.tls.dns.api import NotPublished, Propagation, PublisherSettings, checked
from mailtwist.tls.https import Asks, Https, NoAnswer

NOT_A_URL = '{text!r} is no acme-dns server; write "https://acme-dns.example.org"'
IN_CLEAR = "{text!r}: http:// is for a server on this machine; write https://"
WHO = "write subdomain, username and password, or accounts"
NO_ACCOUNTS = "accounts has to be JSON: for each domain an object with subdomain, username and password"

VALUES = 2
"""acme-dns keeps this many of one subdomain: the next one takes the place of the oldest."""

_SAYS = {
    "forbidden": "it does not know username and password, or not from this address",
    "bad_subdomain": "it does not know the subdomain {subdomain}, or not as that of this username",
    "bad_txt": "it does not take the value",
    "malformed_json_payload": "it does not understand us",
}


class AcmeDnsUrl(str):
    """Where the API of an acme-dns server is."""

    kind: ClassVar[str] = "a URL"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            parts = urlsplit(text)
            whole = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            whole = False
        if not whole or parts.query or parts.fragment or parts.username is not None:
            raise ValueError(NOT_A_URL.format(text=text))
        if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError(IN_CLEAR.format(text=text))
        return cls(text.rstrip("/"))


@dataclass(frozen=True)
class Account:
    """A subdomain and who may write it."""

    subdomain: str
    username: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True)
class Settings(PublisherSettings):
    """Records at an acme-dns server, to which `_acme-challenge` of each name has to be a CNAME."""

    server: AcmeDnsUrl = setting(words="Where its API is.", example="https://acme-dns.example.org")
    roots: File | None = setting(
        None,
        words="Certificates in PEM that the server's is trusted by, in place of the system's.",
        example="ca.pem",
    )
    subdomain: str = setting(
        "",
        words="The subdomain that /register gave. It has room for two values: one name and its wildcard.",
        example="8e5700ea-a4bf-41c7-8a77-e990661dcc6a",
    )
    username: str = setting("", words="The username that /register gave.")
    password: Secret | None = setting(
        None, words="The password that /register gave.", example="file:/etc/mailtwist/acme-dns"
    )
    accounts: Secret | None = setting(
        None,
        words="In place of these three, for several names: JSON as acme-dns clients keep it, an object with"
        " for each domain what /register gave.",
        example="file:/etc/mailtwist/acme-dns.json",
    )

    def __post_init__(self) -> None:
        if self.accounts is not None or self._single:
            self.known()

    @property
    def _single(self) -> int:
        """How much of one account is here."""
        return sum((bool(self.subdomain), bool(self.username), self.password is not None))

    def known(self) -> dict[str, Account]:
        """By their subdomains.  ValueError."""
        if self._single != (0 if self.accounts else 3):
            raise ValueError(WHO)
        if self.accounts is not None:
            return _accounts(self.accounts)
        password = self.password.reveal() if self.password else ""
        return {self.subdomain.lower(): Account(self.subdomain, self.username, password)}


def _accounts(secret: Secret) -> dict[str, Account]:
    try:
        told: Mapping[str, Any] = json.loads(secret.reveal())
        found = [Account(*(_text(one[word]) for word in _WORDS)) for one in told.values()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(NO_ACCOUNTS) from None
    if not found:
        raise ValueError(NO_ACCOUNTS)
    return {account.subdomain.lower(): account for account in found}


_WORDS = ("subdomain", "username", "password")


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise ValueError("no text")
    return value


class AcmeDns:
    """`tls.dns.api.Publisher`.  Nothing can be removed there: a value stays until two others have come, and
    until its order is over nobody else gets its place."""

    def __init__(self, settings: Settings, assembly: Assembly, https: Asks | None = None) -> None:
        self.propagation: Propagation = settings.when()
        self._url = f"{settings.server}/update"
        self._accounts = settings.known()
        self._clock: Clock = assembly.clock
        self._https = https or Https(
            assembly.clock, roots=Path(settings.roots) if settings.roots else None, plain=True, reuse=False
        )
        self._places: dict[str, DeferredSemaphore] = {}
        self._held: set[tuple[str, str]] = set()

    async def add(self, name: str, value: str) -> None:
        checked(name, value)
        account = self._account(name)
        key = (account.subdomain, value)
        if key in self._held:
            return
        self._held.add(key)
        try:
            await self._a_place(account, name)
        except BaseException:
            self._held.discard(key)
            raise
        try:
            await self._put(account, value)
        except BaseException:
            self._leave(key)
            raise

    async def remove(self, name: str, value: str) -> None:
        checked(name, value)
        self._leave((self._account(name).subdomain, value))

    def _account(self, name: str) -> Account:
        account = self._accounts.get(name.partition(".")[0])
        if account is None:
            known = " or ".join(list(self._accounts)[:3])
            raise NotPublished(f"{name} is not at acme-dns; make it a CNAME to {known}.<domain of acme-dns>")
        return account

    async def _a_place(self, account: Account, name: str) -> None:
        places = self._places.setdefault(account.subdomain, DeferredSemaphore(VALUES))

        async def taken() -> None:
            await places.acquire()

        try:
            await within(self._clock, self.propagation.most, taken())
        except TooLate:
            raise NotPublished(
                f"acme-dns has room for {VALUES} values of {name}, and others have them; give each name a"
                " subdomain of its own"
            ) from None

    def _leave(self, key: tuple[str, str]) -> None:
        if key in self._held:
            self._held.discard(key)
            self._places[key[0]].release()

    async def _put(self, account: Account, value: str) -> None:
        headers = {
            "X-Api-User": account.username,
            "X-Api-Key": account.password,
            "Content-Type": "application/json",
        }
        body = json.dumps({"subdomain": account.subdomain, "txt": value}).encode()
        try:
            answer = await self._https.ask("POST", self._url, headers, body)
        except NoAnswer as error:
            raise NotPublished(error.words) from None
        told = answer.object() or {}
        if answer.status != 200 or told.get("txt") != value:
            said = told.get("error")
            words = _SAYS.get(said, "") if isinstance(said, str) else ""
            words = words or f"it answers {answer.status}, and not as acme-dns does"
            raise NotPublished(f"{self._url}: {words.format(subdomain=account.subdomain)}")


part = Part(Settings, AcmeDns)
