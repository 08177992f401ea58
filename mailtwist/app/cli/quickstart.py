"""`mailtwist quickstart`: from the name of a mail server to a gateway in front of it, in one go."""

import os
import pwd
import shutil
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from getpass import getpass
from pathlib import Path

from twisted.internet.utils import getProcessOutputAndValue

from mailtwist.app.assemble import Assembled
from mailtwist.app.cli import check
from mailtwist.app.cli.answer import qr_code
from mailtwist.app.cli.command import BAD_CONFIG, FAILED, Command
from mailtwist.app.cli.inside import CannotDo, Inside, person_named
from mailtwist.app.cli.next_steps import First, next_steps
from mailtwist.app.cli.probe import (
    looked_at,
    of_the_config,
    of_the_server,
    run_alone,
    the_login,
    understood,
    wishes,
)
from mailtwist.app.cli.probed import told
from mailtwist.app.cli.unit import STATE, USER, unit
from mailtwist.auth.api import Person
from mailtwist.auth.enrolled import SecondFactors, the_second_factors
from mailtwist.config.load import Config, load
from mailtwist.gateway.probe.ini import gateway_ini
from mailtwist.kit.files import DiskFiles, write_whole

ETC = Path("/etc/mailtwist")
INI, SERVICE = "mailtwist.ini", "mailtwist.service"
TRIES = 3
"""Codes that may be typed to confirm."""


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    gateway = words.add_parser("gateway", help="a second factor in front of a mail server that is there")
    of_the_server(gateway)
    of_the_config(gateway)
    gateway.add_argument("--folder", metavar="FOLDER", type=Path, default=ETC, help=f"where all goes: {ETC}")
    gateway.add_argument("--user", metavar="NAME", default="", help="who gets a second factor first")
    gateway.add_argument(
        "--login",
        action="store_true",
        help="also log in as that user while looking; the password is asked for",
    )
    gateway.add_argument(
        "--password-stdin", action="store_true", help="read that password from the first line of stdin"
    )
    gateway.add_argument(
        "--force", action="store_true", help="write over a config and a unit file that are there"
    )


async def gateway(chosen: Namespace) -> int:
    """The work of `mailtwist quickstart gateway`: each step says what it did, or what was there."""
    if (chosen.login or chosen.password_stdin) and not chosen.user:
        raise CannotDo("--login needs --user, who logs in")
    folder = chosen.folder.absolute()
    ini = folder / INI
    if ini.exists() and not chosen.force:
        print(f"There already: {ini} (--force looks at {chosen.host} again and writes over it)")
    elif not await _written(chosen, ini):
        return FAILED
    config = load(ini)
    if not await _checked(config):
        return BAD_CONFIG
    await _unit(chosen, config, folder / SERVICE)
    first = await _enrolled(config, chosen.user) if chosen.user else First()
    given_to_the_owner(config.server.state)
    print(next_steps(config, ini, folder / SERVICE, first, runs_as()))
    return 0


# -- the config
async def _written(chosen: Namespace, ini: Path) -> bool:
    meant = understood(chosen)
    asks = chosen.login or chosen.password_stdin
    login = the_login(chosen.user, chosen.password_stdin) if asks else None
    print(f"Looking at {meant.host} ...\n", flush=True)
    report, choice = await looked_at(meant, chosen, login)
    print(told(report, choice))
    if not choice.possible:
        return False
    if any(port.login.startswith("refused") for port in report.ports):
        raise CannotDo(f"{meant.host} refuses this name with this password; nothing was written")
    text = gateway_ini(choice, wishes(meant, _state(chosen), chosen.user, report))
    _make(ini.parent)
    write_whole(DiskFiles(), ini, text.encode(), 0o644)  # for who runs it; no secret is in it
    print(f"Written: {ini}")
    if choice.pins or choice.verify_name:
        print("  COMPARE the key or the name of the server in it before anybody logs in.")
    return True


