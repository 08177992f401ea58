"""`mailtwist demo`: a whole mail host on this machine alone, with two users, ready to be tried."""

import json
import os
import shlex
import sys
import time
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyotp
from twisted.internet.defer import Deferred
from twisted.internet.task import react

from mailtwist.app.assemble import Assembled
from mailtwist.app.cli.answer import qr_code
from mailtwist.app.cli.command import FAILED, Command
from mailtwist.app.tap import TWISTD
from mailtwist.auth.api import Person, SupportsPeople
from mailtwist.config.load import Config, load
from mailtwist.kit.files import DiskFiles, write_whole
from mailtwist.kit.ids import new_id
from mailtwist.kit.spawn import started
from mailtwist.services.listen import CannotListen

DOMAIN = "laptop.test"
USERS = ("ann", "bob")
INI, SECRETS = "laptop.ini", "demo.json"
SERVICES = ("mx", "submission", "submissions", "imap", "imaps", "pop3", "pop3s")
PERIOD = 30

TEXT = """
A mail host for laptop.test, for this machine alone; everything is kept in
{folder}

  user             password      code right now (a new one in {seconds} s)
  {ann.name}  {ann.password}    {ann.code}
  {bob.name}  {bob.password}    {bob.code}

Log in with the user name and password@code, as in {ann.password}@{ann.code}
A code is good once; what a mail program has saved goes on working from this machine.

The codes of ann for an authenticator app (its key is {ann.secret}):
{qr}
  SMTP        {mx} (mail from outside)
  submission  {submission} (STARTTLS)   {submissions} (TLS)
  IMAP        {imap} (STARTTLS)   {imaps} (TLS)
  POP3        {pop3} (STLS)       {pop3s} (TLS)

To try it, in another terminal:

  S=$({command})

  swaks --server localhost:{submission} --tls --from ann@laptop.test --to ann@laptop.test \\
    --auth PLAIN --auth-user ann@laptop.test --auth-password "$S"
  printf 'Subject: hello\\n\\nIt works.\\n' | curl --insecure --user "ann@laptop.test:$S" --crlf \\
    --mail-from ann@laptop.test --mail-rcpt ann@laptop.test --upload-file - smtps://localhost:{submissions}
  curl --insecure --user "ann@laptop.test:$S" 'imaps://localhost:{imaps}/INBOX;MAILINDEX=1'
  curl --insecure --user "ann@laptop.test:$S" pop3s://localhost:{pop3s}/1
  openssl s_client -crlf -quiet -connect localhost:{imaps} -servername mail.laptop.test

After six wrong codes (twenty for an account that has been in from here) a right one is answered with
"try again later" too, for up to a quarter of an hour; what is saved goes on working.  To see why, and to
end it:

  export MAILTWIST_CONFIG={ini}
  {program} history ann
  {program} ban list
  {program} ban lift ann 127.0.0.1

Thunderbird: address ann@laptop.test, password as above; configure by hand:
  IMAP localhost {imaps} SSL/TLS, SMTP localhost {submissions} SSL/TLS, normal password,
  user ann@laptop.test; confirm the exception for the certificate, which this server has made itself.

Ctrl-C ends it; the next start keeps the mail.
"""


@dataclass(frozen=True)
class Shown:
    """What the screen says of one user."""

    name: str
    password: str
    code: str
    uri: str
    secret: str


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", default="state", help="where everything is kept: ./state")
    words = "print what USER types as a password now, password@code, for the server that is running"
    parser.add_argument("--secret", metavar="USER", choices=USERS, help=words)


def run(chosen: Namespace) -> int:
    folder = Path(chosen.folder).absolute()
    config = load(_ini(folder))
    if chosen.secret:
        shown = _people(Assembled(config), folder)[USERS.index(chosen.secret)]
        print(f"{shown.password}@{shown.code}")
        return 0
    try:
        _try_ports(Assembled(config))
    except CannotListen as taken:
        print(f"mailtwist demo: {taken}; stop what is there, or edit {folder / INI}", file=sys.stderr)
        return FAILED
    people = _people(Assembled(config), folder)
    print(_screen(folder, people, _ports(config)), flush=True)
    os.execv(sys.executable, [sys.executable, *TWISTD, "--config", str(folder / INI)])


def _ini(folder: Path) -> Path:
    """The config in the folder; what was changed there stays changed."""
    DiskFiles().make_folder(folder)
    ini = folder / INI
    if not ini.exists():
        text = files("mailtwist.app.cli").joinpath(INI).read_text()
        write_whole(DiskFiles(), ini, text.replace("\nstate = state\n", "\nstate = .\n").encode())
    return ini


def _try_ports(assembled: Assembled) -> None:
    services = assembled.parts("service").values()
    try:
        for service in services:
            service.bind()
    finally:
        for service in services:
            service.unbind()


# -- the users
def _people(assembled: Assembled, folder: Path) -> list[Shown]:
    found: list[Shown] = []

    def begin(reactor: Any) -> Deferred[None]:
        return started(_prepare(assembled, folder, found))

    try:
        react(begin, [])
    except SystemExit as ended:
        if ended.code:
            raise
    return found


async def _prepare(assembled: Assembled, folder: Path, found: list[Shown]) -> None:
    directory, totp = assembled.part("directory", "people"), assembled.part("factor", "totp")
    await assembled.start()
    try:
        passwords = _passwords(folder)
        for user in USERS:
            person = await _person(directory, f"{user}@{DOMAIN}", passwords[user])
            found.append(await _shown(totp, person, passwords[user]))
    finally:
        await assembled.stop()


def _passwords(folder: Path) -> dict[str, str]:
    """Made at the first start; for the screen only, the directory has hashes."""
    file = folder / SECRETS
    if file.exists():
        known: dict[str, str] = json.loads(file.read_text())
        return known
    made = {user: new_id(10) for user in USERS}
    write_whole(DiskFiles(), file, json.dumps(made).encode())
    return made


async def _person(directory: SupportsPeople, name: str, password: str) -> Person:
    for person in await directory.people():
        if person.name == name:
            return person
    return await directory.add(name, password.encode())


async def _shown(totp: Any, person: Person, password: str) -> Shown:
    if not await totp.enrolled(person.account):
        made = await totp.enroll(person.account, person.name, "demo")
        # Confirmed with the code before this one: the one on the screen is still to be used.
        await totp.confirm(person.account, pyotp.TOTP(made.secret).at(int(time.time()) - PERIOD), made.token)
    token = next(token for token in await totp.tokens(person.account) if token.active)
    shown = await totp.shown(token, person.name)
    return Shown(person.name, password, await totp.code(token), shown.uri, shown.secret)


# -- the screen
def _ports(config: Config) -> dict[str, int]:
    services = [section for section in config.sections if section.room == "service"]
    return {
        service.name: next((place.port for place in service.settings.listen or ()), 0) for service in services
    }


def _screen(folder: Path, people: list[Shown], ports: dict[str, int]) -> str:
    ann, bob = people
    program = os.path.abspath(sys.argv[0]) if os.sep in sys.argv[0] else "mailtwist"
    return TEXT.format(
        folder=folder,
        ann=ann,
        bob=bob,
        qr=qr_code(ann.uri),
        seconds=PERIOD - int(time.time()) % PERIOD,
        command=shlex.join([program, "demo", str(folder), "--secret", "ann"]),
        program=shlex.quote(program),
        ini=shlex.quote(str(folder / INI)),
        **{name: ports.get(name, "(none)") for name in SERVICES},
    )


command = Command("starts a mail host on this machine alone, to try it", run, arguments, needs_config=False)
