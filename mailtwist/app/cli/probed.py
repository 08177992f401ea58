"""What was found out about a server, for people: a table and sentences; or for programs."""

from collections.abc import Iterator, Mapping, Sequence

from mailtwist.app.cli.answer import moment
from mailtwist.gateway.probe.choice import LABEL, Choice, label
from mailtwist.gateway.probe.found import Certificate, Port, Report
from mailtwist.gateway.probe.quirks import quirks

COLUMNS = ("PORT", "WHAT", "TLS", "CERTIFICATE", "LOGS IN BY", "LOGIN")
WIDEST = 40
MOST_OFFERED = 1_000
"""Characters of an offer; --json has it whole."""

TLS_WORDS = {"implicit": "from the start", "starttls": "STARTTLS", "plain": "none"}


# -- for people
def told(report: Report, choice: Choice) -> str:
    addresses = ", ".join(report.addresses)
    where = "" if addresses == report.host else f" ({addresses})"
    parts = [f"{report.host}{where}", "", *_table(_rows(report)), *_absent(report)]
    parts += _listed("Certificates", _certificates(report))
    parts += _listed("Offered", _offers(choice))
    parts += _listed("What to know", quirks(report))
    parts += _listed("Left out", choice.left)
    return "\n".join([*parts, "", _verdict(choice)]) + "\n"


def _rows(report: Report) -> Iterator[Sequence[str]]:
    yield COLUMNS
    for port in report.reached:
        yield (
            str(port.number),
            LABEL[port.kind],
            _tls(port),
            _certificate(port.certificate),
            ", ".join(_ways(port)) or "-",
            _login(port),
        )


def _tls(port: Port) -> str:
    if port.security is None:
        return "-"
    version = port.tls.partition(" ")[0]
    return f"{TLS_WORDS[port.security]}, {version}" if version else TLS_WORDS[port.security]


def _certificate(shown: Certificate | None) -> str:
    if shown is None:
        return "-"
    return "right" if shown.right else "NOT RIGHT"


def _ways(port: Port) -> Iterator[str]:
    if port.served and port.by_command:
        yield "LOGIN" if port.kind == "imap" else "USER"
    yield from (f"SASL {word}" for word in port.mechanisms)


def _login(port: Port) -> str:
    return port.mechanism or ("-" if not port.login else port.login.partition(":")[0])


def _absent(report: Report) -> Iterator[str]:
    """What is not there, in one line, and what answers otherwise, each by itself."""
    gone = [port for port in report.ports if not port.reached]
    if gone:
        yield ""
        yield f"Nobody listens: {', '.join(f'{label(port)} ({port.why})' for port in gone)}"
    for port in report.reached:
        if not port.served:
            said = f'; it says "{port.greeting}"' if port.greeting else ""
            yield f"{label(port)} is not understood: {port.why}{said}"


def _certificates(report: Report) -> Iterator[str]:
    """Each once, with the ports that show it."""
    seen: dict[Certificate, list[str]] = {}
    for port in report.reached:
        if port.certificate is not None:
            seen.setdefault(port.certificate, []).append(label(port))
    for one, ports in seen.items():
        names = ", ".join(one.names) or "no name"
        expires = moment(one.expires.timestamp())[:10] if one.expires else "?"
        issuer, pin = one.issuer or "?", one.pin or "?"
        yield f"{', '.join(ports)}: for {names}; by {issuer}; until {expires}; key {pin}"
        if not one.right:
            yield f"  NOT RIGHT: {one.words}"
    for port in report.reached:
        if port.login and ":" in port.login:
            yield f"{label(port)}: login {port.login}"


def _offers(choice: Choice) -> Iterator[str]:
    """What the ports say that a gateway would use."""
    for port in choice.ways.values():
        yield f"{label(port)}: {_cut(', '.join(port.offer))}"
        if port.late is not None and port.late != port.offer:
            yield f"{label(port)}, to who is logged in: {_cut(', '.join(port.late))}"


def _cut(text: str) -> str:
    return text if len(text) <= MOST_OFFERED else f"{text[:MOST_OFFERED]}..."


def _verdict(choice: Choice) -> str:
    if not choice.possible:
        return "No gateway can be made of this: nobody can log in there with a password."
    ways = ", ".join(f"{kind} = {port.number} {port.security}" for kind, port in choice.ways.items())
    known = ""
    if choice.pins:
        known = "\nIt would be known by its key, which you have to compare: --write says how."
    elif choice.verify_name:
        known = (
            f"\nIts certificate would be looked at for the name {choice.verify_name}: see that it is yours."
        )
    return f"A gateway can be made of this: {ways}{known}"


def _listed(title: str, sentences: Iterator[str] | Sequence[str]) -> Iterator[str]:
    found = list(sentences)
    if found:
        yield ""
        yield f"{title}:"
        yield from (f"* {words}" if not words.startswith(" ") else f"  {words.strip()}" for words in found)


def _table(rows: Iterator[Sequence[str]]) -> Iterator[str]:
    cut = [[text if len(text) <= WIDEST else text[: WIDEST - 3] + "..." for text in row] for row in rows]
    widths = [max(len(row[at]) for row in cut) for at in range(len(COLUMNS))]
    for row in cut:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


# -- for programs
def as_json(report: Report, choice: Choice) -> Mapping[str, object]:
    return {
        "host": report.host,
        "addresses": list(report.addresses),
        "ports": [_port(port) for port in report.ports],
        "quirks": quirks(report),
        "gateway": {
            "possible": choice.possible,
            "ways": {kind: f"{port.number} {port.security}" for kind, port in choice.ways.items()},
            "proxy": choice.proxy,
            "pins": list(choice.pins),
            "verify_name": choice.verify_name,
            "left_out": list(choice.left),
        },
    }


def _port(port: Port) -> Mapping[str, object]:
    return {
        "kind": port.kind,
        "port": port.number,
        "address": port.address,
        "reached": port.reached,
        "served": port.served,
        "why": port.why,
        "greeting": port.greeting,
        "security": port.security,
        "tls": port.tls,
        "certificate": _certificate_of(port.certificate),
        "certificate_without_sni": _certificate_of(port.nameless),
        "offered_in_clear": None if port.clear is None else list(port.clear),
        "offered": list(port.offer),
        "offered_after_login": None if port.late is None else list(port.late),
        "mechanisms": list(port.mechanisms),
        "by_command": port.served and port.by_command,
        "mechanism": port.mechanism,
        "tried": list(port.tried),
        "login": port.login,
        "proxy": port.proxy,
    }


def _certificate_of(shown: Certificate | None) -> Mapping[str, object] | None:
    if shown is None:
        return None
    return {
        "names": list(shown.names),
        "issuer": shown.issuer,
        "expires": shown.expires and moment(shown.expires.timestamp()),
        "pin": shown.pin,
        "right": shown.right,
        "findings": [one.words for one in shown.findings],
    }
