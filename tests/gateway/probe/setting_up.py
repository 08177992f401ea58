"""A gateway that `mailtwist quickstart` has set up before a real server, and that runs from just that."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from random import SystemRandom

from mailtwist.testing.server import COMMAND, RunningServer, import_path
from tests.backends.server import Server
from tests.gateway.probe.looking import KINDS
from tests.peers.programs import LASTING

USUAL = (143, 993, 110, 995, 587, 465, 4190, 25, 24)


def free_plus() -> int:
    """What can be added to all usual ports so that nobody listens there: above those of `free_ports` and
    below those of outgoing connections."""
    choices = list(range(LASTING[1], 32_768 - max(USUAL), 5))
    SystemRandom().shuffle(choices)
    for plus in choices:
        if all(_free(plus + port) for port in USUAL):
            return plus
    raise AssertionError("no free ports")


def _free(port: int) -> bool:
    with socket.socket() as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def ran(*words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """`mailtwist WORDS`"""
    return subprocess.run(
        [sys.executable, *COMMAND, *words],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": import_path(), "PYTHONIOENCODING": "utf-8"},
    )


def where(server: Server, *, implicit: bool = True) -> list[str]:
    """The options that name the ports of `server`, and its authority."""
    options = ["localhost", "--roots", str(server.root), "--time", "5"]
    found = {}
    for door, kind in KINDS.items():
        if door in server.ports and door != "imap-proxied" and (implicit or not door.endswith("s")):
            found[kind] = [*found.get(kind, []), server.ports[door]]
    for kind in ("imap", "pop3", "submission", "smtp", "sieve", "lmtp"):
        for port in found.get(kind, [1]):
            options += [f"--{kind}", str(port)]
    return options


def set_up(
    server: Server, folder: Path, *more: str, implicit: bool = True, typed: str = ""
) -> tuple[int, str]:
    """What was added to ports, and what the command said; `ann` is the first user."""
    plus = free_plus()
    options = ["--folder", str(folder), "--ports", str(plus), "--listen", "127.0.0.1"]
    ours = ["--hostname", "gw.example.test", *more]
    done = ran("quickstart", "gateway", *where(server, implicit=implicit), *options, *ours, typed=typed)
    assert done.returncode == 0, done.stdout + done.stderr
    return plus, done.stdout


def from_just_that(folder: Path) -> RunningServer:
    """The gateway with the very config that is there."""
    text = (folder / "mailtwist.ini").read_text()
    return RunningServer(folder, text)


def key_of(server: RunningServer, name: str) -> str:
    """What is in the authenticator app."""
    (token,) = json.loads(server.command("otp", "list", name, "--json"))
    return str(json.loads(server.command("otp", "show", name, token["id"], "--json"))["secret"])


def enrolled(server: RunningServer, name: str) -> str:
    """The same, of somebody who has had none."""
    return str(json.loads(server.command("otp", "enroll", name, "--json"))["secret"])
