"""A whole gateway in front of a real server: its process, its people with their authenticators, its clock."""

import atexit
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.backends import shared
from tests.backends.server import Server
from tests.peers.host import Host
from tests.whole_host import TLS

DOMAIN = "inside.test"
DOORS = {
    "imap": ("imap", "imaps"),
    "pop3": ("pop3", "pop3s"),
    "submission": ("submission", "submissions"),
    "smtp": ("smtp",),
    "lmtp": ("lmtp",),
    "sieve": ("sieve",),
}
"""Of each kind that is served, our doors: the last of two has implicit TLS."""

HEAD = """\
[server]
hostname = gateway.example.test
state = state
{server}
[notices]
send = no

[factor:totp]
"""
PEOPLE = f"""
[directory:people]
type = upstream
upstream = inside
domains = {DOMAIN}
"""


def ways(*servers: Server, security: str = "implicit") -> dict[str, str]:
    """How each kind is reached at these servers, the first that has it: in implicit TLS where that is
    there, else with STARTTLS; or always with another `security`."""
    found: dict[str, str] = {}
    for server in servers:
        for kind, doors in DOORS.items():
            for door in reversed(doors) if security == "implicit" else doors[:1]:
                if door in server.ports and kind not in found:
                    found[kind] = f"{server.ports[door]} {_how(kind, door, security)}"
    return found


def _how(kind: str, door: str, security: str) -> str:
    if kind == "lmtp":
        return "plain"
    return "starttls" if security == "implicit" and door == kind else security


def gateway_ini(
    found: Mapping[str, str],
    root: Path,
    *,
    people: str = PEOPLE,
    server: str = "",
    inside: str = "",
    service: str = "",
    more: str = "",
    hosts: str = "localhost",
) -> str:
    """A door for each kind in `found`.  `server`, `inside` and `service` are more lines of [server], of the
    upstream and of each service, `more` are more sections."""
    lines = "".join(f"{kind} = {how}\n" for kind, how in found.items())
    roots = "" if all(how.endswith(" plain") for how in found.values()) else f"roots = {root}\n"
    upstream = f"\n[upstream:inside]\ntype = server\nhosts = {hosts}\n{roots}{lines}{inside}\n"
    doors = "".join(_service(kind, door, service) for kind in found for door in DOORS[kind])
    return HEAD.format(server=server) + TLS + people + upstream + doors + more


def _service(kind: str, door: str, service: str) -> str:
    tls_mode = "tls_mode = implicit\n" if door != kind else ""
    alone = kind in ("smtp", "lmtp") and "upstream =" not in service
    upstream = "upstream = inside\n" if alone else ""
    return (
        f"\n[service:{door}]\ntype = {kind}_gateway\nlisten = 127.0.0.1:0\ntls = public\n"
        f"{tls_mode}{upstream}{service}\n"
    )


class Gateway(Host):
    """In front of `servers` (the first that has it serves a kind), one of which, `home`, knows the people."""

    domain = DOMAIN

    def __init__(
        self, *servers: Server, home: Server | None = None, security: str = "implicit", **how: str
    ) -> None:
        self.home = home or servers[0]
        found = ways(*servers, security=security)
        self.services = [door for kind in found for door in DOORS[kind]]
        folder = Path(tempfile.mkdtemp(prefix="mailtwist-gateway-"))
        super().__init__(folder, gateway_ini(found, servers[0].root, **how))

    def admit(self, address: str, password: str) -> None:
        """The server behind knows it."""
        self.home.add(address, password)


@cache
def before_dovecot() -> Gateway:
    """Every door but port 25."""
    return until_the_end(Gateway(shared.dovecot()))


@cache
def before_postfix() -> Gateway:
    """Submission and port 25; who may log in is said by Dovecot."""
    return until_the_end(Gateway(shared.postfix(), home=shared.dovecot(), people=_judged("submission")))


@cache
def before_login_only() -> Gateway:
    """Before what Exchange's SMTP is like."""
    return until_the_end(Gateway(shared.login_only()))


@cache
def before_named_only() -> Gateway:
    """Before what Gmail's TLS is like."""
    return until_the_end(Gateway(shared.named_only()))


@cache
def before_cyrus() -> Gateway:
    return until_the_end(Gateway(shared.cyrus()))


def until_the_end(gateway: Gateway) -> Gateway:
    """It stops when the tests end."""
    atexit.register(gateway.end)
    return gateway


def _judged(kind: str) -> str:
    return f"{PEOPLE}judge = {kind}\n"
