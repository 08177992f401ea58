"""People that a server behind the gateway knows: it judges their passwords, and the login stays open."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from mailtwist.auth.api import Accepted, LoginRefused, LoginRequest, Person, SupportsPlaces
from mailtwist.auth.directories.accounts import account_of
from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import Hostnames, PartName
from mailtwist.gateway.api import Kind
from mailtwist.gateway.chosen import BOTH, Chosen, Nobodys
from mailtwist.gateway.errand import KINDS, STAR

NO_JUDGE = (
    "[upstream:{upstream}] does not look at the client's own password, so it cannot judge; write another one,"
    ' or "login = passthrough" there'
)
ONE_DOMAIN = (
    'with "user_name = local" people of several domains are one there, and the second factor of one would be'
    ' enough for the other; write "domains = example.org", one of them'
)
WRONG = ("wrong-password", "bad-octets", "bad-name")
"""Reasons of refusals that say no more than a directory can say."""

NEITHER = 'nobody is named who judges; write "upstream = NAME" or "route = NAME"'


@dataclass(frozen=True)
class Settings:
    """People that a server behind the gateway knows."""

    upstream: Annotated[str | None, PartName("upstream")] = setting(
        None, words="The `[upstream:...]` that judges passwords.", example="exchange"
    )
    route: Annotated[str | None, PartName("route")] = setting(
        None, words="The `[route:...]` that names the upstream of each login, instead.", example="domains"
    )
    domains: Hostnames = setting(
        Hostnames(),
        words="The domains whose people it knows; only there they get mail. By default it is asked about"
        " everybody's logins.",
    )
    judge: Literal["imap", "pop3", "submission", "sieve"] = setting(
        "imap",
        words="What it is asked by where the client's own protocol is not served there, or is none of these:"
        " a web page's login.",
    )

    def __post_init__(self) -> None:
        if self.upstream and self.route:
            raise ValueError(BOTH)


class Judged:
    """What a login opens that was judged by another protocol than its own, where nothing goes on: nothing."""


class UpstreamDirectory:
    """`auth.api.Directory`, `SupportsPlaces`, `SupportsOpening`: a login opens a `gateway.api.Session`.

    Nobody knows whom a mail server knows before it sees the password, so everybody in its domains may be
    somebody.  It sees the bare password, never a code."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._chosen = Chosen(assembly, settings.upstream, settings.route)
        if not self._chosen:
            raise ValueError(NEITHER)
        self._domains = frozenset(settings.domains)
        self._judge: Kind = settings.judge
        if settings.upstream and not all(one.judges for one in self._chosen.possible):
            raise ValueError(NO_JUDGE.format(upstream=settings.upstream))
        if len(self._domains) != 1 and any(one.one_domain for one in self._chosen.possible):
            raise ValueError(ONE_DOMAIN)

    async def find(self, name: str) -> Person | None:
        if STAR in name or not self._answers_for(name):
            return None
        return Person(account_of(name), name, (name,) if name.rpartition("@")[2] in self._domains else ())

    async def recipient(self, address: str) -> Person | None:
        """Only in domains that it is said to know: everywhere would be an open relay."""
        domain = address.rpartition("@")[2]
        return await self.find(address) if domain in self._domains else None

    async def domains(self) -> Collection[str]:
        return self._domains

    async def accepts(self, person: Person, password: bytes) -> bool:
        """Whoever comes without a request is nobody's guest."""
        return await self.open(person, password, LoginRequest("other", person.name.encode(), b"")) is not None

    async def place(self, person: Person, request: LoginRequest) -> str:
        """Where the password is judged, and where it goes on, if that is elsewhere."""
        if not self._answers_for(person.name):
            return ""
        kind = KINDS.get(request.protocol)
        if kind is not None and await self._chosen.serves(person.name, kind):
            return await self._chosen.place(kind, person.name, request)
        judged = await self._chosen.place(self._judge, person.name, request)
        behind: object = request.behind
        if not isinstance(behind, SupportsPlaces):
            return judged
        return f"{judged}, {await behind.place(person, request)}"

    async def open(self, person: Person, password: bytes, request: LoginRequest) -> Any | None:
        if not password or not self._answers_for(person.name):
            return None
        accepted = Accepted(person.account, person.name, password)
        try:
            return await self._opened(accepted, request)
        except LoginRefused as refused:
            if refused.reason in WRONG or isinstance(refused, Nobodys):
                return None
            raise

    async def _opened(self, accepted: Accepted, request: LoginRequest) -> Any:
        """The session; or, where the server that judges is not the one that goes on, what `behind` opens."""
        kind = KINDS.get(request.protocol)
        if kind is not None and await self._chosen.serves(accepted.name, kind):
            return await self._chosen.open(kind, accepted, request, judging=True)
        judged = await self._chosen.open(self._judge, accepted, request, judging=True)
        await judged.close()
        return Judged() if request.behind is None else await request.behind.open(accepted, request)

    def _answers_for(self, name: str) -> bool:
        return not self._domains or name.rpartition("@")[2] in self._domains


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    return [] if settings.upstream or settings.route else [("upstream", NEITHER)]


part = Part(Settings, UpstreamDirectory, check)
