"""A real server whose directory and factor write down what they are asked, with a clock that a test sets."""

import atexit
import json
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyotp

from mailtwist.app.tap import TWISTD
from mailtwist.testing.serve import words_with_clock
from mailtwist.testing.server import RunningServer, import_path

INI = """\
[server]
hostname = mail.example.test
state = state
{server}
[audit]
path = audit.jsonl
[notices]
send = no
[login]
refusal = 0.3 s
quantum = 0.1 s
{login}
[limits]
{limits}
[tls:public]
type = self_signed
[directory:people]
type = sqlite
hash_memory = 8 KiB
hash_passes = 1
[factor:totp]
[factor:device-code]
[factor:recovery]
[store:mail]
type = maildir
[target:local]
type = mailbox
store = mail
[service:imaps]
type = imap
tls = public
tls_mode = implicit
listen = 127.0.0.1:0
store = mail
[service:pop3s]
type = pop3
tls = public
tls_mode = implicit
listen = 127.0.0.1:0
store = mail
[service:submissions]
type = submission
tls = public
tls_mode = implicit
listen = 127.0.0.1:0
target = local
"""
DOMAIN = "example.test"

OTHER_BUCKETS = ("address", "address_long", "network", "account_long", "known", "known_long")
MANY = "1000000 in 1 h"


def limits(own: str) -> str:
    """Lines of [limits] in which `own` is the number for one account, and nothing else is in the way."""
    lines = [f"{name} = {MANY}" for name in OTHER_BUCKETS]
    lines += [f"account = {own} in 1 h", f"account_address = {own} in 15 min"]
    return "\n".join([*lines, "spray_cost = 1", "alarm_least = 1000000"])


@dataclass
class Known:
    """An account with an authenticator, if it has a seed."""

    site: "Watched"
    name: str
    account: str
    password: bytes
    seed: str

    def code(self) -> bytes:
        """What the phone shows now."""
        return pyotp.TOTP(self.seed).at(int(self.site.now())).encode()

    def fresh(self) -> bytes:
        """`password@code` with a code that was never used: the clock goes on by a step."""
        self.site.advance(30)
        return self.password + b"@" + self.code()

    def wrong(self, count: int) -> list[bytes]:
        """Different strings with the right password and codes that are none of this day's."""
        now, totp = int(self.site.now()), pyotp.TOTP(self.seed)
        right = {totp.at(now + 30 * n) for n in range(-120, 121)}
        codes = (code for n in range(10**6) if (code := f"{n:06}") not in right)
        return [self.password + b"@" + next(codes).encode() for _ in range(count)]


