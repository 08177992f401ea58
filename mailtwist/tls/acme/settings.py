"""What `[tls:...] type = acme` says, and what is wrong with it that can be told without asking anybody."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self, get_args

from mailtwist.config.authority import AUTHORITIES, AuthoritySettings, authority
from mailtwist.config.network import Endpoint, Endpoints, Networks
from mailtwist.config.notices import MailAddress
from mailtwist.config.settings import setting
from mailtwist.config.values import Names, PartName
from mailtwist.config.words import repeated, split
from mailtwist.tls.acme.account_key import bound
from mailtwist.tls.acme.api import Kind
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.names import ServerName, ServerNames, covers, server_name
from mailtwist.tls.outbound import Outbound

PREFIXES = ("mail", "imap", "smtp", "pop", "autoconfig", "autodiscover", "mta-sts")


class Challenges(tuple[Kind, ...]):
    """Kinds of challenges in the order in which they are tried."""

    kind = "kinds of challenges"

    @classmethod
    def parse(cls, text: str) -> Self:
        kinds: dict[str, Kind] = {kind: kind for kind in get_args(Kind)}
        words = split(text)
        for word in words:
            if word not in kinds:
                raise ValueError(f'"{word}" is no kind of challenge; write some of {", ".join(kinds)}')
        found = [kinds[word] for word in words]
        if twice := repeated(found):
            raise ValueError(f'"{twice}" is there twice; write it once')
        return cls(found)

    def __str__(self) -> str:
        return ", ".join(self)


class Prefixes(tuple[str, ...]):
    """First labels of host names."""

    kind = "labels of host names"

    @classmethod
    def parse(cls, text: str) -> Self:
        if text.strip() == "none":
            return cls()
        found = split(text)
        for word in found:
            if server_name(f"{word}.example.org") != f"{word}.example.org":
                raise ValueError(f'"{word}" cannot be in front of a domain; write words like mail, imap')
        return cls(dict.fromkeys(found))

    def __str__(self) -> str:
        return ", ".join(self) or "none"


@dataclass(frozen=True)
class Settings:
    """Certificates that come by themselves, by ACME."""

    email: MailAddress | None = setting(
        None, words="The address that authorities write to; some want one.", example="postmaster@example.org"
    )
    agree_to_terms: bool = setting(
        False, words="We agree to the terms of each of the authorities; without that they issue nothing."
    )
    authorities: Names = setting(
        Names(("letsencrypt",)),
        words="Who issues, in order; each is a name that everybody knows (letsencrypt, letsencrypt-staging,"
        " zerossl, google, ...) or that of an [authority:...] section. The next is asked when one is broken"
        " or limits us.",
    )
    names: ServerNames = setting(
        ServerNames(),
        words="Names to have certificates for, besides the server's host name and those of `domain_names`;"
        " one certificate each, a wildcard together with its own domain. A wildcard needs dns-01.",
        example="mail.example.com, *.example.net, example.net",
    )
    domain_names: Prefixes = setting(
        Prefixes(PREFIXES),
        words="In front of each domain whose mail is here: those names have certificates, too, if they point"
        " here. `none` for no such names.",
    )
    addresses: Networks = setting(
        Networks(),
        words="The addresses from outside of this machine, and of those that share its work; by default its"
        " own, and those that its host name has in DNS.",
        example="192.0.2.7, 2001:db8::7",
    )
    challenges: Challenges = setting(
        Challenges(),
        words="How names are proved, in order; what fails is followed by the next. By default http-01,"
        " tls-alpn-01 if a service here listens on port 443, dns-01 if `dns` is said.",
        example="dns-01, http-01",
    )
    dns: Annotated[str | None, PartName("dns")] = setting(
        None, words="The section [dns:...] that changes records for dns-01.", example="ours"
    )
    http_listen: Endpoints = setting(
        Endpoints((Endpoint("", 80),)),
        words="Where authorities ask for proofs by http-01, unless a service of type web listens there."
        " `none` if somebody else passes /.well-known/acme-challenge/ on, or there is no http-01.",
    )
    key: Literal["ecdsa", "rsa", "both"] = setting(
        "ecdsa", words="The kind of keys: ECDSA P-256, RSA with 2048 bits, or a certificate of each."
    )
    key_policy: Literal["rotate", "pin"] = setting(
        "rotate",
        words="A new key for each certificate; or, for who publishes TLSA records, the same one until the"
        " record of the next key has been in DNS for long enough.",
    )
    on_demand: ServerNames = setting(
        ServerNames(),
        words="Names (or wildcards for them) that get a certificate when the first client asks for one, if"
        " they point here. That client is still shown the default.",
        example="*.customers.example.org",
    )
    default_name: ServerName = setting(
        ServerName(""),
        words="The name whose certificate is shown to clients that ask for none, or for one that is not here;"
        " by default the server's host name.",
    )
    session_tickets: bool = setting(True, words="Clients may resume a TLS session by a ticket.")


def kinds_tried(settings: Settings, on_443: bool) -> tuple[Kind, ...]:
    """Challenges in order."""
    if settings.challenges:
        return settings.challenges
    found: list[Kind] = ["http-01"]
    if on_443:
        found.append("tls-alpn-01")
    if settings.dns is not None:
        found.append("dns-01")
    return tuple(found)


def troubles(
    settings: Settings, hostname: str, sections: Mapping[str, AuthoritySettings]
) -> Iterator[tuple[str, str]]:
    """(setting, sentence) for each."""
    yield from _of_authorities(settings, sections)
    yield from _of_challenges(settings, kinds_tried(settings, True))
    own = hostname if "." in hostname else ""
    if not own and not settings.names:
        words = f"no authority knows {hostname}; write hostname in [server], or names"
        yield "names", words
    default = settings.default_name or own
    of_domain = default.partition(".")[0] in settings.domain_names
    if default != own and not of_domain and not covers(settings.names, default):
        yield "default_name", f"{default} is not among the names"


def _of_challenges(settings: Settings, kinds: tuple[Kind, ...]) -> Iterator[tuple[str, str]]:
    if "dns-01" in kinds and settings.dns is None:
        yield "challenges", "dns-01 needs a [dns:...] section; write its name as dns"
    if settings.dns is not None and "dns-01" not in kinds:
        yield "dns", "nobody uses it; write dns-01 into challenges, or remove the line"
    if not {"dns-01", "dns-persist-01"}.intersection(kinds):
        for name in settings.names:
            if name.startswith("*."):
                words = f"{name} is a wildcard, which is proved by dns-01 only; write dns, and a [dns:...]"
                yield "names", words


def _of_authorities(
    settings: Settings, sections: Mapping[str, AuthoritySettings]
) -> Iterator[tuple[str, str]]:
    if not settings.authorities:
        yield "authorities", "nobody issues certificates; write letsencrypt, or remove the line"
    for word in settings.authorities:
        try:
            known = authority(word, sections)
        except ValueError as error:
            yield "authorities", str(error)
            continue
        if not settings.agree_to_terms and word in AUTHORITIES:
            words = f"{word} issues nothing before its terms are agreed to; write agree_to_terms = yes"
            yield "agree_to_terms", words
        yield from (("authorities", f"[authority:{word}] {words}") for words in _of_authority(known))


def _of_authority(known: AuthoritySettings) -> Iterator[str]:
    """Its files and secrets can be used."""
    if known.roots is not None:
        try:
            Outbound(known.roots)
        except BadCertificate as bad:
            yield f"roots: {bad.words}"
    if known.eab_key is not None:
        try:
            bound({}, known.eab_kid, known.eab_key.reveal(), "")
        except ValueError as error:
            yield str(error)
