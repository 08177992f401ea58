"""The server process: ports first, then privileges go, then everything begins; signals; a clean end."""

import atexit
import gc
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import ILogObserver
from twisted.python.components import Componentized

from mailtwist.app.assemble import Assembled, CannotAssemble
from mailtwist.app.logs import Log
from mailtwist.app.workers import Lifeline, Workers
from mailtwist.kit.events import Event
from mailtwist.kit.files import write_whole
from mailtwist.kit.lock import FolderLock, Taken
from mailtwist.kit.spawn import spawn, started, together
from mailtwist.kit.trouble import Trouble
from mailtwist.services.listen import CannotListen

LISTENING = Event("app.listening", "[service:{service}] listens on {places}")
NO_SERVICE = Event("app.no_service", "there is no [service:...]: nobody can connect", "warn")
READY = Event("app.ready", "ready")
STOPPING = Event("app.stopping", "stopping: {connections} connections have {grace:g} s to finish")
STOPPED = Event("app.stopped", "stopped")
RELOADED = Event("app.reloaded", "reloaded: logs and certificates are read again")
LOG_NOT_REOPENED = Event("app.log_not_reopened", "the log stays the old file: {error}", "error")
NOT_STARTED = Event("app.not_started", "{words}", "critical")
BROKEN_START = Event("app.broken_start", "the start failed")


FILES = 65_536

SWITCH = 0.0005
"""Seconds after which a thread that computes lets the reactor in, which waits for it at each step of a login:
with Python's 5 ms, logins take several times as long while others are judged."""


