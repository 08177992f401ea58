"""The sections [domain:...]: how the people of a domain write their code into the password's field."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import idna

from mailtwist.config.network import Hostname
from mailtwist.config.problems import Clean, Sentence
from mailtwist.config.settings import setting

SEPARATORS = "@,;:.+#/$!=*&~|_^"
"""None of them can be in a code."""

NOT_A_SEPARATOR = Sentence(
    "separator", '"{text}" cannot stand between password and code; write one of {those}, or "none"'
)
NOT_NETBIOS = Sentence(
    "netbios",
    '"{text}" is not the NetBIOS name of a domain of Windows; write it as people type it: "EXAMPLE"',
)
NETBIOS_TWICE = Sentence(
    "netbios-twice", '"{text}" is the netbios of [domain:{other}] too; it can stand for one domain only'
)
NOT_A_DOMAIN = Sentence("section-domain", '"{name}" cannot be a domain{instead}')

SEPARATOR_WORDS = (
    "What stands between password and code; the last one divides. `none`: nothing does, and the code is known"
    " by its length (`digits`)."
)
CODE_WORDS = "Whether the code is written after the password or before it; then the first separator divides."
DIGITS_WORDS = "With `separator = none`: how many digits every code has; longer codes are typed with hyphens."


class Separator(str):
    """One octet of ASCII; '' is none."""

    kind: ClassVar[str] = "a separator"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        if text == "none":
            return cls()
        if len(text) != 1 or text not in SEPARATORS:
            raise NOT_A_SEPARATOR.wrong(text=text, those=" ".join(SEPARATORS))
        return cls(text)

    def written(self) -> str:
        return str(self) or "none"


_NETBIOS = re.compile(r"[A-Za-z0-9!#$%&'()_.@^{}~-]{1,15}")


class Netbios(str):
    """The name of a domain of Windows, in upper case."""

    kind: ClassVar[str] = "a NetBIOS name"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        if not _NETBIOS.fullmatch(text):
            raise NOT_NETBIOS.wrong(text=text)
        return cls(text.upper())


@dataclass(frozen=True)
class DomainSettings:
    """What is different for the people of one domain: those whose login name, or first address, is in it."""

    separator: Separator | None = setting(None, words=f"{SEPARATOR_WORDS} By default as in [login].")
    code: Literal["after", "before"] | None = setting(None, words=f"{CODE_WORDS} By default as in [login].")
    digits: Literal[6, 8] | None = setting(None, words=f"{DIGITS_WORDS} By default as in [login].")
    netbios: Netbios | None = setting(
        None,
        words="What Windows calls the domain: `EXAMPLE\\ann` is then `ann@example.org`.",
        example="EXAMPLE",
    )


def windows_domains(domains: Mapping[str, DomainSettings]) -> dict[str, str]:
    """Our domains by their NetBIOS names."""
    return {str(its.netbios): name for name, its in domains.items() if its.netbios}


def twice_in_windows(domains: Mapping[str, DomainSettings]) -> Iterator[tuple[str, str]]:
    """Domains whose NetBIOS name is another one's: each with a sentence."""
    owners: dict[str, str] = {}
    for name, its in domains.items():
        if its.netbios and owners.setdefault(its.netbios, name) != name:
            yield name, NETBIOS_TWICE.said(text=its.netbios, other=owners[its.netbios])


def domain_name(name: str) -> str:
    """`name` as everything compares it.  ValueError when it is written otherwise, or is no domain."""
    try:
        known = Hostname.parse(idna.encode(name[:256], uts46=True).decode("ascii"))
    except (UnicodeError, ValueError):
        raise NOT_A_DOMAIN.wrong(name=name, instead=Clean('; write "[domain:example.org]"')) from None
    if known != name:
        raise NOT_A_DOMAIN.wrong(name=name, instead=Clean(f'; write "[domain:{known}]"'))
    return known
