"""`mailtwist tls dns`: the records that our names should have, as lines for a zone."""

import textwrap
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mailtwist.app.cli.answer import print_json
from mailtwist.app.cli.inside import CannotDo, Inside
from mailtwist.app.cli.tls_ours import Ordered, Ours, ours
from mailtwist.app.cli.tls_sections import of_a_section
from mailtwist.config.problems import shown
from mailtwist.kit.dns import DnsAway
from mailtwist.tls.advised import Advice, of_issuers, of_keys, of_persistence, of_policy, of_reports
from mailtwist.tls.names import server_name

WIDTH = 110


def arguments(words: Any) -> None:
    parser: ArgumentParser = words.add_parser(
        "dns", help="the records for a zone: TLSA, CAA, MTA-STS, TLSRPT, with a sentence each"
    )
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help="domains or hosts, and what is below them; by default all"
    )
    parser.add_argument(
        "--sts",
        choices=("testing", "enforce", "none"),
        default="testing",
        help="what the MTA-STS policy says: testing, unless this says otherwise",
    )
    of_a_section(parser)
    parser.set_defaults(work=dns)


async def dns(inside: Inside, chosen: Namespace) -> int:
    """The work of `mailtwist tls dns`."""
    names = [_name(text) for text in chosen.names]
    found = await ours(inside, chosen.section)
    every = list(advised(found, chosen.sts))
    some = [one for one in every if not names or any(_is_below(one.name, name) for name in names)]
    if not some:
        raise CannotDo(f"there is nothing to publish for {', '.join(names) or 'anybody'}")
    if chosen.json:
        print_json([_as_json(one) for one in some])
    else:
        print("\n".join(_told(found, some)))
    return 0


def _name(text: str) -> str:
    try:
        return server_name(text)
    except ValueError as wrong:
        raise CannotDo(shown(str(wrong), 300)) from None


def _is_below(name: str, above: str) -> bool:
    return f".{name}".endswith(f".{above}")


def advised(found: Ours, mode: Any) -> Iterator[Advice]:
    """By host, then by domain."""
    for host in found.hosts:
        yield of_keys(host, found.keys_of(host))
    for ordered in found.ordered:
        yield from _issuers(found, ordered)
    for domain in found.domains:
        if hosts := found.hosts_of(domain):
            yield of_policy(domain, hosts, mode)
            yield of_reports(domain, [f"postmaster@{domain}"])


def _issuers(found: Ours, ordered: Ordered) -> Iterator[Advice]:
    issuing = [one for one in ordered.issuing if one.issuers]
    for domain in _tops([*found.domains, *ordered.names]):
        below = [name for name in ordered.names if _is_below(name.removeprefix("*."), domain)]
        if below and issuing:
            wild = any(name.startswith("*.") for name in below)
            yield of_issuers(domain, issuing, ordered.methods, wild)
    if "dns-persist-01" in ordered.methods:
        for one in ordered.wanted:
            yield from of_persistence(one.name.removeprefix("*."), one.names, issuing)


def _tops(names: Sequence[str]) -> list[str]:
    """Without those that are below another."""
    bare = dict.fromkeys(name.removeprefix("*.") for name in names)
    return [name for name in bare if not any(name != one and _is_below(name, one) for one in bare)]


# -- for people
def _told(found: Ours, some: Sequence[Advice]) -> Iterator[str]:
    for domain, answer in found.mx.items():
        if isinstance(answer, DnsAway):
            words = f"DNS does not say who takes the mail of {domain} ({answer.why}); this host is assumed."
            yield from _comment(words)
    for ordered in found.ordered:
        for words in ordered.silent:
            yield from _comment(f"Not among the CAA records: {words}.")
    for one in some:
        yield ""
        yield from _comment(f"{one.about} for {one.name}. {one.words}")
        yield from map(str, one.lines)
        yield from (f";     {line}" for line in one.text.splitlines())


def _comment(words: str) -> Iterator[str]:
    lines = textwrap.wrap(shown(words, 1000), WIDTH, break_long_words=False, break_on_hyphens=False)
    return (f"; {line}" for line in lines)


# -- for programs
def _as_json(one: Advice) -> Mapping[str, object]:
    records = [
        {"name": line.name, "type": line.kind, "ttl": line.ttl, "value": line.value, "line": str(line)}
        for line in one.lines
    ]
    return {"name": one.name, "about": one.about, "words": one.words, "records": records, "text": one.text}
