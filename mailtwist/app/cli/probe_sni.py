"""`mailtwist probe sni`: what a server shows with the right name, without one, and with a wrong one."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mailtwist.app.cli.answer import print_json
from mailtwist.app.cli.command import FAILED
from mailtwist.app.cli.inside import CannotDo
from mailtwist.app.cli.mx_told import certificate_json
from mailtwist.app.cli.probe_mx import asking, bounded, of_all
from mailtwist.config.notices import Peer
from mailtwist.config.problems import shown
from mailtwist.config.server import machine_name
from mailtwist.gateway.api import Kind
from mailtwist.gateway.probe.sni import SniPlan, SniReport, Try, looked_at
from mailtwist.gateway.probe.sni_quirks import notes, problems
from mailtwist.kit.clock import process_clock
from mailtwist.kit.resolver import Resolver

ADDRESSES = 3

KINDS: Mapping[str, Kind] = {"smtp": "smtp", "imap": "imap", "pop3": "pop3", "sieve": "sieve"}


def arguments(words: Any) -> None:
    parser: ArgumentParser = words.add_parser(
        "sni", help="what a server shows with the right name, without one, and with a wrong one"
    )
    parser.set_defaults(work=sni)
    parser.add_argument("where", metavar="HOST:PORT", help="mail.example.org:993")
    parser.add_argument("--starttls", choices=sorted(KINDS), help="TLS begins by STARTTLS there")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    of_all(parser)


async def sni(chosen: Namespace) -> int:
    """The work of `mailtwist probe sni`."""
    try:
        where = Peer.parse(chosen.where)
    except ValueError as wrong:
        raise CannotDo(shown(str(wrong), 300)) from None
    asking(chosen.roots).connection()
    plan = SniPlan(
        where.host,
        (await Resolver().addresses(where.host))[:ADDRESSES],
        where.port,
        process_clock(),
        chosen.roots,
        KINDS[chosen.starttls] if chosen.starttls else None,
        str(machine_name()),
        bounded(chosen.time),
    )
    report = await looked_at(plan)
    if chosen.json:
        print_json(as_json(report))
    else:
        sys.stdout.write("\n".join(told(report)) + "\n")
    return FAILED if problems(report) else 0


# -- for people
def told(report: SniReport) -> Iterator[str]:
    at = "" if report.address in ("", report.host) else f" ({report.address})"
    yield f"{report.host}:{report.port}{at}"
    if report.names:
        yield ""
        yield from _table([_row(one) for one in (*report.names, *report.alpns)])
    for title, sentences in (("What to know", notes(report)), ("Problems", problems(report))):
        if sentences:
            yield ""
            yield f"{title}:"
            yield from (f"* {words}" for words in sentences)
    if not problems(report):
        yield ""
        yield "No problem was found."


NAMES = {"right": "right name", "none": "no name", "wrong": "wrong name"}


def _row(one: Try) -> Sequence[str]:
    how = one.version or f"ALPN {one.alpn[0]}"
    if one.certificate is None:
        return NAMES[one.who], how, "-", one.why
    verdict = "" if one.certificate.right else " (NOT RIGHT)"
    names = ", ".join(one.certificate.names) or "no name"
    return NAMES[one.who], how, one.tls + (f", {one.chosen}" if one.chosen else ""), names + verdict


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    lines = [("SNI", "WAY", "TLS", "CERTIFICATE"), *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(3)]
    for line in lines:
        yield "  ".join([*(text.ljust(width) for text, width in zip(line, widths, strict=False)), line[3]])


# -- for programs
def as_json(report: SniReport) -> Mapping[str, object]:
    return {
        "host": report.host,
        "port": report.port,
        "address": report.address,
        "why": report.why,
        "tries": [_try(one) for one in (*report.names, *report.alpns)],
        "notes": notes(report),
        "problems": problems(report),
    }


def _try(one: Try) -> Mapping[str, object]:
    return {
        "sni": one.who,
        "version": one.version,
        "alpn": list(one.alpn),
        "alpn_chosen": one.chosen,
        "tls": one.tls,
        "why": one.why,
        "certificate": certificate_json(one.certificate),
    }
