"""What the operator says about an LDAP server."""

from dataclasses import dataclass
from typing import Annotated, Literal

from mailtwist.auth.directories.ldap.filters import Filter
from mailtwist.auth.directories.ldap.schemas import SchemaName
from mailtwist.auth.directories.ldap.template import Template
from mailtwist.auth.directories.ldap.url import Url, Urls
from mailtwist.config.secret import Secret
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, File, Hostnames, Names

NO_SERVERS = 'no server is named; write "servers = ldap://ldap.example.org"'
IN_CLEAR = (
    '{url} would get passwords in clear; write "starttls = yes" or ldaps://, or "insecure = yes" if nobody'
    " can listen between us and it"
)
HALF_A_BIND = "bind_dn and bind_password belong together; write both, or none"
BOTH_WAYS = 'with "user_dn" nobody is searched for: leave out bind_dn, or user_dn'
NO_BASE = 'whoever is searched for is searched for below an entry; write "base = ou=people,dc=example,dc=org"'
BAD_PLACES = '"{setting}" has a place for {{{place}}}, which nobody knows; there are {known}'
HALF_A_KEY = "key belongs to certificate; write certificate too"
ONE_FOR_TWO = (
    "`user_dn = {template}` makes one DN of two people in different `domains`; write {{name}} or {{domain}}"
    " into it, or one section for each domain"
)
NO_DOMAIN_OF_THEIRS = (
    'with "user_dn" everybody who has a password there is somebody here; write "domains = example.org"'
)

FILTER_PLACES = ("name", "local", "domain")
GROUP_PLACES = ("dn", "uid", "gid", *FILTER_PLACES)


