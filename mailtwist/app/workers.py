"""Several processes that serve the same ports: begun in turn, watched, begun again, ended together."""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from twisted.internet.interfaces import IReadDescriptor
from twisted.internet.main import CONNECTION_DONE
from twisted.python.failure import Failure
from zope.interface import implementer

from mailtwist.kit.events import Event

READY = Event("app.worker_ready", "worker {number} (process {pid}) is ready")
ENDED = Event(
    "app.worker_ended",
    "worker {number} (process {pid}) {how}; its clients are gone, the next one begins in {pause:g} s",
    "error",
)
NOT_BEGUN = Event("app.worker_not_begun", "worker {number} did not begin: it {how}", "critical")
KILLED = Event("app.worker_killed", "worker {number} (process {pid}) does not end and is killed", "error")

OURS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1}

PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0)
"""Seconds until the next one begins: the first at once, more when they end one after the other."""

WELL = 60.0
"""Seconds after which a worker was none of those that end at once."""

PATIENCE = 15.0
"""Seconds beyond its grace in which a worker ends by itself."""


@dataclass(slots=True)
class Worker:
    """The process at a place; `pid` 0: it is `due` to begin then."""

    number: int
    pid: int = 0
    due: float = 0.0
    began: float = 0.0
    ready: bool = False
    failures: int = 0


@implementer(IReadDescriptor)
class Lifeline:
    """For a worker's reactor: a file that ends when the first process has."""

    def __init__(self, file: int, ended: Callable[[], object]) -> None:
        self._file = file
        self._ended = ended

    def fileno(self) -> int:
        return self._file

    def logPrefix(self) -> str:
        return "lifeline"

    def doRead(self) -> Failure:
        return Failure(CONNECTION_DONE)  # nobody ever writes into it

    def connectionLost(self, reason: Failure) -> None:
        os.close(self._file)
        self._ended()


class Workers:
    """`work(number, tell_ready, lifeline)` is what each of them does in a process of its own: it returns the
    exit status; `lifeline` is a file that ends when this process has ended.  `all_ready` is called once, and
    `hang_up` at SIGHUP, both here.  This process runs no reactor and has no threads, so that it can fork."""

    def __init__(
        self,
        count: int,
        work: Callable[[int, Callable[[], None], int], int],
        all_ready: Callable[[], bool],
        hang_up: Callable[[], object],
        ending: Callable[[], object],
        grace: float,
    ) -> None:
        self.ended_by = 0
        self._workers = [Worker(number) for number in range(1, count + 1)]
        self._work = work
        self._all_ready = all_ready
        self._hang_up = hang_up
        self._ending = ending
        self._grace = grace
        self._complete = False
        self._stopping = False
        self._kill_at = 0.0
        self._status = 0
        self._said, self._heard = -1, -1
        self._lifeline, self._life = -1, -1

    def run(self) -> int:
        """All have ended; the exit status.  `ended_by` is the signal that did it, or 0."""
        self._heard, self._said = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lifeline, self._life = os.pipe2(os.O_CLOEXEC)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, OURS)
        try:
            while self._goes_on():
                self._begin_due()
                heard = signal.sigtimedwait(OURS, self._pause())
                if heard is not None:
                    self._heed(signal.Signals(heard.si_signo))
                self._hear()
                self._reap()
                self._kill_late()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            for fd in (self._heard, self._said, self._lifeline, self._life):
                os.close(fd)
        return self._status

    def _goes_on(self) -> bool:
        return not self._stopping or any(one.pid for one in self._workers)

    # -- beginning
    def _begin_due(self) -> None:
        """At first one after the other: what is made at the first start is made once."""
        if self._stopping:
            return
        now = time.monotonic()
        for one in self._workers:
            if not one.pid and one.due <= now:
                self._begin(one)
            if not (self._complete or one.ready):
                return

    def _begin(self, one: Worker) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        first = os.getpid()
        pid = os.fork()
        if not pid:
            self._child(one.number, first)
        one.pid, one.began, one.ready = pid, time.monotonic(), False

    def _child(self, number: int, first: int) -> None:
        """Never returns."""
        status = 1
        try:
            os.setpgid(0, 0)  # what Ctrl-C sends comes from the first process, once
            os.close(self._life)
            os.close(self._heard)

            def tell_ready() -> None:
                with suppress(OSError):
                    os.write(self._said, bytes([number]))
                    if os.getppid() == first:  # an orphan's parent is nobody who wants to know
                        os.kill(first, signal.SIGUSR1)

            signal.pthread_sigmask(signal.SIG_UNBLOCK, OURS)
            status = self._work(number, tell_ready, self._lifeline)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    def _hear(self) -> None:
        try:
            numbers = os.read(self._heard, 4096)
        except BlockingIOError:
            return
        for number in numbers:
            one = self._workers[number - 1]
            one.ready = True
            READY.log(number=number, pid=one.pid)
        if not self._complete and all(one.ready for one in self._workers):
            self._complete = True
            if not self._all_ready():
                self._stop(1)

    # -- what happens
    def _pause(self) -> float:
        """Until something is to be done by itself."""
        now = time.monotonic()
        moments = [one.due for one in self._workers if not one.pid and self._complete and not self._stopping]
        if self._kill_at:
            moments.append(self._kill_at)
        return max(0.0, min(moments) - now) if moments else 3600.0

    def _heed(self, number: signal.Signals) -> None:
        if number is signal.SIGHUP:
            self._hang_up()
            self._send(signal.SIGHUP)
        elif number in (signal.SIGTERM, signal.SIGINT):
            self.ended_by = self.ended_by or int(number)
            self._stop(self._status)

    def _stop(self, status: int) -> None:
        """Said twice, there is no patience."""
        self._status = status
        if not self._stopping:
            self._stopping = True
            self._kill_at = time.monotonic() + self._grace + PATIENCE
            self._ending()
        self._send(signal.SIGTERM)

    def _send(self, number: signal.Signals) -> None:
        for one in self._workers:
            if one.pid:
                os.kill(one.pid, number)

    def _reap(self) -> None:
        for one in self._workers:
            if one.pid:
                pid, status = os.waitpid(one.pid, os.WNOHANG)
                if pid:
                    self._has_ended(one, os.waitstatus_to_exitcode(status))

    def _has_ended(self, one: Worker, code: int) -> None:
        pid, one.pid, one.ready = one.pid, 0, False
        if self._stopping:
            return
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        if not self._complete:
            NOT_BEGUN.log(number=one.number, how=how)
            self._stop(1)
            return
        now = time.monotonic()
        one.failures = 0 if now - one.began > WELL else one.failures
        pause = PAUSES[min(one.failures, len(PAUSES) - 1)]
        one.failures += 1
        one.due = now + pause
        ENDED.log(number=one.number, pid=pid, how=how, pause=pause)

    def _kill_late(self) -> None:
        if self._kill_at and time.monotonic() >= self._kill_at:
            self._kill_at = 0.0
            for one in self._workers:
                if one.pid:
                    KILLED.log(number=one.number, pid=one.pid)
                    os.kill(one.pid, signal.SIGKILL)
