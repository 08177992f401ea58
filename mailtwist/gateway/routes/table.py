"""Which server behind us is whose, written in the config: by login name, by domain, and for all others."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple, Self

from mailtwist.auth.names import BadName, canonical, canonical_domain
from mailtwist.config.part import Assembly, Part
from mailtwist.config.problems import shown
from mailtwist.config.settings import setting
from mailtwist.config.values import PartName
from mailtwist.config.words import repeated, split
from mailtwist.gateway.api import Kind

ANY = "*."


class Line(NamedTuple):
    """One line: whose, and the name of the section `[upstream:...]`."""

    whose: str
    upstream: str

    def __str__(self) -> str:
        return f"{self.whose} -> {self.upstream}"


class Lines(tuple[Line, ...]):
    """Lines `whose -> upstream`, nobody twice."""

    example: ClassVar[str]

    @staticmethod
    def spelled(whose: str) -> str:
        """The only spelling.  `BadName` when there is none."""
        raise NotImplementedError

    @classmethod
    def parse(cls, text: str) -> Self:
        found = cls(cls._line(item) for item in split(text))
        if twice := repeated(line.whose for line in found):
            raise ValueError(f'"{shown(twice)}" is there twice; write it once')
        return found

    @classmethod
    def _line(cls, text: str) -> Line:
        whose, arrow, upstream = (word.strip() for word in text.partition("->"))
        if not (whose and arrow and upstream):
            raise ValueError(f'"{shown(text)}" says not where to; write "{cls.example}"')
        try:
            return Line(cls.spelled(whose), upstream)
        except BadName as error:
            words = f'"{shown(whose)}" can be nobody\'s name: {shown(str(error))}; write "{cls.example}"'
            raise ValueError(words) from None

    @property
    def named(self) -> tuple[str, ...]:
        """The sections that are asked for."""
        return tuple(dict.fromkeys(line.upstream for line in self))

    def __str__(self) -> str:
        return ", ".join(map(str, self))


class Users(Lines):
    """By login name."""

    kind = "lines `name -> upstream`"
    example = "ann@example.org -> exchange"

    @staticmethod
    def spelled(whose: str) -> str:
        return canonical(whose)


class Domains(Lines):
    """By domain; `*.example.org` is all that is below it."""

    kind = "lines `domain -> upstream`"
    example = "example.org -> dovecot"

    @staticmethod
    def spelled(whose: str) -> str:
        domain = whose.removeprefix(ANY)
        if "*" in domain or not domain:
            raise BadName('a "*" stands at the beginning alone, with a dot behind it')
        return whose[: len(whose) - len(domain)] + canonical_domain(domain)


@dataclass(frozen=True)
class Settings:
    """Who goes where, written here. The first of these counts: the user's own line, the domain's, that of the
    nearest `*.` above the domain, the default."""

    users: Annotated[Users, PartName("upstream")] = setting(
        Users(), words="By login name.", example=Users.example
    )
    domains: Annotated[Domains, PartName("upstream")] = setting(
        Domains(),
        words="By domain; `*.example.org` is for all domains below it.",
        example="example.org -> dovecot, *.example.org -> cyrus",
    )
    default: Annotated[str | None, PartName("upstream")] = setting(
        None, words="For everybody else; left out: nobody else can log in."
    )


class Table:
    """`gateway.api.Route`."""

    def __init__(self, settings: Settings, default_domain: str) -> None:
        """`default_domain` is that of [login]: a user may be written without it, too.  ValueError when one is
        written both ways."""
        self._users: dict[str, str] = {}
        for whose, upstream in settings.users:
            name = canonical(whose, default_domain)
            if self._users.setdefault(name, upstream) != upstream:
                raise ValueError(f'users: "{name}" is there twice, once without its domain; write it once')
        self._domains = dict(settings.domains)
        self._default = settings.default

    async def upstream(self, name: str, kind: Kind) -> str | None:
        found = self._users.get(name)
        if found is not None:
            return found
        for domain in _from_near_to_far(name.rpartition("@")[2] if "@" in name else ""):
            if (found := self._domains.get(domain)) is not None:
                return found
        return self._default


def _from_near_to_far(domain: str) -> Iterator[str]:
    """`a.b.c`, `*.b.c`, `*.c`."""
    yield domain
    while "." in domain:
        domain = domain.partition(".")[2]
        yield ANY + domain


def build(settings: Settings, assembly: Assembly) -> Table:
    return Table(settings, assembly.login.default_domain or "")


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    empty = not (settings.users or settings.domains or settings.default)
    return [("users", "nobody is sent anywhere; write users, domains or default")] if empty else []


part = Part(Settings, build, check)
