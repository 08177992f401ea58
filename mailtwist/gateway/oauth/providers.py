"""Who gives out access tokens: the addresses and scopes of those that everybody has."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import ClassVar, Literal, Self
from urllib.parse import urlsplit

ProviderName = Literal["microsoft", "google", "other"]

_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}")
_PRINTABLE = re.compile(r"[!-~]{1,2000}")


class Url(str):
    """An address to which secrets are sent: https, or http to this machine."""

    kind: ClassVar[str] = "an https address"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        parts = _split(text)
        if parts is None:
            raise ValueError(f'"{text[:100]}" is no address; write "https://login.example.org/token"')
        scheme, host = parts
        if scheme == "http" and not _is_here(host):
            raise ValueError('secrets go over TLS; write "https://", or an address of this machine')
        return cls(text)


def _split(text: str) -> tuple[str, str] | None:
    """Scheme and host of an address that has nothing in it that should not be there."""
    if not _PRINTABLE.fullmatch(text):
        return None
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return None
    clean = host and parts.username is None and parts.password is None and not parts.fragment
    return (parts.scheme, host) if clean and parts.scheme in ("https", "http") else None


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Tenant(str):
    """Whose directory at Microsoft: a domain, an id, or `organizations`."""

    kind: ClassVar[str] = "a tenant"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        if not _TENANT.fullmatch(text):
            raise ValueError('that is no tenant; write "example.onmicrosoft.com", its id, or "organizations"')
        return cls(text)


@dataclass(frozen=True, slots=True)
class Provider:
    """`token_url` gives access tokens, `device_url` begins a device authorization grant (rfc8628#3.1),
    `browser_url` one by a browser (rfc6749#4.1); '' is a way that is not there.  `asked` goes with the
    question in the browser."""

    token_url: str
    device_url: str
    browser_url: str
    scope: str
    asked: tuple[tuple[str, str], ...] = ()


def provider(name: ProviderName, tenant: str) -> Provider:
    """That of Google has no device grant: it gives none for mail."""
    if name == "microsoft":
        there = f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0"
        scopes = ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send")
        scope = " ".join(("offline_access", *(f"https://outlook.office.com/{one}" for one in scopes)))
        return Provider(f"{there}/token", f"{there}/devicecode", f"{there}/authorize", scope)
    if name == "google":
        return Provider(
            "https://oauth2.googleapis.com/token",
            "",
            "https://accounts.google.com/o/oauth2/v2/auth",
            "https://mail.google.com/",
            (("access_type", "offline"), ("prompt", "consent")),
        )
    return Provider("", "", "", "")
