"""`mailtwist probe mx`: what TLS with the mail servers of a domain is worth.  No mail is sent."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from mailtwist.app.cli.answer import print_json
from mailtwist.app.cli.command import FAILED
from mailtwist.app.cli.inside import CannotDo
from mailtwist.app.cli.mx_told import as_json, told
from mailtwist.config.problems import shown
from mailtwist.config.resolver import DnsServer
from mailtwist.config.server import machine_name
from mailtwist.delivery.remote.mx import literal
from mailtwist.delivery.remote.session import Ours
from mailtwist.gateway.probe.asking import Asking
from mailtwist.gateway.probe.mx import MxPlan, looked_at
from mailtwist.gateway.probe.mx_quirks import problems
from mailtwist.kit.clock import process_clock
from mailtwist.kit.dns import Dns
from mailtwist.kit.dns_records import Server
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.https import Https
from mailtwist.tls.names import server_name

SECONDS = 30.0
"""For each answer: there are servers that greet only after twenty."""

HTTPS = 30.0


def arguments(words: Any) -> None:
    parser: ArgumentParser = words.add_parser("mx", help="the mail servers of a domain: TLS, DANE, MTA-STS")
    parser.set_defaults(work=mx)
    parser.add_argument("domain", metavar="DOMAIN|HOST", help="a domain, a host, or an address")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    parser.add_argument("--port", type=int, default=25, metavar="PORT", help="in place of 25")
    parser.add_argument(
        "--dns", metavar="SERVER", default="", help="ask this resolver (127.0.0.1:5353), not the system's"
    )
    of_all(parser)


def of_all(parser: ArgumentParser) -> None:
    """What `probe sni` has, too."""
    parser.add_argument(
        "--roots", metavar="FILE", type=Path, help="authorities (PEM) that are trusted, not the system's"
    )
    words = f"for each answer: {SECONDS:g}"
    parser.add_argument("--time", type=float, default=SECONDS, metavar="SECONDS", help=words)


async def mx(chosen: Namespace) -> int:
    """The work of `mailtwist probe mx`."""
    domain = _domain(chosen.domain)
    if not 0 < chosen.port < 65536:
        raise CannotDo(f"there is no port {chosen.port}")
    https = Https(process_clock(), seconds=HTTPS, roots=chosen.roots, reuse=False)
    try:
        report = await looked_at(_plan(chosen, https), domain)
    finally:
        await https.stop()
    if chosen.json:
        print_json(as_json(report))
    else:
        sys.stdout.write(told(report))
    return FAILED if problems(report) else 0


def _plan(chosen: Namespace, https: Https) -> MxPlan:
    return MxPlan(
        Dns(process_clock(), _servers(chosen.dns), trust_ad=True),
        https,
        _ours(chosen, nameless=False),
        _ours(chosen, nameless=True),
        chosen.port,
    )


def _ours(chosen: Namespace, *, nameless: bool) -> Ours:
    seconds = bounded(chosen.time)
    return Ours(
        str(machine_name()),
        asking(chosen.roots, nameless=nameless),
        process_clock(),
        min(seconds, 10.0),
        seconds,
        2 * seconds,
    )


def asking(roots: Path | None, **how: Any) -> Asking:
    """`CannotDo` when the roots are none."""
    try:
        return Asking(roots, **how)
    except BadCertificate as bad:
        raise CannotDo(f"--roots: {bad.words}") from None


def bounded(seconds: float) -> float:
    return min(max(seconds, 1.0), 120.0)


def _domain(text: str) -> str:
    if address := literal(text):
        return address
    try:
        name = server_name(text.rpartition("@")[2])
    except ValueError as wrong:
        raise CannotDo(shown(str(wrong), 300)) from None
    if name.startswith("*"):
        raise CannotDo(f'"{name}" is many hosts; write one')
    return name


def _servers(text: str) -> list[Server]:
    if not text:
        return []
    try:
        found = DnsServer.parse(text)
    except ValueError as wrong:
        raise CannotDo(shown(str(wrong), 300)) from None
    return [Server(found.address, found.port or 53)]
