"""Records by a program of the operator's own, which is told what to do and ends with 0 when it is done."""

import os
import select
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass
from threading import Event
from typing import IO, Annotated, ClassVar, Self, cast

from mailtwist.config.part import Assembly, Part
from mailtwist.config.secret import environment_for_others
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration
from mailtwist.kit.threads import Threads
from mailtwist.tls.dns.api import NotPublished, Propagation, PublisherSettings, checked

NO_COMMAND = '{text!r} is no command: {reason}; write "/usr/local/bin/dns-record"'

AT_ONCE = 4
LARGEST = 2000
"""Octets that are kept of what a program complains."""

BLOCK = 8192
LOOK = 50
"""Milliseconds between two looks whether it has ended."""


class Command(tuple[str, ...]):
    """A program with arguments; quotes as in a shell, of which there is none."""

    kind: ClassVar[str] = "a command"

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            words = shlex.split(text)
        except ValueError as error:
            raise ValueError(NO_COMMAND.format(text=text, reason=str(error).lower())) from None
        if not words or "\0" in text:
            raise ValueError(NO_COMMAND.format(text=text, reason="there is nothing to run"))
        if not words[0].startswith("/"):
            raise ValueError(NO_COMMAND.format(text=text, reason="it does not begin with /"))
        return cls(words)

    def __str__(self) -> str:
        return shlex.join(self)


@dataclass(frozen=True)
class Settings(PublisherSettings):
    """Records by a program of your own."""

    command: Command = setting(
        words="The program, with its whole path, and arguments before ours. It is run without a shell, with"
        " `add` or `remove`, the whole name of the record, and the value of the TXT as three more arguments"
        " (a value can begin with a hyphen), which are in $MAILTWIST_ACTION, $MAILTWIST_NAME and"
        " $MAILTWIST_VALUE, too; variables from which the config has secrets (`env:NAME`) are not in its"
        " environment. It has to leave other values of the name alone, and to end with 0.",
        example="/usr/local/bin/dns-record --zone example.org",
    )
    timeout: Annotated[Duration, AtLeast(1), AtMost(3600)] = setting(
        Duration(60), words="How long it may take before it is killed, with all it has started."
    )


class Program:
    """`tls.dns.api.Publisher`."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self.propagation: Propagation = settings.when()
        self._command = settings.command
        self._timeout = float(settings.timeout)
        self._threads = Threads("dns-exec", AT_ONCE)  # a program may take minutes, and holds up nobody else
        self._off = Event()

    async def stop(self) -> None:
        """What still runs is killed."""
        self._off.set()
        self._threads.stop()

    async def add(self, name: str, value: str) -> None:
        await self._run("add", name, value)

    async def remove(self, name: str, value: str) -> None:
        await self._run("remove", name, value)

    async def _run(self, action: str, name: str, value: str) -> None:
        checked(name, value)
        words = [*self._command, action, name, value]
        told = {"MAILTWIST_ACTION": action, "MAILTWIST_NAME": name, "MAILTWIST_VALUE": value}
        wrong = await self._threads.run(
            ended, words, {**environment_for_others(), **told}, self._timeout, self._off
        )
        if wrong:
            raise NotPublished(f"{self._command[0]} {action} {name}: {wrong}")


def ended(words: list[str], environment: dict[str, str], seconds: float, off: Event) -> str:
    """What went wrong; '' when the program has ended with 0 in time.  It and whatever it has started have
    ended, unless that has a session of its own.  `off`: it is killed.  Blocks."""
    try:
        child = subprocess.Popen(
            words,
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return f"cannot be run: {error.strerror}"
    with cast(IO[bytes], child.stderr) as pipe:
        complaint = _complaint(child, pipe.fileno(), time.monotonic() + seconds, off)
        late = not _is_over(child)
        _kill(child)
    if late:
        return f"has not ended after {seconds:g} s and was killed{_told(complaint)}"
    return "" if child.returncode == 0 else f"{_status(child.returncode)}{_told(complaint)}"


def _complaint(child: "subprocess.Popen[bytes]", pipe: int, until: float, off: Event) -> bytes:
    """The beginning of what it says until it ends; the rest is read and dropped: a full pipe would hold it
    up.  What it has left running may hold the pipe open."""
    kept = b""
    looking = select.poll()
    looking.register(pipe, select.POLLIN)
    while time.monotonic() < until and not off.is_set():
        over = _is_over(child)
        ready = looking.poll(0 if over else LOOK)
        block = os.read(pipe, BLOCK) if ready else b""
        kept += block[: LARGEST - len(kept)]
        if ready and not block:
            looking.unregister(pipe)
        elif over and (not ready or len(kept) == LARGEST):
            break
    return kept


def _is_over(child: "subprocess.Popen[bytes]") -> bool:
    """It has ended.  Its number stays its own until `_kill`: the group may be killed by it."""
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill(child: "subprocess.Popen[bytes]") -> None:
    """It, and all that is in its group, which nobody else is in."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    child.wait()


def _status(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with {code}"


def _told(complaint: bytes) -> str:
    """In one line, with nothing in it that does something to a terminal."""
    text = " ".join(complaint.decode("utf-8", "replace").split())
    safe = "".join(c if c.isprintable() else "?" for c in text)
    return f": {safe}" if safe else ""


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    program = settings.command[0]
    runs = os.access(program, os.X_OK) and os.path.isfile(program)
    return [] if runs else [("command", f"{program} is no program that can be run here")]


part = Part(Settings, Program, check)