def _state(chosen: Namespace) -> str:
    """The usual folder where the config is in the usual one; else beside it."""
    if chosen.state:
        return str(Path(chosen.state).absolute())
    return str(STATE) if chosen.folder.absolute() == ETC else "state"


def _make(folder: Path) -> None:
    if not folder.is_dir():
        DiskFiles().make_folder(folder, 0o755)


async def _checked(config: Config) -> bool:
    """What `mailtwist check` says.  Ports that cannot be had are for whoever starts it."""
    assembled = Assembled(config)
    try:
        found = await check.problems(config, assembled)
    finally:
        assembled.threads.stop()
    for problem in found:
        print(problem, file=sys.stderr)
    if not found:
        print("Checked: mailtwist check says ok")
    return all(problem.setting == "listen" for problem in found)


# -- the unit file
def runs_as() -> str:
    """The user in the unit file."""
    return USER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


async def _unit(chosen: Namespace, config: Config, path: Path) -> None:
    host = understood(chosen).host
    try:
        text = unit(host, path.parent / INI, Path(config.server.state), runs_as())
    except ValueError as wrong:
        raise CannotDo(str(wrong)) from None
    if path.exists() and not chosen.force:
        print(f"There already: {path}")
        return
    write_whole(DiskFiles(), path, text.encode(), 0o644)
    print(f"Written: {path}")
    program = shutil.which("systemd-analyze")
    if program is not None:
        out, err, status = await getProcessOutputAndValue(program, ["verify", str(path)], os.environ)
        about = [line for line in (out + err).decode("utf-8", "replace").splitlines() if path.name in line]
        if status and about:
            print("\n".join(["systemd has something to say about it:", *about]), file=sys.stderr)


# -- the first user
async def _enrolled(config: Config, name: str) -> First:
    assembled = Assembled(config)
    try:
        inside = Inside(assembled)
        factors = inside.one(the_second_factors)
        inside.parts("directory")
        await inside.begin()
        _, person = await person_named(inside, name)
        return First(person.name, await _token(factors, person))
    finally:
        await assembled.stop()


async def _token(factors: SecondFactors, person: Person) -> bool:
    """Whether it counts already."""
    tokens = await factors.tokens(person)
    if any(token.active for token in tokens):
        print(f"There already: {person.name} has a second factor (mailtwist otp show {person.name})")
        return True
    if tokens:
        print(f"There already: {person.name} has a token that waits to be confirmed (mailtwist otp show)")
    else:
        made = await factors.enroll(person, "totp", "phone", factors.form(person, "totp"))
        print(f"\nFor the authenticator app of {person.name}:\n{qr_code(made.uri)}")
        print(f"{made.uri}\nKey: {made.secret}\n")
    asks = sys.stdin is not None and sys.stdin.isatty()
    return asks and await confirmed(factors, person, getpass)


async def confirmed(factors: SecondFactors, person: Person, ask: Callable[[str], str]) -> bool:
    """It counts once somebody has typed a code; that can wait, too."""
    for _ in range(TRIES):
        try:
            code = ask("A code that the app shows (Enter: later): ").replace(" ", "")
        except EOFError:
            break
        if not code:
            break
        if await factors.confirm(person, code, ""):
            print("Confirmed; this code is used, the next one gets in.")
            return True
        print("That is not it; look at the clocks of both machines.")
    return False


def given_to_the_owner(state: Path) -> None:
    """What root has made in the state folder of somebody belongs to that one."""
    if os.geteuid() != 0 or not state.is_dir():
        return
    owner = state.stat()
    if owner.st_uid == 0:
        return
    for folder, _, files in os.walk(state):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            if os.lstat(path).st_uid == 0:
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def run(chosen: Namespace) -> int:
    return run_alone(gateway, chosen)


command = Command(
    "sets up a gateway in front of a mail server, in one go", run, arguments, needs_config=False
)
