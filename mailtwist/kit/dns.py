"""Questions to DNS: what there is, that there is nothing, or that nobody can say; from resolvers, or from the
servers of a zone themselves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any, TypeVar

import dns.name
from dns.name import Name

from mailtwist.kit.clock import Clock, process_clock
from mailtwist.kit.dns_records import Answer, Caa, Mx, Server, Tlsa, labels
from mailtwist.kit.dns_wire import NoAnswer, Reply, asked, resolved, system_servers
from mailtwist.kit.spawn import together
from mailtwist.kit.threads import Threads
from mailtwist.kit.trouble import Trouble
from mailtwist.kit.within import TooLate, within

T = TypeVar("T")

TIMEOUT = 10.0
"""Seconds that resolvers have for one question."""

DIRECT = 5.0
"""Seconds that one server of a zone has."""

IN_LINE = 15.0
"""Seconds more for a question that waits for its turn."""

AT_ONCE = 8
MOST_SERVERS = 24
"""Addresses of servers of one zone that are asked."""


class DnsAway(Trouble):
    """Nobody could say what there is.  `bogus`: because DNSSEC does not vouch for what was heard."""

    def __init__(self, name: str, kind: str, why: str, bogus: bool = False) -> None:
        super().__init__("4.4.3", "DNS gives no answer", f"{kind} of {name}: {why}")
        self.why = why
        self.bogus = bogus


@dataclass(frozen=True, slots=True)
class Served:
    """What one server of a zone says: `answer`, or `why` there is none."""

    host: str
    server: Server
    answer: Answer[str] | None = None
    why: str = ""

    def __str__(self) -> str:
        return f"{self.host} [{self.server.address}]"


class Dns:
    """One for each process.  Nothing is remembered: that is what resolvers are for.  Names may be IDNs and
    may have a last dot; what can be no name has no records.  Everything is `DnsAway` when nobody answers."""

    def __init__(
        self,
        clock: Clock | None = None,
        servers: Sequence[Server | str] = (),
        port: int = 53,
        *,
        trust_ad: bool = False,
        timeout: float = TIMEOUT,
        threads: Threads | None = None,
    ) -> None:
        """`servers`: the resolvers, by default those of the system.  `port`: on which these, if nothing else
        is said, and the servers of zones are asked.  `trust_ad`: the resolvers validate, and nobody stands
        between them and us."""
        self._clock = clock or process_clock()
        self._servers = [Server(one, port) if isinstance(one, str) else one for one in servers]
        self._port = port
        self._trust_ad = trust_ad
        self._timeout = timeout
        self._threads = threads or Threads(
            "dns", AT_ONCE, lost=True
        )  # a process does not wait for DNS to end

    # -- what there is
    async def mx(self, domain: str) -> Answer[Mx]:
        """In the order in which they are to be tried.  `takes_no_mail` tells a domain that wants none."""
        answer = await self._answer(domain, "MX", lambda rdata: Mx(rdata.preference, host(rdata.exchange)))
        return replace(answer, records=tuple(sorted(answer.records)))

    async def txt(self, name: str) -> Answer[str]:
        """Each record's strings joined, what is not ASCII as `\\xff`."""
        return await self._answer(name, "TXT", text)

    async def tlsa(self, name: str) -> Answer[Tlsa]:
        """`name` is `_25._tcp.mail.example.org`."""
        return await self._answer(
            name, "TLSA", lambda rdata: Tlsa(rdata.usage, rdata.selector, rdata.mtype, bytes(rdata.cert))
        )

    async def cname(self, name: str) -> Answer[str]:
        return await self._answer(name, "CNAME", lambda rdata: host(rdata.target))

    async def ns(self, zone: str) -> Answer[str]:
        return await self._answer(zone, "NS", lambda rdata: host(rdata.target))

    async def addresses(self, name: str) -> Answer[str]:
        """IPv6 before IPv4; an address is its own answer.  One family is enough when the other one's question
        finds nobody."""
        literal = _literal(name)
        if literal:
            return Answer(literal, "A", (literal,))
        return _of_both(await together(self._family(name, "AAAA"), self._family(name, "A")))

    async def caa(self, name: str) -> Answer[Caa]:
        """What an authority has to follow for `name`: its records, else those of the next name above that has
        any (rfc8659#3)."""
        above = labels(name.removeprefix("*.")) or []
        answer: Answer[Caa] = Answer(name, "CAA", exists=False)
        for at in range(len(above)):
            answer = await self._answer(_joined(above[at:]), "CAA", _caa)
            if answer:
                break
        return answer

    # -- from the servers of the zone
    async def zone(self, name: str, servers: Sequence[Server] = ()) -> str:
        """The zone in which `name` is, or would be; as `servers` know it, if they are told, and not what the
        resolvers see."""
        above = labels(name) or []
        for at in range(len(above)):
            candidate = _joined(above[at:])
            reply = await self._reply(candidate, "SOA", _name(above[at:]), servers)
            if reply.found.answer is not None and not reply.found.cnames:
                return candidate
        raise DnsAway(name, "SOA", "no zone has it")

    async def authoritative(self, name: str, kind: str = "TXT") -> tuple[Served, ...]:
        """What each server of its zone says of `name` itself, without a resolver in between; no CNAME is
        followed.  Records are as in zone files; TXT as from `txt`."""
        zone = await self.zone(name)
        servers = await self._servers_of(zone)
        if not servers:
            raise DnsAway(zone, "NS", "none of its servers has an address")
        return tuple(await together(*(self._served(at, server, name, kind) for at, server in servers)))

    async def _servers_of(self, zone: str) -> list[tuple[str, Server]]:
        names = (await self.ns(zone)).records[:MOST_SERVERS]
        found = await together(*(self._addresses_or_none(name) for name in names))
        pairs = zip(names, found, strict=True)
        return [(name, Server(address, self._port)) for name, its in pairs for address in its][:MOST_SERVERS]

    async def _addresses_or_none(self, name: str) -> tuple[str, ...]:
        try:
            return (await self.addresses(name)).records
        except DnsAway:
            return ()

    async def _served(self, at: str, server: Server, name: str, kind: str) -> Served:
        its = labels(name) or []
        try:
            reply = await self._in_thread(name, kind, asked, server, _name(its), kind, DIRECT, 0)
        except DnsAway as away:
            return Served(at, server, why=away.why)
        if not reply.authoritative:
            return Served(at, server, why="does not serve the zone")
        answer = self._read(reply, _joined(its), kind, text if kind == "TXT" else str)
        return Served(at, server, replace(answer, secure=False))

    # -- one question
    async def _family(self, name: str, kind: str) -> Answer[str] | DnsAway:
        try:
            return await self._answer(name, kind, lambda rdata: str(rdata.address))
        except DnsAway as away:
            return away

    async def _answer(self, name: str, kind: str, read: Callable[[Any], T]) -> Answer[T]:
        its = labels(name)
        if its is None:
            return Answer(name, kind, exists=False)
        return self._read(await self._reply(name, kind, _name(its)), _joined(its), kind, read)

    def _read(self, reply: Reply, name: str, kind: str, read: Callable[[Any], T]) -> Answer[T]:
        found = reply.found
        return Answer(
            name,
            kind,
            tuple(map(read, found.answer)) if found.answer is not None else (),
            found.minimum_ttl,
            self._trust_ad and reply.checked,
            reply.exists,
            tuple(host(rrset[0].target) for rrset in found.cnames),
        )

    async def _reply(self, name: str, kind: str, wire: Name, servers: Sequence[Server] = ()) -> Reply:
        return await self._in_thread(name, kind, self._resolve, wire, kind, servers)

    def _resolve(self, name: Name, kind: str, servers: Sequence[Server]) -> Reply:
        """In a thread."""
        chosen = servers or self._servers or system_servers(self._port)
        return resolved(chosen, name, kind, self._timeout, self._trust_ad)

    async def _in_thread(self, name: str, kind: str, ask: Callable[..., Reply], *args: Any) -> Reply:
        try:
            work = self._threads.run(ask, *args)
            return await within(self._clock, self._timeout + IN_LINE, work)
        except NoAnswer as error:
            raise DnsAway(name, kind, error.why, error.bogus) from None
        except TooLate:
            raise DnsAway(name, kind, "too many questions at once") from None