class GivenUp(SystemExit, Exception):
    """Ends twistd without a traceback.  As an `Exception` too, twistd removes its pid file and a daemon's
    parent says why."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.code = 1


class MailServer(Service):
    """What twistd starts.  `ready` is a file that is written when the last port is served: a JSON object,
    service name to places."""

    name = "mailtwist"

    def __init__(self, assembled: Assembled, log: Log | None = None, ready: Path | None = None) -> None:
        self.assembled = assembled
        self._log = log
        self._ready = ready
        self._lock = FolderLock(assembled.folder)
        self._starting: Deferred[Any] | None = None
        self._worker = 0
        self._tell_ready: Callable[[], None] = _nothing
        self._status = 0
        self._orphaned = False

    @property
    def services(self) -> dict[str, Any]:
        return dict(self.assembled.parts("service"))

    def setServiceParent(self, parent: Any) -> None:
        cast(Any, super()).setServiceParent(parent)
        if self._log is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._log)

    # -- beginning
    def privilegedStartService(self) -> None:
        signal.signal(signal.SIGHUP, self._hang_up)
        steady_timers()
        _raise_file_limit()
        try:
            for part in self.assembled.with_ports():
                part.bind(self._workers) if self._workers > 1 else part.bind()
        except CannotListen as error:
            self._give_up(str(error))

    def startService(self) -> None:
        self.running = True
        try:
            self.assembled.make_folder()
            self._lock.take()
        except OSError as error:
            self._give_up(f"the state folder {self.assembled.folder} cannot be used: {error.strerror}")
        except Taken as error:
            self._give_up(str(error))
        sys.setswitchinterval(SWITCH)
        if self._workers > 1:
            _reactor().run = self._supervise  # here; each worker runs the reactor
        else:
            _reactor().callWhenRunning(self._begin)

    def _begin(self) -> None:
        """The reactor runs and takes signals."""
        if self._log is not None:
            self._log.gather(_reactor().callLater)
            _reactor().addSystemEventTrigger("after", "shutdown", self._log.flush)
        self._starting = spawn(self._start(), "starting")

    async def _start(self) -> None:
        try:
            await self.assembled.start()
        except (CannotAssemble, Trouble, OSError, ValueError) as error:
            detail = error.detail if isinstance(error, Trouble) else ""
            NOT_STARTED.log(words=detail or str(error))
            return self._fail()
        except CancelledError:  # stopped before it had begun
            return
        except Exception:
            BROKEN_START.failure()
            return self._fail()
        _settle()
        if self._worker:
            self._tell_ready()
        elif not self._told_ready():
            self._fail()

    def _told_ready(self) -> bool:
        """All ports are served, and it is told where."""
        places = {name: service.places for name, service in self.services.items()}
        for name, where in places.items():
            if where:  # else it is reached through another one
                LISTENING.log(service=name, places=", ".join(where))
        if not places:
            NO_SERVICE.log()
        try:
            if self._ready is not None:
                write_whole(self.assembled.files, self._ready, json.dumps(places).encode())
        except OSError as error:
            NOT_STARTED.log(words=f"the ready file {self._ready} cannot be written: {error.strerror}")
            return False
        READY.log()
        return True

    def _fail(self) -> None:
        self._status = 1
        if not self._worker:
            atexit.register(_exit_with_status_1)  # twistd has no exit status of its own
        _reactor().callWhenRunning(_reactor().stop)

    def _give_up(self, words: str) -> None:
        NOT_STARTED.log(words=words)
        if self._log is None or not self._log.on_stderr:
            print(words, file=sys.stderr)
        raise GivenUp(words)

    # -- several processes
    @property
    def _workers(self) -> int:
        return int(self.assembled.config.server.workers)

    def _supervise(self, *ignored: Any, **options: Any) -> None:
        """In place of the reactor: this process has bound the ports and has the folder, the workers serve."""
        grace = self.assembled.config.server.shutdown_deadline
        workers = Workers(self._workers, self._serve, self._told_ready, self._reopen, self._withdraw, grace)
        gc.freeze()
        status = workers.run()
        self._gone()
        _reactor()._exitSignal = workers.ended_by or None
        if status:
            atexit.register(_exit_with_status_1)

    def _serve(self, number: int, tell_ready: Callable[[], None], lifeline: int) -> int:
        """A worker's life, in a process of its own.  All that was built is built anew: nothing that is to be
        one process's alone is shared with the others."""
        self._worker, self._tell_ready = number, tell_ready
        reactor = _reactor()
        del reactor.run
        reactor.__init__()
        old = self.assembled
        self.assembled = Assembled(old.config, clock=old.clock, files=old.files, first=number == 1)
        self.assembled.build()
        for part, its in zip(self.assembled.with_ports(), old.with_ports(), strict=True):
            part.adopt(its, number)
        reactor.addSystemEventTrigger("before", "shutdown", self.stopService)
        reactor.addReader(Lifeline(lifeline, self._orphan))
        reactor.callWhenRunning(self._begin)
        reactor.run()
        return self._status

    def _orphan(self) -> None:
        """The first process was killed; another one may want to begin."""
        self._orphaned = True
        with suppress(ReactorNotRunning):  # it was this process that ended
            _reactor().stop()

    def _withdraw(self) -> None:
        for part in self.assembled.with_ports():
            part.withdraw()

    # -- signals
    def _hang_up(self, number: int, frame: object) -> None:
        _in_reactor(lambda: spawn(self.reload(), "reloading"))

    def _reopen(self) -> None:
        if self._log is not None:
            try:
                self._log.reopen()
            except OSError as error:
                LOG_NOT_REOPENED.log(error=str(error))

    async def reload(self) -> None:
        self._reopen()
        await self.assembled.reload()
        RELOADED.log()

    # -- end
    def stopService(self) -> Deferred[None]:
        self.running = False
        return started(self._stop())

    async def _stop(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
        services = self.services.values()
        for number in (signal.SIGINT, signal.SIGTERM):  # once more: no patience
            signal.signal(number, lambda *_: _in_reactor(self._hurry))
        await together(*(one.close_ports() for one in services))
        grace = 0 if self._orphaned else self.assembled.config.server.shutdown_deadline
        self.assembled.last_call()
        STOPPING.log(connections=sum(len(one.present) for one in services), grace=grace)
        await together(*(one.finish(grace) for one in services))
        await self.assembled.stop()
        if not self._worker:
            self._gone()

    def _gone(self) -> None:
        """Nothing serves any more."""
        if self._ready is not None:
            self._ready.unlink(missing_ok=True)
        self._lock.release()
        STOPPED.log()

    def _hurry(self) -> None:
        for one in self.services.values():
            one.abort()


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor


def _in_reactor(call: Callable[[], object]) -> None:
    """For signal handlers."""
    _reactor().callFromThread(call)


def steady_timers() -> None:
    """Nothing waits an hour longer because somebody has set the machine's clock back by one; Twisted's timers
    go by that clock.  To be called before the first timer is set."""
    reactor = _reactor()
    if not reactor.getDelayedCalls():
        reactor.seconds = time.monotonic


def _settle() -> None:
    """What has been built stays until the end: a full collection, in which nobody is served, need not look
    at it.  What comes and goes with a message is mostly gone before anything is looked at."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


def _raise_file_limit() -> None:
    """Many systems begin with 1,024 files, which are connections too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _nothing() -> None: ...


def _exit_with_status_1() -> None:
    sys.stdout.flush()
    os._exit(1)