class Watched:
    """The server, begun, with `people` (name to password); those in `without` have no factor.  `first` is the
    state folder, if there is one already."""

    def __init__(
        self,
        folder: Path,
        people: Mapping[str, bytes],
        *,
        own: str = "1000000",
        without: Iterable[str] = (),
        server: str = "",
        login: str = "",
        more: str = "",
    ) -> None:
        self.folder = folder.absolute()
        self.asked_file, self._clock = self.folder / "asked", self.folder / "clock"
        self._offset = 0.0
        self.folder.mkdir(parents=True, exist_ok=True)
        self.advance(0)
        ini = INI.format(server=server, login=login, limits=limits(own)) + more
        self.server = RunningServer(
            self.folder,
            ini,
            program=_program(self._clock, self.asked_file),
            words=words_with_clock(self._clock),
        )
        self.people = self._made(people, set(without))
        self.server.start()

    # -- time
    def now(self) -> float:
        return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """The server's clock is set on, or back."""
        self._offset += seconds
        draft = self._clock.with_suffix(".draft")
        draft.write_text(f"{self._offset}\n")
        draft.rename(self._clock)

    # -- what was asked
    def asked(self) -> list[dict[str, Any]]:
        """`who` ("factor" or "directory") was asked about whom (`name`: login name or account), with what."""
        if not self.asked_file.exists():
            return []
        lines = self.asked_file.read_text().splitlines()
        return [{**one, "what": bytes.fromhex(one["what"])} for one in map(json.loads, lines)]

    def count(self, who: Known) -> Counter[str]:
        """How often each was asked about this account."""
        return Counter(one["who"] for one in self.asked() if one["name"] in (who.name, who.account))

    # -- what it wrote
    def audit(self) -> list[dict[str, Any]]:
        file = self.folder / "audit.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()]

    def healthy(self) -> None:
        """Nothing has failed in it."""
        bad = [line for line in self.server.lines if "Traceback" in line or " critical " in line]
        assert not bad, "".join(bad)

    def end(self) -> None:
        self.server.stop()

    # -- people
    def _made(self, people: Mapping[str, bytes], without: set[str]) -> dict[str, Known]:
        asked = [
            {"name": f"{name}@{DOMAIN}", "password": password.hex(), "factor": name not in without}
            for name, password in people.items()
        ]
        script = "import sys; from tests.process.watched import make; sys.exit(make())"
        done = subprocess.run(
            [sys.executable, "-c", script, str(self.server.config)],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={"PYTHONPATH": import_path()},
        )
        assert not done.returncode, done.stderr
        made = json.loads(done.stdout)
        return {
            name: Known(self, f"{name}@{DOMAIN}", one["account"], people[name], one["seed"])
            for name, one in zip(people, made, strict=True)
        }


@cache
def watched(name: str, people: tuple[tuple[str, bytes], ...], **more: Any) -> Watched:
    """One for the module that says its `name`; it ends with the tests."""
    folder = Path(tempfile.mkdtemp(prefix=f"mailtwist-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    site = Watched(folder, dict(people), **more)
    atexit.register(site.end)
    return site


# -- in the other process


def make() -> int:
    """Adds the people that stdin tells of; says their accounts and seeds."""
    from mailtwist.app.cli.inside import Inside, run_inside

    async def work(inside: Inside, chosen: Namespace) -> int:
        directory: Any = inside.part("directory", "people")
        totp: Any = inside.part("factor", "totp")
        await inside.begin()
        made = []
        for one in json.load(sys.stdin):
            person = await directory.add(one["name"], bytes.fromhex(one["password"]))
            seed = ""
            if one["factor"]:
                enrolment = await totp.enroll(person.account, person.name)
                seed = enrolment.secret
                before = pyotp.TOTP(seed).at(int(time.time()) - 30)
                assert await totp.confirm(person.account, before, enrolment.token)
            made.append({"account": person.account, "seed": seed})
        print(json.dumps(made))
        return 0

    return run_inside(work, Namespace(config=Path(sys.argv[1])))


def _program(clock: Path, asked: Path) -> tuple[str, ...]:
    """The machine's clock is set for all of the process: also for what Twisted does by it."""
    words = f"""
import time
from pathlib import Path
clock, real = Path({str(clock)!r}), time.time
time.time = lambda: real() + float(clock.read_text())
from tests.process.watched import run
run({str(asked)!r})
"""
    return ("-P", "-c", words, *TWISTD[3:])


def run(asked: str) -> None:
    """twistd, with eyes."""
    from twisted.scripts import twistd

    from mailtwist.auth.directories.sqlite import SqliteDirectory
    from mailtwist.auth.factors.totp import Totp

    file = Path(asked).open("a", buffering=1)

    def noted(part: type, method: str, who: str, seen: Callable[..., tuple[str, bytes]]) -> None:
        real = getattr(part, method)

        async def watching(self: Any, *about: Any) -> Any:
            name, what = seen(*about)
            file.write(json.dumps({"who": who, "name": name, "what": what.hex()}) + "\n")
            return await real(self, *about)

        setattr(part, method, watching)

    noted(SqliteDirectory, "accepts", "directory", lambda person, password: (person.name, password))
    noted(Totp, "verify", "factor", lambda asked, code: (asked.account, code.encode()))
    twistd.run()
