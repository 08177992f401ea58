"""What a gateway can be made of: which port for which kind, and how the server is known again."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from mailtwist.gateway.api import Kind
from mailtwist.gateway.probe.found import KINDS, Port, Report
from mailtwist.gateway.upstream.settings import LOGS_IN
from mailtwist.tls.names import server_name

LABEL: Mapping[Kind, str] = {
    "imap": "IMAP",
    "pop3": "POP3",
    "submission": "submission",
    "smtp": "SMTP",
    "lmtp": "LMTP",
    "sieve": "ManageSieve",
}


@dataclass(frozen=True)
class Choice:
    """`ways` are the ports that a gateway would use; `pins` or `verify_name` say how their certificate is
    known, where it is not right by itself; `left` are sentences on what is left out."""

    ways: Mapping[Kind, Port]
    proxy: Literal["none", "v1", "v2"] = "none"
    pins: Sequence[str] = ()
    verify_name: str = ""
    left: Sequence[str] = ()

    @property
    def doors(self) -> Sequence[Kind]:
        """Kinds where people log in."""
        return [kind for kind in LOGS_IN if kind in self.ways]

    @property
    def possible(self) -> bool:
        """A gateway can be made of it."""
        return bool(self.doors)

    @property
    def judge(self) -> Kind:
        """Who is asked where the client's own protocol is not served."""
        return self.doors[0]


def chosen(report: Report, compared: Collection[str] = ()) -> Choice:
    """`compared` are keys that somebody has said to be the server's.  What is less safe than the rest is left
    out, and does not make the rest less safe: pins are for all of an upstream, and put an end to names."""
    left: list[str] = []
    good = [port for port in report.served if _fit(port, left)]
    proxy = Counter(port.proxy for port in good).most_common(1)[0][0] if good else "none"
    for port in good:
        if port.proxy != proxy:
            left.append(f"{label(port)}: it wants another PROXY header than the rest, which is one setting")
    ways = dict(_best([port for port in good if port.proxy == proxy], compared))
    secured = {kind: port for kind, port in ways.items() if port.certificate is not None and kind in LOGS_IN}
    if compared or any(port.right for port in secured.values()):
        for kind, port in secured.items():
            if not _known(port, compared):
                left.append(f"{label(port)}: {_unknown(port, compared)}")
                del ways[kind]
        return Choice(ways, proxy, tuple(compared) if secured else (), left=left)
    name = _other_name(list(secured.values()))
    pins = () if name else tuple(dict.fromkeys(_pins(secured.values())))
    return Choice(ways, proxy, pins, name, left)


def _known(port: Port, compared: Collection[str]) -> bool:
    if not compared:
        return port.right
    return port.certificate is not None and port.certificate.pin in compared


def _unknown(port: Port, compared: Collection[str]) -> str:
    assert port.certificate is not None
    if compared:
        return f"its key is {port.certificate.pin}, which is not one of those that were compared"
    return f"its certificate is not right as that of the rest is: {port.certificate.words}"


def label(port: Port) -> str:
    return f"{LABEL[port.kind]} {port.number}"


def _fit(port: Port, left: list[str]) -> bool:
    """Whether the gateway can use it; if not, `left` says why."""
    if why := _unfit(port):
        left.append(f"{label(port)}: {why}")
    return not why


def _unfit(port: Port) -> str:
    if not port.usable:
        return f"TLS is offered and does not come about: {port.why}"
    if port.certificate is not None and not port.certificate.pin:
        return "its certificate cannot be read, so it cannot be known again"
    if port.kind in ("smtp", "lmtp"):
        return ""
    if port.tokens_only:
        return "it takes access tokens only, not passwords; see docs/operators/oauth.rst"
    if not port.takes_password:
        return "it offers no way to log in with a password"
    if port.security == "plain" and not port.near:
        return "passwords would go to it in clear through other people's networks"
    return ""


def _best(ports: Iterable[Port], compared: Collection[str]) -> Iterator[tuple[Kind, Port]]:
    """For each kind the safest.  Where nothing else takes submissions, port 25 does if people log in there,
    as at many an Exchange."""
    ordered = sorted(ports, key=lambda port: (not _known(port, compared), _RANK[port.security or "plain"]))
    for kind in KINDS:
        found = [port for port in ordered if port.kind == kind]
        if kind == "submission":
            found += [port for port in ordered if port.kind == "smtp" and _lets_log_in(port)]
        if found:
            yield kind, found[0]


_RANK = {"implicit": 0, "starttls": 1, "plain": 2}


def _lets_log_in(port: Port) -> bool:
    return port.takes_password and (port.security != "plain" or port.near)


def _pins(ports: Iterable[Port]) -> Iterator[str]:
    return (port.certificate.pin for port in ports if port.certificate is not None)


def _other_name(ports: Sequence[Port]) -> str:
    """The name that all of their certificates are for, if nothing is wrong but that it is not the host's."""
    common: set[str] | None = None
    for port in ports:
        assert port.certificate is not None
        if any(one.code != "certificate-host-mismatch" for one in port.certificate.findings):
            return ""
        names = {name for name in port.certificate.names if _is_name(name)}
        common = names if common is None else common & names
    return min(common, default="") if common else ""


def _is_name(text: str) -> bool:
    """A host's, written as it is compared; no wildcard, no address."""
    try:
        ip_address(text)
    except ValueError:
        try:
            return server_name(text) == text and "*" not in text
        except ValueError:
            return False
    return False
