"""Which names get certificates: the host, those in the config, and those of our domains that point here."""

import socket
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, Protocol

from mailtwist.config.network import Networks
from mailtwist.kit.spawn import abreast
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.names import covers, server_name

AT_ONCE = 8
"""Names that are looked up beside each other."""

MOST_ASKED = 200
"""Names that strangers have asked for and that wait to be looked at; others ask again."""

Why = Literal["host", "names", "domain", "demand"]


@dataclass(frozen=True)
class Wanted:
    """One certificate: for `names`, the first of which it is called by."""

    names: tuple[str, ...]
    why: Why

    @property
    def name(self) -> str:
        return self.names[0]


class Asks(Protocol):
    """`kit.dns.Dns` is one: `addresses` are those that a name has, also by CNAMEs."""

    async def addresses(self, name: str) -> "Addresses": ...


class Addresses(Protocol):
    @property
    def records(self) -> Sequence[str]: ...


class PointsHere:
    """Whether a name leads to this machine: all of its addresses are in `written`; where nothing is written,
    they are the machine's own, or those of its host name (a machine behind NAT does not know them)."""

    def __init__(
        self,
        dns: Asks,
        hostname: str,
        written: Networks,
        is_local: Callable[[str], bool] | None = None,
    ) -> None:
        self._dns = dns
        self._hostname = hostname
        self._written = written
        self._is_local = is_local or can_be_bound
        self._host: frozenset[str] = frozenset()
        self.is_sure = True
        """The addresses of this machine are those of now."""

    async def prepare(self) -> None:
        """Before some names are looked at.  While DNS is away, what was known stays."""
        if not self._written:
            try:
                self._host = frozenset((await self._dns.addresses(self._hostname)).records)
                self.is_sure = True
            except Trouble:
                self.is_sure = False

    async def why_not(self, name: str) -> str:
        """A sentence; '' when it does.  `Trouble` when DNS is away."""
        found = (await self._dns.addresses(name)).records
        if not found:
            return f"{name} has no address in DNS"
        others = [address for address in found if not self._is_ours(address)]
        if not others:
            return ""
        more = f" and {len(others) - 1} others" if len(others) > 1 else ""
        instead = "not to this machine; if that is ours, write it into addresses"
        return f"{name} points to {others[0]}{more}, {instead}"

    def _is_ours(self, address: str) -> bool:
        if self._written:
            return self._written.contains(address)
        return address in self._host or self._is_local(address)


def can_be_bound(address: str) -> bool:
    """It is an address of this machine that others can reach."""
    try:
        known = ip_address(address)
        if known.is_loopback or known.is_unspecified or known.is_multicast or known.is_link_local:
            return False
        family = socket.AF_INET6 if known.version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except (OSError, ValueError):
        return False
    return True


class WantedNames:
    """`current` after each `look`, the most important first; `not_here`: of those that are not wanted now,
    why."""

    def __init__(
        self,
        hostname: str,
        names: Sequence[str],
        prefixes: Sequence[str],
        domains: Callable[[], Awaitable[Collection[str]]],
        on_demand: Sequence[str],
        points: PointsHere,
    ) -> None:
        self._prefixes = prefixes
        self._domains = domains
        self._on_demand = tuple(on_demand)
        self._points = points
        self._asked: dict[str, None] = {}
        self._here: set[str] = set()
        self._last_domains: Collection[str] = ()
        self._has_heard = False
        self._unheard: set[str] = set()
        self.not_here: Mapping[str, str] = {}
        fixed, self._unfit = _fixed(hostname, names)
        self._fixed = tuple(fixed)
        self._covered = frozenset(name for one in fixed for name in one.names)
        self.current: tuple[Wanted, ...] = self._fixed
        """Before the first look: what needs no question."""

    def allowed(self, name: str) -> bool:
        """It may be asked for by strangers."""
        return covers(self._on_demand, name)

    def demand(self, name: str) -> bool:
        """A stranger has asked for it; True when it is to be looked at, and was not before."""
        if name in self._asked or len(self._asked) >= MOST_ASKED or not self.allowed(name):
            return False
        if covers(self._covered, name) or name in self._here:
            return False
        self._asked[name] = None
        return True

    def knows(self, name: str) -> bool:
        """Whether it is wanted is sure: domains were heard of, and DNS has answered."""
        return self._has_heard and self._points.is_sure and name not in self._unheard

    async def look(self, had: Collection[str] = (), strangers_alone: bool = False) -> None:
        """`current` is as DNS and the domains are now.  `had` are names of certificates that there are: those
        that strangers once asked for stay wanted.  `strangers_alone`: only names are looked up that are not
        known yet."""
        why: dict[str, str] = dict(self._unfit)
        if not strangers_alone:
            self._unheard.clear()
            await self._look_for_domains()
        await self._points.prepare()
        ours = self._of_domains()
        asked = [name for name in {**dict.fromkeys(had), **self._asked} if self.allowed(name)]
        candidates = [name for name in dict.fromkeys([*ours, *asked]) if not covers(self._covered, name)]
        here: set[str] = set()
        unknown = candidates
        if strangers_alone:
            here = self._here.intersection(candidates)
            why |= {name: self.not_here[name] for name in candidates if name in self.not_here}
            unknown = [name for name in candidates if name in self._asked and name not in here]
        await self._look_at(unknown, here, why)
        known = set(ours)
        found = [
            Wanted((name,), "domain" if name in known else "demand") for name in candidates if name in here
        ]
        self._here, self.not_here = here, why
        self._asked = {name: None for name in self._asked if name not in why and name not in here}
        self.current = (*self._fixed, *found)

    async def _look_at(self, names: Sequence[str], here: set[str], why: dict[str, str]) -> None:
        """Each of `names` is in `here` then, or in `why` with the reason why not."""
        for at in range(0, len(names), AT_ONCE):
            some = names[at : at + AT_ONCE]
            for name, words in zip(some, await abreast(*map(self._why_not, some)), strict=True):
                if words:
                    why[name] = words
                else:
                    here.add(name)

    async def _look_for_domains(self) -> None:
        try:
            self._last_domains = sorted(await self._domains())
            self._has_heard = True
        except Trouble:  # those that were known stay
            self._has_heard = False

    def _of_domains(self) -> list[str]:
        found: dict[str, None] = {}
        for domain in self._last_domains:
            for prefix in self._prefixes:
                try:
                    found[server_name(f"{prefix}.{domain}")] = None
                except ValueError:  # too long
                    continue
        return list(found)

    async def _why_not(self, name: str) -> str:
        """While DNS is away, what was here stays."""
        try:
            return await self._points.why_not(name)
        except Trouble as error:
            self._unheard.add(name)
            return "" if name in self._here else f"DNS does not say where {name} is: {error.detail}"


def _fixed(hostname: str, names: Sequence[str]) -> tuple[list[Wanted], dict[str, str]]:
    """The host's certificate, then those of `names`: a wildcard goes with its apex when both are there."""
    found: dict[str, Wanted] = {}
    unfit: dict[str, str] = {}
    if "." in hostname:
        found[hostname] = Wanted((hostname,), "host")
    else:
        unfit[hostname] = (
            f"no authority knows {hostname}; write the machine's full name as hostname in [server]"
        )
    for name in names:
        apex = name.removeprefix("*.")
        if name != apex and apex in names:
            continue
        wide = f"*.{name}"
        both = (name, wide) if name == apex and wide in names else (name,)
        found.setdefault(name, Wanted(both, "names"))
        if len(both) > len(found[name].names):
            found[name] = Wanted(both, found[name].why)
    return list(found.values()), unfit
