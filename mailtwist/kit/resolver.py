"""Addresses of a host by its name, as the system finds them; remembered, also while DNS is away."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Protocol

from twisted.internet.defer import Deferred

from mailtwist.kit.clock import Clock, process_clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.threads import Threads
from mailtwist.kit.trouble import Trouble

FRESH = 60.0
"""Seconds for which an answer is good."""

STALE = 24 * 3600.0
"""Seconds for which it is better than none."""

NO_SUCH = 5.0
"""Seconds for which a name that was not found is not looked for again, nor one with an old answer that DNS
could not renew."""

PATIENCE = 15.0
"""Seconds that anybody waits for an answer; `HASTE` where there is an old one."""

HASTE = 1.5
MOST = 1000
"""Names that are remembered."""

STALE_SERVED = Event(
    "names.stale", "{name} is not to be resolved ({why}): what it was {age} s ago is used", "warn"
)

Lookup = Callable[[str], list[str]]
_NOT_THERE = {
    getattr(socket, word) for word in ("EAI_NONAME", "EAI_NODATA", "EAI_FAMILY") if hasattr(socket, word)
}


class Unresolved(Trouble):
    """No address for a name.  `known`: there is none, as far as DNS says; else DNS is away."""

    def __init__(self, name: str, why: str, known: bool = False) -> None:
        super().__init__("4.4.3", "A host name cannot be resolved", f"{name}: {why}")
        self.why = why
        self.known = known


class Resolves(Protocol):
    async def addresses(self, name: str) -> tuple[str, ...]:
        """At least one, in the order in which they are to be tried.  `Unresolved`."""


@dataclass(slots=True)
class _Answer:
    addresses: tuple[str, ...]
    at: float
    good_until: float
    why: str = ""


class Resolver:
    """One for each process.  An address is its own answer.  Each name is looked up once at a time, in a
    thread; nobody waits longer than `PATIENCE`."""

    def __init__(
        self, clock: Clock | None = None, lookup: Lookup | None = None, threads: Threads | None = None
    ) -> None:
        self._clock = clock or process_clock()
        self._lookup = lookup or of_the_system
        self._threads = threads or Threads("names", 4, lost=True)  # a process does not wait for DNS to end
        self._answers: dict[str, _Answer] = {}
        self._failed: dict[str, Unresolved] = {}
        self._waiting: dict[str, list[Deferred[None]]] = {}

    async def addresses(self, name: str) -> tuple[str, ...]:
        """At least one, in the system's order, of both families.  `Unresolved`."""
        if literal := _literal(name):
            return (literal,)
        answer = self._answers.get(name)
        if answer is None or self._clock.seconds() >= answer.good_until:
            answer = await self._renewed(name)
        if answer is None or self._age(answer) >= STALE:
            raise self._failed.get(name) or Unresolved(name, f"no answer from DNS in {PATIENCE:.0f} s")
        if not answer.addresses:
            raise Unresolved(name, answer.why, known=True)
        return answer.addresses

    def _age(self, answer: _Answer) -> float:
        return self._clock.seconds() - answer.at

    def _stale(self, name: str) -> _Answer | None:
        """An old answer that may still be given."""
        answer = self._answers.get(name)
        return answer if answer and answer.addresses and self._age(answer) < STALE else None

    async def _renewed(self, name: str) -> _Answer | None:
        """A new answer, or the old one after a little while: nobody waits for DNS that is away."""
        old = self._stale(name)
        await self._looked_up(name, PATIENCE if old is None else HASTE)
        answer = self._answers.get(name)
        if answer is not None and answer is old:
            self._keep_on(name, answer, f"no answer in {HASTE} s")
        return answer

    def _keep_on(self, name: str, old: _Answer, why: str) -> None:
        now = self._clock.seconds()
        if now >= old.good_until:
            old.good_until = now + NO_SUCH
            STALE_SERVED.log(name=name, why=why, age=round(self._age(old)))

    async def _looked_up(self, name: str, patience: float) -> None:
        """There is an answer, or a reason why not, or `patience` is over."""
        mine: Deferred[None] = Deferred()
        if name in self._waiting:
            self._waiting[name].append(mine)
        else:
            self._waiting[name] = [mine]
            spawn(self._look_up(name), f"looking up {name}")
        timer = self._clock.later(patience, _fire, mine)
        try:
            await mine
        finally:
            if timer.active():
                timer.cancel()

    async def _look_up(self, name: str) -> None:
        try:
            found = await self._threads.run(self._lookup, name)
        except Unresolved as error:
            self._no_answer(name, error)
        except OSError as error:
            self._no_answer(name, Unresolved(name, error.strerror or str(error)))
        else:
            now = self._clock.seconds()
            self._keep(name, _Answer(tuple(dict.fromkeys(found)), now, now + FRESH))
        finally:
            for one in self._waiting.pop(name):
                _fire(one)

    def _no_answer(self, name: str, error: Unresolved) -> None:
        if error.known:
            now = self._clock.seconds()
            self._keep(name, _Answer((), now, now + NO_SUCH, error.why))
        elif (stale := self._stale(name)) is not None:
            self._keep_on(name, stale, error.why)
        elif len(self._failed) < MOST:
            self._failed[name] = error

    def _keep(self, name: str, answer: _Answer) -> None:
        self._failed.pop(name, None)
        self._answers.pop(name, None)  # the newest are last
        self._answers[name] = answer
        if len(self._answers) > MOST:
            del self._answers[next(iter(self._answers))]


def of_the_system(name: str) -> list[str]:
    """What `getaddrinfo` says; it may take its time."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise Unresolved(name, error.strerror or str(error), known=error.errno in _NOT_THERE)
    except UnicodeError:
        raise Unresolved(name, "is no host name", known=True)
    if not found:
        raise Unresolved(name, "has no address", known=True)
    return [str(address[0]) for *_, address in found]


@lru_cache(256)
def _literal(name: str) -> str:
    """`name` when it is an address, in its usual form, else ''."""
    bare, percent, scope = name.strip("[]").partition("%")
    try:
        return f"{ip_address(bare)}{percent}{scope}"
    except ValueError:
        return ""


def _fire(waiting: Deferred[None]) -> None:
    if not waiting.called:
        waiting.callback(None)
