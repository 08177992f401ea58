"""`mailtwist probe`: what a mail server says of itself, and a config for a gateway in front of it."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from getpass import getpass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from mailtwist.app.assemble import CannotAssemble
from mailtwist.app.cli import probe_mx, probe_sni
from mailtwist.app.cli.answer import print_json
from mailtwist.app.cli.command import BAD_CONFIG, FAILED, Command
from mailtwist.app.cli.inside import CannotDo
from mailtwist.app.cli.probed import as_json, told
from mailtwist.auth.names import LONGEST_SECRET, BadName, canonical_domain, clean
from mailtwist.config.network import Hostname
from mailtwist.config.notices import MailAddress
from mailtwist.config.problems import BadConfig, shown
from mailtwist.config.server import machine_name
from mailtwist.gateway.api import Kind
from mailtwist.gateway.probe.choice import Choice
from mailtwist.gateway.probe.choice import chosen as made_of
from mailtwist.gateway.probe.found import KINDS, Report
from mailtwist.gateway.probe.host import USUAL, probed, tried_login
from mailtwist.gateway.probe.ini import Wishes, gateway_ini
from mailtwist.gateway.probe.trying import Plan
from mailtwist.kit.files import DiskFiles, write_whole
from mailtwist.kit.resolver import Resolver
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.names import server_name
from mailtwist.tls.outbound import Outbound
from mailtwist.tls.verdict import Pins, spelled

T = TypeVar("T")

ADDRESSES = 3
"""Of one name that are tried."""

STATE = "/var/lib/mailtwist"

UNPRIVILEGED = 10_000
"""What is added to ports so that they need no root: 10993."""


# -- what can be said on the command line
def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    probe_mx.arguments(words)
    probe_sni.arguments(words)
    server = words.add_parser("backend", help="a server that a gateway could stand in front of")
    server.set_defaults(work=backend)
    of_the_server(server)
    of_the_config(server)
    server.add_argument("--json", action="store_true", help="answer in JSON")
    server.add_argument(
        "--user", metavar="NAME", default="", help="log in there, too; the password is asked for"
    )
    server.add_argument(
        "--password-stdin", action="store_true", help="read that password from the first line of stdin"
    )
    server.add_argument("--write", metavar="FILE", type=Path, help="write a config for a gateway")
    server.add_argument("--force", action="store_true", help="also over a file that is there")
    server.add_argument("--config-only", action="store_true", help="print that config, and nothing else")


def of_the_server(parser: ArgumentParser) -> None:
    """How it is looked at."""
    parser.add_argument("host", metavar="HOST", help="the server's name, as its certificate has it")
    for kind in KINDS:
        usual = " or ".join(map(str, USUAL[kind]))
        words = f"a port with {kind}, in place of {usual}; may be there several times"
        parser.add_argument(f"--{kind}", metavar="PORT", type=int, action="append", help=words)
    parser.add_argument(
        "--roots", metavar="FILE", type=Path, help="authorities (PEM) that are trusted, not the system's"
    )
    parser.add_argument(
        "--pin",
        metavar="SHA256",
        action="append",
        default=[],
        help="a key of the server that you have compared",
    )
    parser.add_argument(
        "--try-proxy", action="store_true", help="where nobody greets, try with a PROXY header in front"
    )
    parser.add_argument("--time", type=float, default=8.0, metavar="SECONDS", help="for each answer: 8")


def of_the_config(parser: ArgumentParser) -> None:
    """How it is written."""
    parser.add_argument("--hostname", metavar="NAME", default="", help="what clients will connect to")
    parser.add_argument(
        "--domain", metavar="NAME", default="", help="what stands behind the @ of your people"
    )
    words = "listen on the usual ports, on those that need no root (10993), or on the usual ones plus N"
    parser.add_argument("--ports", metavar="usual|unprivileged|N", default="usual", help=words)
    parser.add_argument("--listen", metavar="ADDRESS", default="", help="listen there alone")
    parser.add_argument("--state", metavar="FOLDER", default="", help="the state folder")
    parser.add_argument(
        "--acme",
        metavar="EMAIL",
        default="",
        help="certificates from Let's Encrypt, to whose terms you agree; it may write there",
    )


@dataclass(frozen=True)
class Asked:
    """What was typed, understood."""

    host: str
    hostname: str
    domain: str
    plus: int
    listen: str
    ports: Mapping[Kind, Sequence[int]]
    roots: Path | None
    pins: tuple[str, ...]
    email: str


def understood(chosen: Namespace) -> Asked:
    """`CannotDo` with a sentence for what cannot be meant."""
    try:
        for path in filter(None, (chosen.state, chosen.roots)):
            if not str(path).isprintable():
                raise ValueError(f'"{shown(str(path))}" cannot stand in a config')
        return Asked(
            host=_host(chosen.host),
            hostname=str(Hostname.parse(chosen.hostname)) if chosen.hostname else str(machine_name()),
            domain=canonical_domain(chosen.domain) if chosen.domain else "",
            plus=_plus(chosen.ports),
            listen=str(ip_address(chosen.listen.strip("[]"))) if chosen.listen else "",
            ports={kind: _numbers(getattr(chosen, kind) or USUAL[kind]) for kind in KINDS},
            roots=chosen.roots and chosen.roots.absolute(),
            pins=tuple(spelled(pin) for pin in Pins.parse(" ".join(chosen.pin))),
            email=_email(chosen.acme, chosen.hostname),
        )
    except (ValueError, BadName) as wrong:
        raise CannotDo(shown(str(wrong), 300)) from None


def _host(text: str) -> str:
    try:
        return str(ip_address(text.strip("[]")))
    except ValueError:
        name = server_name(text)
    if name.startswith("*"):
        raise ValueError(f'"{name}" is many hosts; write one')
    return name


def _email(text: str, hostname: str) -> str:
    if text and "." not in hostname:
        raise ValueError(
            "--acme needs --hostname with the whole name that leads here, as the certificate has it"
        )
    return str(MailAddress.parse(text)) if text else ""


def _plus(text: str) -> int:
    known = {"usual": 0, "unprivileged": UNPRIVILEGED}
    if text not in known and not (text.isascii() and text.isdigit() and int(text) <= 60_000):
        raise ValueError(
            f'--ports "{text}": write usual, unprivileged, or a number that is added to the usual ones'
        )
    return known[text] if text in known else int(text)


def _numbers(numbers: Sequence[int]) -> Sequence[int]:
    if wrong := [number for number in numbers if not 0 < number < 65536]:
        raise ValueError(f"there is no port {wrong[0]}")
    return list(dict.fromkeys(numbers))


# -- the work
async def looked_at(
    asked: Asked, chosen: Namespace, login: tuple[bytes, bytes] | None
) -> tuple[Report, Choice]:
    """What the server says, and what can be made of it."""
    try:
        addresses = (await Resolver().addresses(asked.host))[:ADDRESSES]
        outbound = Outbound(roots=asked.roots)
        outbound.connection()
    except BadCertificate as bad:
        raise CannotDo(f"--roots: {bad.words}") from None
    plan = Plan(
        asked.host,
        addresses,
        outbound,
        name=asked.hostname,
        seconds=min(max(chosen.time, 1.0), 60.0),
        pins=asked.pins,
        try_proxy=chosen.try_proxy,
    )
    report = await probed(plan, asked.ports)
    if login is None:
        return report, made_of(report, asked.pins)
    return report, await tried_login(plan, report, *login)


def wishes(asked: Asked, state: str, user: str, report: Report) -> Wishes:
    """`user` is who logs in; if he has, at the server, his name is right as it was written."""
    known = any(port.late is not None for port in report.ports)
    return Wishes(
        host=asked.host,
        hostname=asked.hostname,
        state=state,
        domain=asked.domain or _domain_of(user),
        bare=bool(known and "@" not in user and asked.domain),
        roots=asked.roots,
        plus=asked.plus,
        address=asked.listen,
        email=asked.email,
    )


def _domain_of(user: str) -> str:
    try:
        return canonical_domain(user.rpartition("@")[2]) if "@" in user else ""
    except BadName as bad:
        raise CannotDo(f'"{shown(user)}" cannot be a name: {bad}') from None


async def backend(chosen: Namespace) -> int:
    """The work of `mailtwist probe backend`."""
    meant = understood(chosen)
    if chosen.write and chosen.write.exists() and not chosen.force:
        raise CannotDo(f"{chosen.write} is there already; --force writes over it")
    login = the_login(chosen.user, chosen.password_stdin) if chosen.user else None
    report, choice = await looked_at(meant, chosen, login)
    written = wishes(meant, chosen.state or STATE, chosen.user, report)
    if chosen.config_only:
        if not choice.possible:
            raise CannotDo(
                f"no gateway can be made of {report.host}; see mailtwist probe backend without --config-only"
            )
        sys.stdout.write(gateway_ini(choice, written))
        return 0
    if chosen.json:
        print_json(as_json(report, choice))
    else:
        sys.stdout.write(told(report, choice))
    if chosen.write and choice.possible:
        write_whole(DiskFiles(), chosen.write, gateway_ini(choice, written).encode())
        _tell(chosen.json, f"\nWritten: {chosen.write}; read it, then: mailtwist check {chosen.write}")
    return 0 if choice.possible else FAILED


def _tell(aside: bool, words: str) -> None:
    print(words, file=sys.stderr if aside else sys.stdout)


def the_login(user: str, from_stdin: bool) -> tuple[bytes, bytes]:
    """The name, and the password that is typed."""
    if from_stdin:
        secret = sys.stdin.buffer.readline(LONGEST_SECRET + 3).rstrip(b"\r\n")
    else:
        try:
            secret = getpass(f"Password of {shown(user)} there (no code): ").encode(
                "utf-8", "surrogateescape"
            )
        except EOFError:
            raise CannotDo("no password was typed; a program writes it to --password-stdin") from None
    name = user.encode("utf-8", "surrogateescape")
    if not clean(name, secret):
        raise CannotDo("name or password are empty, too long, or have control characters in them")
    return name, secret


# -- in a reactor of its own
def run_alone(work: Callable[[Namespace], Awaitable[int]], chosen: Namespace) -> int:
    """The exit status that `work` returns, without any config; FAILED with a sentence when it cannot be
    done."""
    ended: list[int] = []

    async def run() -> None:
        ended.append(await status_of(work, chosen))

    def begin(reactor: Any) -> Deferred[None]:
        return started(run())

    try:
        react(begin, [])
    except SystemExit as end:
        if end.code:
            raise
    return ended[0]


async def status_of(work: Callable[[Namespace], Awaitable[int]], chosen: Namespace) -> int:
    """What `work` returns, or what stands for the sentence that is told on stderr."""
    try:
        return await work(chosen)
    except (BadConfig, CannotAssemble) as bad:
        print(bad, file=sys.stderr)
        return BAD_CONFIG
    except CannotDo as cannot:
        words = str(cannot)
    except Trouble as trouble:
        words = trouble.detail or trouble.public
    except OSError as error:
        words = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    print(f"mailtwist: {shown(words, 300)}", file=sys.stderr)
    return FAILED


def run(chosen: Namespace) -> int:
    return run_alone(chosen.work, chosen)


command = Command(
    "looks at mail servers: TLS, certificates, and what a gateway's config for one is",
    run,
    arguments,
    needs_config=False,
)
