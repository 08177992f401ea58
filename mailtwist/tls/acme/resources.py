"""The resources of an authority: directory, account, order, authorization, challenge.  rfc8555#7.1"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mailtwist.tls.acme.problem import Refused, told_by
from mailtwist.tls.acme.told import Told


@dataclass(frozen=True)
class Directory:
    """rfc8555#7.1.1; `profiles` are those offered, with what they are in a sentence.  URLs are '' where
    there are none."""

    url: str
    new_nonce: str
    new_account: str
    new_order: str
    revoke: str
    key_change: str
    renewal: str
    terms: str
    website: str
    caa: tuple[str, ...]
    profiles: Mapping[str, str]
    external: bool

    @property
    def has_renewal(self) -> bool:
        return bool(self.renewal)


def directory(url: str, told: Told) -> Directory:
    meta = told.inner("meta") if told.has("meta") else told
    return Directory(
        url=url,
        new_nonce=told.needed("newNonce"),
        new_account=told.needed("newAccount"),
        new_order=told.needed("newOrder"),
        revoke=told.url("revokeCert"),
        key_change=told.url("keyChange"),
        renewal=told.url("renewalInfo"),
        terms=meta.shown("termsOfService"),
        website=meta.page("website"),
        caa=tuple(one for one in meta.lines("caaIdentities") if _ISSUER.fullmatch(one.lower())),
        profiles=meta.words_by_name("profiles"),
        external=meta.truth("externalAccountRequired"),
    )


@dataclass(frozen=True)
class Account:
    """rfc8555#7.1.2"""

    url: str
    status: str
    contact: tuple[str, ...]
    orders: str


def account(url: str, told: Told) -> Account:
    status = told.text("status") or "valid"
    return Account(url, told_by(status, 30), told.lines("contact"), told.url("orders"))


@dataclass(frozen=True)
class Order:
    """rfc8555#7.1.3; `wait` is how many seconds the authority wants to be left alone."""

    url: str
    status: Literal["pending", "ready", "processing", "valid", "invalid"]
    names: tuple[str, ...]
    authorizations: tuple[str, ...]
    finalize: str
    certificate: str
    error: Refused | None
    wait: float | None = None


def order(url: str, told: Told, wait: float | None) -> Order:
    status: Any = told.word("status", "pending", "ready", "processing", "valid", "invalid")
    names = sorted(one.text("value").lower() for one in told.inners("identifiers"))
    if not names:
        raise told.wrong("identifiers", "is empty")
    return Order(
        url=url,
        status=status,
        names=tuple(names),
        authorizations=told.urls("authorizations"),
        finalize=told.needed("finalize"),
        certificate=told.url("certificate"),
        error=told.problem("error"),
        wait=wait,
    )


@dataclass(frozen=True)
class Offered:
    """A challenge as it is offered.  rfc8555#7.1.5"""

    kind: str
    url: str
    status: str
    token: str = field(repr=False)
    issuers: tuple[str, ...]
    account: str
    error: Refused | None


@dataclass(frozen=True)
class Authorization:
    """rfc8555#7.1.4"""

    url: str
    name: str
    wildcard: bool
    status: str
    challenges: tuple[Offered, ...]
    wait: float | None = None

    @property
    def identifier(self) -> str:
        """As in the order."""
        return f"*.{self.name}" if self.wildcard else self.name


def authorization(url: str, told: Told, wait: float | None) -> Authorization:
    known = ("pending", "valid", "invalid", "deactivated", "expired", "revoked")
    return Authorization(
        url=url,
        name=told.inner("identifier").text("value").lower().removeprefix("*."),
        wildcard=told.truth("wildcard"),
        status=told.word("status", *known),
        challenges=tuple(map(_offered, told.inners("challenges"))),
        wait=wait,
    )


def _offered(told: Told) -> Offered:
    kind, token = told.text("type"), told.text("token")
    if not _TOKEN.fullmatch(token) or (not token and kind in _BY_TOKEN):
        raise told.wrong("token", "is none")
    return Offered(
        kind=kind,
        url=told.needed("url"),
        status=told.text("status") or "pending",
        token=token,
        issuers=tuple(one for one in told.texts("issuer-domain-names")[:10] if _ISSUER.fullmatch(one)),
        account=told.url("accounturi"),
        error=told.problem("error"),
    )


_TOKEN = re.compile(r"[A-Za-z0-9_-]{0,512}")
"""It becomes a file's name.  Challenges by the account have none."""

_BY_TOKEN = ("http-01", "tls-alpn-01", "dns-01")
_ISSUER = re.compile(r"(?=.{1,253}$)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")
