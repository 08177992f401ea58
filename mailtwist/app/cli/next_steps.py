"""What is left to do once a gateway's config is there, as commands to copy."""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from mailtwist.app.cli.unit import USER
from mailtwist.app.tap import TWISTD
from mailtwist.config.load import Config
from mailtwist.config.network import Endpoint

PORTS = {
    "imap": (143, 993),
    "pop3": (110, 995),
    "submission": (587, 465),
    "sieve": (4190, 4190),
}


@dataclass(frozen=True)
class First:
    """Who has been given a second factor, if anybody, and whether it counts already."""

    name: str = ""
    confirmed: bool = False


def next_steps(config: Config, ini: Path, service: Path, first: First, runs_as: str) -> str:
    """For whoever has a terminal on this machine."""
    as_root = runs_as == USER
    program = os.path.abspath(sys.argv[0]) if os.sep in sys.argv[0] else "mailtwist"
    words = f"{shlex.quote(program)} --config {shlex.quote(str(ini))}"
    if as_root:
        words = f"runuser -u {USER} -- {words}"
    start = _start_as_root(config, service) if as_root else _start(ini, service)
    return "\n".join(["", *start, *_people(first, words), *_tries(config, first.name), *_world(config)])


def _start_as_root(config: Config, service: Path) -> list[str]:
    state = shlex.quote(str(config.server.state))
    return [
        "To start it:",
        f"  id {USER} || useradd --system --home-dir {state} --shell /usr/sbin/nologin {USER}",
        f"  mkdir -p -m 700 {state} && chown -R {USER}: {state}",
        f"  systemctl enable --now {shlex.quote(str(service))}",
    ]


def _start(ini: Path, service: Path) -> list[str]:
    twistd = shlex.join([sys.executable, *TWISTD, "--config", str(ini)])
    return [
        "To start it:",
        f"  {twistd}",
        "You are not root, so these are still to be done by who is: the service, and ports below 1024.",
        f"  systemctl enable --now {shlex.quote(str(service))}",
    ]


def _people(first: First, program: str) -> list[str]:
    lines = ["", "Nobody gets in without a code.  For each of your people:"]
    if first.name and not first.confirmed:
        lines = ["", f"{first.name} gets in once a code of the app is confirmed:"]
        lines += [f"  {program} otp confirm {shlex.quote(first.name)} CODE", "For each of the others:"]
    return [*lines, f"  {program} otp enroll NAME", f"  {program} otp confirm NAME CODE"]


def _tries(config: Config, name: str) -> list[str]:
    who = name or "NAME"
    host = str(config.server.hostname)
    login = shlex.quote(f"{who}:PASSWORD@CODE")
    lines = ["", *_before_trying(config, host)]
    trust = "" if _by_acme(config) else "--insecure "
    for kind, scheme, path in (("imap", "imaps", "INBOX"), ("pop3", "pop3s", "")):
        for port in _ports(config, kind, implicit=True):
            lines += [f"  curl {trust}--user {login} {scheme}://{host}:{port}/{path}"]
    for port in _ports(config, "submission", implicit=True):
        lines += [
            f"  swaks --server {host}:{port} --tls-on-connect --auth PLAIN --auth-user {shlex.quote(who)}"
            f" --auth-password PASSWORD@CODE --to {shlex.quote(who)} --from {shlex.quote(who)}"
        ]
    lines += [
        "In a mail program: the password is PASSWORD@CODE; what it has saved goes on working from there."
    ]
    return lines


def _before_trying(config: Config, host: str) -> list[str]:
    if _by_acme(config):
        return [
            f"Once DNS leads {host} here and port 80 is open, its certificate comes by itself;",
            "whether it has, and if not, why, says `mailtwist tls list`.  Then try it, with PASSWORD as at",
            "the server behind and CODE from the app:",
        ]
    return [
        "To try it, with PASSWORD as at the server behind and CODE from the app (--insecure: we made the",
        f"certificate ourselves; until DNS has {host}, write this machine's address for it):",
    ]


def _by_acme(config: Config) -> bool:
    return any(section.room == "tls" and section.type == "acme" for section in config.sections)


def _world(config: Config) -> list[str]:
    host = str(config.server.hostname)
    kinds = [kind for kind in PORTS for _ in _ports(config, kind, implicit=None)[:1]]
    ports = [port for kind in kinds for port in _ports(config, kind, implicit=None)]
    if _by_acme(config):
        ports.insert(0, 80)
    listed = ", ".join(map(str, dict.fromkeys(ports)))
    return [
        "",
        f"Then let {host} in DNS be this machine, and open these ports here: {listed}",
        "Close those of the server behind to all but this machine: as long as it can be reached past the",
        "gateway, a password alone gets in.",
    ]


def _ports(config: Config, kind: str, implicit: bool | None) -> list[int]:
    """Where we listen for it; with TLS from the start, or not, or all."""
    found: list[int] = []
    for section in config.sections:
        if section.room != "service" or section.type != f"{kind}_gateway":
            continue
        settings = section.settings
        if implicit is None or settings.implicit == implicit:
            listen: tuple[Endpoint, ...] = settings.listen or ()
            found += [place.port for place in listen] or [PORTS[kind][settings.implicit]]
    return found
