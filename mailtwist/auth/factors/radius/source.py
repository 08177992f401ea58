"""A port of our own from which one RADIUS server is asked, with up to 256 questions at once.  rfc2865#3"""

import os
import secrets
import socket
from collections.abc import Callable
from random import uniform
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from zope.interface import implementer

from mailtwist.auth.factors.radius.packets import LARGEST, Answer, NotBelieved, Question
from mailtwist.kit.clock import Clock

IDENTIFIERS = 256
"""One octet tells the questions of a port apart."""

AT_ONCE = 10
"""Datagrams that are read before others have their turn."""

AGAIN, LONGEST_AGAIN = 1.0, 16.0
"""Seconds after which a question is sent again, at first and at most; each time twice as many, and a tenth
more or less (rfc5080#2.2.1, which begins with two: here somebody waits)."""

Make = Callable[[int], Question]
"""The question, by its identifier."""


class Unreachable(Exception):
    """The system says that nobody is there; `why` is in its words."""

    def __init__(self, error: OSError) -> None:
        self.why = os.strerror(error.errno) if error.errno else str(error)
        super().__init__(self.why)


@implementer(IReadDescriptor)
class Source:
    """A connected UDP socket: its port is the kernel's choice, at random, and what others than the server
    send to it is not read.  `believed` is called when the server has answered, `dropped` with the reason why
    a datagram is not believed.  `Unreachable` when there is no way there."""

    def __init__(
        self,
        address: str,
        port: int,
        clock: Clock,
        believed: Callable[[], object],
        dropped: Callable[[str], object],
    ) -> None:
        from twisted.internet import reactor

        self.clock = clock
        self._reactor: Any = reactor
        self._believed = believed
        self._dropped = dropped
        self._waiting: dict[int, Waiting] = {}
        self._last = secrets.randbelow(IDENTIFIERS)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect((address, port))
        except OSError as error:
            self._socket.close()
            raise Unreachable(error) from None
        self._reactor.addReader(self)

    @property
    def full(self) -> bool:
        return len(self._waiting) == IDENTIFIERS

    @property
    def idle(self) -> bool:
        return not self._waiting

    def ask(self, make: Make) -> "Waiting":
        """A question under way, by an identifier that has rested for as long as there are others."""
        while (self._last + 1) % IDENTIFIERS in self._waiting:
            self._last += 1
        self._last = (self._last + 1) % IDENTIFIERS
        waiting = self._waiting[self._last] = Waiting(self, make(self._last))
        waiting.send()
        return waiting

    def send(self, octets: bytes) -> None:
        """What the kernel has no room for is lost, as it may be on its way."""
        try:
            self._socket.send(octets)
        except BlockingIOError:
            pass
        except OSError as error:
            self._failed(error)

    def left(self, waiting: "Waiting") -> None:
        """Its identifier may be another's by now."""
        if self._waiting.get(waiting.question.identifier) is waiting:
            del self._waiting[waiting.question.identifier]

    def close(self) -> None:
        self._reactor.removeReader(self)
        self._socket.close()

    @property
    def closed(self) -> bool:
        """Nothing can be asked from it any more."""
        return self._socket.fileno() < 0

    # -- IReadDescriptor
    def fileno(self) -> int:
        return self._socket.fileno()

    def logPrefix(self) -> str:
        return "radius"

    def connectionLost(self, reason: object) -> None:
        """Nobody is at the other end; or the reactor ends."""
        self._failed(OSError(self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "lost"))

    def doRead(self) -> None:
        for _ in range(AT_ONCE):
            if self.closed:  # by who has his answer
                return
            try:
                datagram = self._socket.recv(LARGEST + 1)
            except BlockingIOError:
                return
            except OSError as error:
                self._failed(error)
            else:
                self._received(datagram)

    def _received(self, datagram: bytes) -> None:
        """An answer to nothing is a late one, or the second to a question that was sent twice."""
        waiting = self._waiting.get(datagram[1]) if len(datagram) > 1 else None
        if waiting is None:
            return
        try:
            answer = waiting.question.answered(datagram)
        except NotBelieved as bad:
            waiting.dropped = bad.why
            self._dropped(bad.why)
        else:
            self._believed()
            waiting.over(answer)

    def _failed(self, error: OSError) -> None:
        """The next one who asks does so from another port."""
        self.close()
        for waiting in list(self._waiting.values()):
            waiting.over(Unreachable(error))


class Waiting:
    """A question that is sent again and again, until it is answered or `end`ed.  `dropped` is why the last
    answer that came for it was not believed."""

    def __init__(self, source: Source, question: Question) -> None:
        self.question = question
        self.dropped = ""
        self._source = source
        self._pause = AGAIN
        self._again: Any = None
        self._outcome: Answer | Unreachable | None = None
        self._waiter: Deferred[None] | None = None

    def send(self) -> None:
        self._again = self._source.clock.later(self._pause * uniform(0.9, 1.1), self.send)
        self._pause = min(2 * self._pause, LONGEST_AGAIN)
        self._source.send(self.question.octets)

    async def within(self, seconds: float) -> Answer | None:
        """None: there is no answer yet.  `Unreachable`."""
        if self._outcome is None:
            self._waiter = Deferred()
            timer = self._source.clock.later(seconds, self._wake)
            try:
                await self._waiter
            finally:
                if timer.active():
                    timer.cancel()
        if isinstance(self._outcome, Unreachable):
            raise self._outcome
        return self._outcome

    def over(self, outcome: Answer | Unreachable) -> None:
        self.end()
        self._outcome = outcome
        self._wake()

    def end(self) -> None:
        """Nobody waits any more; its identifier is free."""
        if self._again.active():
            self._again.cancel()
        self._source.left(self)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.called:
            self._waiter.callback(None)
