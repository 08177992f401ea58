"""The sections [authority:...]: who issues certificates by ACME, and those well known.  rfc8555#7.1"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from mailtwist.config.problems import Sentence
from mailtwist.config.rate import Rate
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, File, Hostnames, Secret

NOT_A_URL = Sentence(
    "https-url", '"{text}" is not a URL of HTTPS; write "https://acme.example.org/directory"'
)
ONE_OF_TWO = Sentence("authority-eab", "`eab_kid` and `eab_key` belong together; write both, or neither")


class NoSuchAuthority(ValueError):
    """Told by who asks for it, with a sentence; not by who reads the file."""


class HttpsUrl(str):
    """A URL without a user's name."""

    kind: ClassVar[str] = "a URL"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            parts = urlsplit(text)
            good = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good or parts.username is not None or len(text) > 2048 or not _plain(text):
            raise NOT_A_URL.wrong(text=text)
        return cls(text)


@dataclass(frozen=True)
class AuthoritySettings:
    """One authority that speaks ACME, for `authorities` in [tls:...]."""

    directory: HttpsUrl = setting(
        HttpsUrl(),
        words="Where its directory is. A section that is called like an authority that everybody knows"
        " (`letsencrypt`, `zerossl`, `google`, ...) needs none.",
        example="https://acme.example.org/directory",
    )
    roots: File | None = setting(
        None, words="Certificates (PEM) that its own HTTPS is trusted by, in place of the system's."
    )
    eab_kid: str = setting("", words="The name of the key for external account binding, where one is needed.")
    eab_key: Secret | None = setting(
        None, words="That key, as the authority gives it (base64); used when an account is registered."
    )
    profile: str = setting("", words="The profile of certificates to ask for, if the authority offers it.")
    required_profile: str = setting("", words="The same, and there is no certificate without it.")
    preferred_chain: str = setting(
        "",
        words="Of several chains the one whose last certificate has an issuer of this name, or with this"
        " authority key identifier in hexadecimal.",
    )
    common_name: bool = setting(
        False, words="The first name is asked for as common name, too; some private authorities want it."
    )
    staging: HttpsUrl | None = setting(
        None, words="The directory to try at again after a failure, before the limits here are touched."
    )
    hosts: Hostnames = setting(
        Hostnames(), words="Other hosts that the directory may send us to, besides its own."
    )
    reply_time: Annotated[Duration, AtLeast(1), AtMost(600)] = setting(
        Duration(30), words="How long one answer of it may take."
    )
    order_time: Annotated[Duration, AtLeast(1), AtMost(86400)] = setting(
        Duration(600), words="How long it may take to look at the proofs, and as long again to issue."
    )
    accounts: Rate | None = setting(
        None, words="How many accounts we make there at most.", example="10 in 3 h"
    )
    orders: Rate | None = setting(None, words="How many orders we place at most.", example="300 in 3 h")
    certificates: Rate | None = setting(
        None, words="How many certificates we ask for below one registered domain.", example="50 in 7 d"
    )
    duplicates: Rate | None = setting(
        None, words="How many certificates we ask for with the same names.", example="5 in 7 d"
    )
    failures: Rate | None = setting(
        None, words="How often we fail to prove one name before we leave it alone.", example="5 in 1 h"
    )

    def __post_init__(self) -> None:
        if bool(self.eab_kid) != (self.eab_key is not None):
            raise ONE_OF_TWO.wrong()


def _lets_encrypt(host: str, staging: HttpsUrl | None = None) -> AuthoritySettings:
    return AuthoritySettings(
        directory=HttpsUrl(f"https://{host}/directory"),
        profile="tlsserver",
        staging=staging,
        accounts=Rate(10, 3 * 3600.0),
        orders=Rate(300, 3 * 3600.0),
        certificates=Rate(50, 7 * 86400.0),
        duplicates=Rate(5, 7 * 86400.0),
        failures=Rate(5, 3600.0),
    )


_STAGING = _lets_encrypt("acme-staging-v02.api.letsencrypt.org")

AUTHORITIES: Mapping[str, AuthoritySettings] = {
    "letsencrypt": _lets_encrypt("acme-v02.api.letsencrypt.org", _STAGING.directory),
    "letsencrypt-staging": _STAGING,
    "zerossl": AuthoritySettings(directory=HttpsUrl("https://acme.zerossl.com/v2/DV90")),
    "google": AuthoritySettings(directory=HttpsUrl("https://dv.acme-v02.api.pki.goog/directory")),
    "google-staging": AuthoritySettings(
        directory=HttpsUrl("https://dv.acme-v02.test-api.pki.goog/directory"),
    ),
    "actalis": AuthoritySettings(directory=HttpsUrl("https://acme-api.actalis.com/acme/directory")),
    "sslcom": AuthoritySettings(directory=HttpsUrl("https://acme.ssl.com/sslcom-dv-ecc")),
    "sslcom-rsa": AuthoritySettings(directory=HttpsUrl("https://acme.ssl.com/sslcom-dv-rsa")),
}
"""Words for `authorities`.  All but Let's Encrypt want an external account: a section of the same name has
its `eab_kid` and `eab_key`."""


def authority(word: str, sections: Mapping[str, AuthoritySettings]) -> AuthoritySettings:
    """What `word` stands for: a section of that name, an authority that everybody knows, or one with what the
    section says otherwise.  `NoSuchAuthority` when it is neither."""
    written, known = sections.get(word), AUTHORITIES.get(word)
    if written is None and known is None:
        those = ", ".join(dict.fromkeys((*sections, *AUTHORITIES)))
        raise NoSuchAuthority(f'there is no authority "{word}"; there are: {those}')
    if written is None or known is None:
        found = written or known
        assert found is not None
        if not found.directory:
            raise NoSuchAuthority(f"[authority:{word}] needs a `directory`, the URL of its directory")
        return found
    if written.directory not in ("", known.directory):
        return written
    said = {one.name: getattr(written, one.name) for one in fields(written)}
    return replace(known, **{name: value for name, value in said.items() if value != _DEFAULTS[name]})


_DEFAULTS = {one.name: one.default for one in fields(AuthoritySettings)}


def _plain(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text