@dataclass(frozen=True)
class Settings:
    """People in an LDAP server: OpenLDAP, FreeIPA, Active Directory and others (the extra
    `mailtwist[ldap]`)."""

    servers: Urls = setting(
        words="The servers, replicas of one another: ldap://host, ldaps://host, ldapi:///path. The first that"
        " is well is asked.",
        example="ldap://ldap1.example.org, ldap://ldap2.example.org",
    )
    starttls: bool = setting(
        True, words="Whether ldap:// begins with StartTLS; passwords are not sent without."
    )
    insecure: bool = setting(
        False,
        words="Passwords go in clear to servers that are not on this machine. Never, on a real network.",
    )
    roots: File | None = setting(
        None,
        words="A PEM file of the authorities that servers' certificates are to be from; by default those that"
        " the system trusts.",
        example="/etc/ssl/ldap-ca.pem",
    )
    certificate: File | None = setting(
        None, words="A PEM file with a certificate that is shown to servers that ask for one."
    )
    key: File | None = setting(None, words="Its key, if that is not in the same file.")
    schema: SchemaName = setting(
        "openldap",
        words="What people look like there: the defaults of `people`, `filter`, `id_attribute`,"
        " `login_attribute`, `mail_attributes` and `group_filter`.",
    )
    bind_dn: str = setting(
        "",
        words="Who we are when we search; with neither this nor `user_dn` we search as nobody.",
        example="cn=mailtwist,ou=services,dc=example,dc=org",
    )
    bind_password: Secret | None = setting(
        None, words="The password of `bind_dn`.", example="file:/etc/mailtwist/ldap-password"
    )
    user_dn: Template | None = setting(
        None,
        words="As whom a password is tried, without a search: a DN with `{local}`, `{domain}` or `{name}` in"
        " it, or `{name}` alone for Active Directory.",
        example="uid={local},ou=people,dc=example,dc=org",
    )
    base: str = setting("", words="The entry below which people are.", example="ou=people,dc=example,dc=org")
    scope: Literal["sub", "one"] = setting(
        "sub", words="How far below: anywhere (`sub`), or directly (`one`)."
    )
    people: Filter | None = setting(
        None,
        words="Which entries are people at all; by default as `schema` has it.",
        example="(mailEnabled=TRUE)",
    )
    filter: Filter | None = setting(
        None,
        words="Which of them has a login name: `{name}` is all of it, `{local}` what is before the @,"
        " `{domain}` what is behind it. By default as `schema` has it, and all addresses.",
        example="(uid={local})",
    )
    id_attribute: Names | None = setting(
        None,
        words="What never changes and nobody else ever gets: the account id. Of several the first that is"
        " there.",
        example="entryUUID",
    )
    login_attribute: Names | None = setting(
        None,
        words="The login name by which people are known here, whatever they type. Of several the first that"
        " is there.",
        example="uid",
    )
    mail_attributes: Names | None = setting(None, words="Their addresses.", example="mail")
    domains: Hostnames = setting(
        Hostnames(),
        words="The domains whose people it knows; only there they have addresses. By default it is asked"
        " about everybody.",
    )
    group_filter: Filter | None = setting(
        None,
        words="Which entries below `group_base` are groups of somebody: as in `filter`, and `{dn}`, `{uid}`"
        " and `{gid}` of the entry. By default as `schema` has it, or what `memberOf` says there.",
        example="(&(objectClass=groupOfNames)(member={dn}))",
    )
    group_base: str = setting("", words="The entry below which groups are; by default `base`.")
    require_group: str = setting(
        "", words="Only people in this group are somebody: its name, or its whole DN.", example="mail"
    )
    timeout: Annotated[Duration, AtLeast(0.1), AtMost(30)] = setting(
        Duration(3), words="How long one server may take: to be connected to, and for each answer."
    )
    connections: Annotated[int, AtLeast(1), AtMost(1000)] = setting(
        64,
        words="The most connections to one server for searches, and as many for passwords. Strangers have 32"
        " of these at once: with no more, who is slow to be refused keeps all others waiting.",
    )
    remembered: Annotated[Duration, AtMost(3600)] = setting(
        Duration(0),
        words="A password that was right needs no new question for so long, even if it was changed there.",
    )
    cache: Annotated[Duration, AtMost(3600)] = setting(
        Duration(0), words="Who has a name, or that nobody has, is not asked again for so long."
    )

    def __post_init__(self) -> None:
        if bool(self.bind_dn) != (self.bind_password is not None):
            raise ValueError(HALF_A_BIND)
        if self.bind_dn and self.user_dn:
            raise ValueError(BOTH_WAYS)
        if self.key is not None and self.certificate is None:
            raise ValueError(HALF_A_KEY)
        _distinct(self.user_dn, self.domains)
        _in_clear(self)
        for name, known in (("people", ()), ("filter", FILTER_PLACES), ("group_filter", GROUP_PLACES)):
            _places(name, getattr(self, name), known)


def _in_clear(settings: Settings) -> None:
    if not settings.servers:
        raise ValueError(NO_SERVERS)
    for url in open_ones(settings):
        if not settings.insecure:
            raise ValueError(IN_CLEAR.format(url=url))


def open_ones(settings: Settings) -> list[Url]:
    """The servers that get passwords in clear over a network."""
    return [url for url in settings.servers if url.scheme == "ldap" and not (settings.starttls or url.near)]


def lacking(settings: Settings) -> tuple[str, str]:
    """The setting without which nobody can be found, and a sentence; '' when all is there."""
    if settings.user_dn is None:
        return ("", "") if settings.base else ("base", NO_BASE)
    if not settings.domains:
        return "domains", NO_DOMAIN_OF_THEIRS
    if settings.require_group and settings.user_dn.alone and not settings.base:
        return "base", NO_BASE
    return "", ""


def _places(name: str, read: Filter | None, known: tuple[str, ...]) -> None:
    for place in sorted(read.places if read else ()):
        if place not in known:
            there = ", ".join(f"{{{one}}}" for one in known) or "none here"
            raise ValueError(BAD_PLACES.format(setting=name, place=place, known=there))


def _distinct(template: Template | None, domains: Hostnames) -> None:
    if template and len(domains) > 1 and not ("{name}" in template or "{domain}" in template):
        raise ValueError(ONE_FOR_TWO.format(template=template))
