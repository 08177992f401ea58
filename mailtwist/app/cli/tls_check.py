"""`mailtwist tls check`: whether certificates, listeners and what DNS says fit together; one sentence for
each problem."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Coroutine, Iterator, Sequence
from typing import Any

from twisted.internet.defer import DeferredSemaphore

from mailtwist.app.cli.answer import print_json
from mailtwist.app.cli.command import FAILED
from mailtwist.app.cli.inside import Inside
from mailtwist.app.cli.tls_doors import listeners, looked_at
from mailtwist.app.cli.tls_files import of_certificates, of_files
from mailtwist.app.cli.tls_ours import Ordered, Ours, ours
from mailtwist.app.cli.tls_sections import of_a_section
from mailtwist.config.problems import shown
from mailtwist.config.resolver import ResolverSettings
from mailtwist.kit.connecting import NotConnected, connected
from mailtwist.kit.dns import Dns, DnsAway
from mailtwist.kit.dns_records import takes_no_mail
from mailtwist.kit.lock import is_taken
from mailtwist.kit.spawn import together
from mailtwist.kit.trouble import Trouble
from mailtwist.kit.within import TooLate, within
from mailtwist.protocols.client import Call
from mailtwist.tls.acme.wanted import PointsHere
from mailtwist.tls.checking import UNSIGNED, Checked, of_issuers, of_keys, of_policy, of_reports
from mailtwist.tls.https import Https

AT_ONCE = 8
SECONDS = 60.0
"""For each of the things of which so many are looked at beside each other."""

REACH = 5.0
MOST = 50
"""Names of one section whose addresses are connected to."""

PORTS = {"http-01": 80, "tls-alpn-01": 443}
NOT_REACHED = (
    "port {port} of {host} ({address}) cannot be reached from here; authorities connect there for {way}:"
    " {why} (from outside that may be otherwise)"
)
NO_SERVER = "no server runs on {folder}: its listeners are not looked at"


def arguments(words: Any) -> None:
    parser: ArgumentParser = words.add_parser(
        "check", help="certificates, listeners and DNS: one sentence for each problem"
    )
    of_a_section(parser)
    parser.set_defaults(work=check)


async def check(inside: Inside, chosen: Namespace) -> int:
    """The work of `mailtwist tls check`."""
    found = Checked()
    about = await ours(inside, chosen.section)
    https = Https(inside.clock, seconds=10.0, reuse=False)
    try:
        turns = DeferredSemaphore(AT_ONCE)
        every = [_bounded(inside, turns, *one) for one in _checks(inside, about, https)]
        for one in await together(*every):
            found.add(one)
    finally:
        await https.stop()
    problems, notes = (list(dict.fromkeys(words)) for words in (found.problems, found.notes))
    if chosen.json:
        print_json({"problems": problems, "notes": notes})
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _told(problems, notes)))
    return FAILED if problems else 0


def _told(problems: Sequence[str], notes: Sequence[str]) -> Iterator[str]:
    for title, sentences in (("What to know", notes), ("Problems", problems)):
        if sentences:
            yield f"{title}:"
            yield from (f"* {shown(words, 1000)}" for words in sentences)
            yield ""
    yield "No problem was found." if not problems else f"{len(problems)} problems."


async def _bounded(
    inside: Inside, turns: DeferredSemaphore, what: str, work: Coroutine[Any, Any, Checked]
) -> Checked:
    await turns.acquire()
    try:
        return await within(inside.clock, SECONDS, work)
    except TooLate:
        return Checked([f"{what} could not be looked at within {SECONDS:.0f} s"])
    except Trouble as trouble:
        return Checked([f"{what} could not be looked at: {trouble.detail or trouble.public}"])
    finally:
        turns.release()


def _checks(inside: Inside, about: Ours, https: Https) -> Iterator[tuple[str, Coroutine[Any, Any, Checked]]]:
    """All of them, with a name for each."""
    dns, trusted = about.dns, inside.settings(ResolverSettings).trust_ad
    now = inside.clock.now()
    yield "certificates", inside.threads.run(of_certificates, about, now)
    yield "files", inside.threads.run(of_files, inside.sections, inside.folder)
    for host in about.hosts:
        yield f"TLSA of {host}", of_keys(dns, host, about.keys_of(host), trusted)
    for ordered in about.ordered:
        for name in ordered.names:
            yield f"CAA of {name}", of_issuers(dns, name, ordered.issuing, ordered.methods)
        yield f"the addresses of {ordered.section}", _reached(inside, about, ordered)
    for domain in about.domains:
        yield f"MX of {domain}", _of_mx(about, domain, trusted)
        yield f"MTA-STS of {domain}", of_policy(dns, https, domain, about.hosts_of(domain))
        yield f"TLSRPT of {domain}", of_reports(dns, domain)
    if is_taken(inside.folder):
        found, notes = listeners(inside.sections, about.parts)
        yield "listeners", _noted(notes)
        for one in found:
            yield one.title, looked_at(one, inside.clock, inside.hostname)
    else:
        yield "listeners", _noted([NO_SERVER.format(folder=inside.folder)])


async def _noted(notes: Sequence[str]) -> Checked:
    return Checked(notes=list(notes))


# -- where names lead
async def _reached(inside: Inside, about: Ours, ordered: Ordered) -> Checked:
    """Whether names lead here, and authorities reach us there."""
    points = PointsHere(about.dns, about.hostname, ordered.part.settings.addresses)
    await points.prepare()
    names = [name for name in ordered.names if not name.startswith("*.")][:MOST]
    found = Checked()
    places: dict[str, str] = {}
    for name, (why, addresses) in zip(
        names, await together(*(_addresses(about.dns, points, name) for name in names)), strict=True
    ):
        found.problems += [why] if why else []
        if not why:
            for address in addresses:
                places.setdefault(address, name)
    ways = [(way, PORTS[way]) for way in ordered.methods if way in PORTS]
    tries = [_try(inside, name, address, way, port) for address, name in places.items() for way, port in ways]
    found.problems += [why for why in await together(*tries) if why]
    return found


async def _addresses(dns: Dns, points: PointsHere, name: str) -> tuple[str, Sequence[str]]:
    try:
        return await points.why_not(name), (await dns.addresses(name)).records
    except DnsAway as away:
        return f"DNS does not say where {name} is: {away.why}", ()


async def _try(inside: Inside, host: str, address: str, way: str, port: int) -> str:
    call = Call(host, inside.clock, REACH)
    try:
        await connected(call, address, port, REACH)
    except NotConnected as trouble:
        return NOT_REACHED.format(port=port, host=host, address=address, way=way, why=trouble.why)
    call.abort()
    return ""


async def _of_mx(about: Ours, domain: str, trusted: bool) -> Checked:
    """Whether mail finds servers with certificates."""
    answer = about.mx[domain]
    if isinstance(answer, DnsAway):
        return Checked([f"DNS does not say who takes the mail of {domain}: {answer.why}"])
    if not answer:
        return Checked([f"{domain} has no MX record"])
    if takes_no_mail(answer):
        return Checked(notes=[f"{domain} takes no mail (MX 0 .)"])
    hosts = [one.host for one in answer.records]
    others = [host for host in hosts if not about.has(host)]
    found = Checked()
    if len(others) == len(hosts):
        found.problems.append(f"{domain}: there is a certificate for none of its MX: {', '.join(hosts)}")
    elif others:
        found.notes.append(f"{domain}: no certificate is here for its MX {', '.join(others)}")
    if trusted and not answer.secure and await _has_tlsa(about.dns, hosts):
        found.problems.append(UNSIGNED.format(what=f"MX of {domain}"))
    return found


async def _has_tlsa(dns: Dns, hosts: Sequence[str]) -> bool:
    return any(await together(*(dns.tlsa(f"_25._tcp.{host}") for host in hosts[:MOST])))
