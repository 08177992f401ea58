"""One connection to Redis: commands go out at once, answers come in order and are not waited for long."""

from collections.abc import Callable
from typing import Any

from service_identity import VerificationError
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from txredisapi import BaseRedisProtocol, RedisError, ResponseError

from mailtwist.kit.clock import Clock
from mailtwist.state.api import StateAway
from mailtwist.state.redis.place import Server

MOST = 5_000  # commands that wait for their answers

_TOLD = (b"message",)


class ErrorReply(Exception):
    """What the server answered instead: `NOPERM ...`."""


class Link(BaseRedisProtocol):  # type: ignore[misc]
    """A connection whose answers are octets, not numbers or text.

    txredisapi frames the protocol and keeps questions and answers together; that it connects, signs in and
    gives up is not used, see `supervised`."""

    def __init__(
        self, clock: Clock, timeout: float, heard: Callable[[bytes], object], server: Server
    ) -> None:
        super().__init__(charset=None, convertNumbers=False)
        self.server = server
        self.why = ""
        self._clock = clock
        self._timeout = timeout
        self._heard = heard
        self._rest = b""

    async def ask(self, *words: bytes) -> Any:
        """The answer.  `ErrorReply` when it is an error; `StateAway` when none comes: then the connection is
        given up, because what comes late would be taken for the answer of another question."""
        if len(self.replyQueue.waiting) >= MOST:
            raise StateAway("too many calls wait for Redis")
        try:
            answer: Deferred[Any] = self.execute_command(*words)
        except RedisError:
            raise StateAway(self.why or "the connection is closed") from None
        late = self._clock.later(self._timeout, self.give_up, f"no answer in {self._timeout:g} s")
        try:
            return await answer
        except ResponseError as error:
            raise ErrorReply(str(error)) from None
        except RedisError as error:
            self.give_up(str(error))  # an answer that is none: what follows could be anybody's
            raise StateAway(self.why) from None
        finally:
            if late.active():
                late.cancel()

    @property
    def is_usable(self) -> bool:
        return bool(self.connected) and not self.why

    async def lost(self) -> str:
        """Why the connection is no more, once it is."""
        if self.connected:
            await self.whenDisconnected()
        return self.why

    def give_up(self, why: str) -> None:
        """It is closed without a word."""
        self.why = self.why or why
        if self.connected:
            self.transport.abortConnection()

    # -- txredisapi's
    def connectionLost(self, why: Failure) -> None:
        self.why = self.why or _words(why)
        super().connectionLost(why)

    def replyReceived(self, reply: Any) -> None:
        if isinstance(reply, list) and len(reply) == 3 and reply[0] in _TOLD:
            self._heard(reply[2])
        else:
            super().replyReceived(reply)

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        """What follows an answer is read in this turn.  txredisapi reads it in the next one of the reactor, a
        timer for each string, and those outlive the connection."""
        while data:
            self._rest = b""
            try:
                super().dataReceived(data)
            except (ValueError, TypeError, AttributeError) as error:
                self.give_up(f"this is not Redis: {type(error).__name__}")
                return
            data = self._rest

    def setLineMode(self, extra: bytes = b"") -> None:
        self.line_mode = 1
        self._rest = extra or b""


class Links(Factory):
    """Makes one `Link` for each connection."""

    noisy = False

    def __init__(self, make: Callable[[], Link]) -> None:
        self._make = make

    def buildProtocol(self, addr: object) -> Any:
        link = self._make()
        link.factory = self
        return link


def _words(why: Failure) -> str:
    """For the operator: what TLS says is in the arguments, and has often no text of its own."""
    if why.check(ConnectionDone, ConnectionLost):
        return "the connection was closed by the server"
    if why.check(VerificationError):
        return "its certificate is for another name"
    said = " ".join(str(why.value).split()) or repr(why.value)
    if "certificate verify failed" in said:
        return "its certificate has expired, or is signed by nobody whose word we take"
    return f"{type(why.value).__name__}: {said}"[:300]