def host(name: Name) -> str:
    """A name in an answer, in lower case without the last dot; '' for the root.  Odd octets are `\\032`."""
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()


def text(rdata: Any) -> str:
    """The strings of a TXT joined, what is not ASCII as `\\xff`."""
    return b"".join(rdata.strings).decode("ascii", "backslashreplace")


def _caa(rdata: Any) -> Caa:
    tag, value = (octets.decode("ascii", "backslashreplace") for octets in (rdata.tag, rdata.value))
    return Caa(rdata.flags, tag.lower(), value)


def _of_both(families: Sequence[Answer[str] | DnsAway]) -> Answer[str]:
    """One answer of two; the trouble when there is nothing but trouble."""
    answers = [one for one in families if isinstance(one, Answer)]
    records = tuple(record for one in answers for record in one.records)
    if len(answers) < len(families) and not records:
        raise next(one for one in families if isinstance(one, DnsAway))
    with_records = [one for one in answers if one] or answers
    return replace(
        with_records[0],
        kind="A",
        records=records,
        ttl=min(one.ttl for one in with_records),
        secure=len(answers) == len(families) and all(one.secure for one in answers),
    )


def _literal(name: str) -> str:
    try:
        return str(ip_address(name.strip("[]")))
    except ValueError:
        return ""


def _joined(its: Sequence[bytes]) -> str:
    return b".".join(its).decode("ascii")


def _name(its: Sequence[bytes]) -> Name:
    return Name([*its, b""])
