"""One connection to an LDAP server: a question at a time, no answer without an end, TLS with its reasons."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mailtwist.auth.directories.ldap import messages
from mailtwist.auth.directories.ldap.messages import Entry, Garbage, Message, Result, Scope
from mailtwist.kit.clock import Clock
from mailtwist.kit.threads import Threads
from mailtwist.tls.outbound import CertificateRefused, Towards

MOST = 4 << 20
"""Octets of all that one question may bring."""

PARTING = 5.0
"""Seconds that a server has to part politely."""

LONG = 4 * 1024
"""Octets of messages that are weighed and taken apart in a thread: it takes a millisecond and more."""

HEAVY = 100
"""Parts of messages that are taken apart in a thread."""

REFERRALS = 100
"""Messages that a search may bring beside its entries."""

HUNG_UP = "the server has hung up"


class NotAnswered(Exception):
    """There is no answer to this question.  `why` is for the log.  `lost`: the server has hung up, as servers
    do with connections that were idle for long.  `well`: it can answer others; `slow`: perhaps."""

    def __init__(self, why: str, lost: bool = False, well: bool = False, slow: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.lost = lost
        self.well = well
        self.slow = slow


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for; `wanted` is an encoded filter.  `limit` entries at most."""

    base: str
    scope: Scope
    wanted: bytes
    attributes: Sequence[str]
    limit: int


@implementer(IHandshakeListener)
class Connection(Protocol):
    """For one coroutine at a time.  `where` is its name in the log; `made` is called when there is a
    connection, `ended` when it has gone.  Each question ends within its seconds; whoever gets a
    `NotAnswered`, or is called off, aborts it: what comes next could be an answer to anything."""

    transport: Any

    def __init__(self, where: str, clock: Clock, threads: Threads) -> None:
        self.where = where
        self.clock = clock
        self.made: Callable[[], None] | None = None
        self.ended: Callable[[], None] | None = None
        self.over = self.encrypted = False
        self._threads = threads
        self._number = 0
        self._in = bytearray()
        self._heard: list[bytes] = []
        self._read: deque[Message] = deque()
        self._octets = 0
        self._waits: Deferred[None] | None = None
        self._until = 0.0
        self._asking = False
        self._towards: Towards | None = None
        self._parting: IDelayedCall | None = None
        self._gone = False
        self._failed = NotAnswered("the connection is closed", lost=True)

    # -- questions
    async def bind(self, dn: str, password: bytes, seconds: float) -> Result:
        """Who we are from now on; an empty password would be taken for nobody's (rfc4513#5.1.2)."""
        if not password:
            raise ValueError("an empty password")
        return await self._result(messages.bind(self._begin(seconds), dn, password), "bindResponse")

    async def search(self, search: Search, seconds: float) -> tuple[list[Entry], Result]:
        """Entries as they come, and how it has ended.  Referrals are not followed."""
        number = self._begin(seconds)
        its = (search.base, search.scope, search.wanted, search.attributes, search.limit)
        self._write(messages.search(number, *its, max(1, round(seconds))))
        entries: list[Entry] = []
        left = search.limit + REFERRALS
        while not isinstance(what := (await self._next()).what, Result):
            left -= 1
            if what is not None:
                entries.append(what)
            if len(entries) > search.limit or not left:
                raise NotAnswered("more answers than were asked for")
        self._done(what, "searchResDone")
        return entries, what

    async def start_tls(self, towards: Towards, seconds: float) -> None:
        """StartTLS, and it is the right server."""
        result = await self._result(messages.start_tls(self._begin(seconds)), "extendedResp")
        if result.code:
            raise NotAnswered(f"the server refuses StartTLS ({described(result)})")
        if self._in or self._heard or self._read:
            raise NotAnswered("octets in clear behind the answer to StartTLS")
        await self.secure(towards, seconds)

    async def secure(self, towards: Towards, seconds: float) -> None:
        """TLS from here on: the handshake is over, and the certificate accepted."""
        self._begin(seconds)
        if self.over:
            raise self._failed
        self._towards = towards
        self.transport.startTLS(towards)
        while not self.encrypted:
            await self._more()
        self._asking = False
        try:
            towards.judge(self.transport.getHandle())
        except CertificateRefused as refused:
            raise NotAnswered(refused.words) from None

    def close(self) -> None:
        """Politely, if nothing is under way."""
        if not (self.over or self._asking):
            self.transport.write(messages.unbind(self._number + 1))
            self.transport.loseConnection()
            self._parting = self.clock.later(PARTING, self.transport.abortConnection)
        self._fail(NotAnswered("the connection is closed"))

    def abort(self) -> None:
        """At once, also after `close`."""
        self._asking = True
        self._fail(NotAnswered("the connection is closed"))
        if not self._gone and self.transport is not None:
            self.transport.abortConnection()

    # -- Twisted's
    def connectionMade(self) -> None:
        if hasattr(self.transport, "setTcpNoDelay"):  # a Unix socket has none
            self.transport.setTcpNoDelay(True)
        made, self.made = self.made, None
        if made is not None:
            made()

    def dataReceived(self, data: bytes) -> None:
        if self.over:
            return
        self._in += data
        self._octets += len(data)
        try:
            self._frame()
        except Garbage as garbage:
            self._fail(NotAnswered(str(garbage), well=garbage.well))
        if not self._asking:  # a server says something unasked when it is about to hang up
            self._fail(NotAnswered(HUNG_UP, lost=True))
        self._wake()

    def handshakeCompleted(self) -> None:
        self.encrypted = True
        self._wake()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._gone = True
        if self._parting is not None and self._parting.active():
            self._parting.cancel()
        towards, self._towards = self._towards, None
        if towards is not None and (not self.encrypted or reason.check(SSL.Error)):
            self._fail(NotAnswered(towards.explain(reason)))
        self._fail(NotAnswered(HUNG_UP, lost=True))
        ended, self.ended = self.ended, None
        if ended is not None:
            ended()

    # -- inside
    def _begin(self, seconds: float) -> int:
        """The number of the next question."""
        assert not self._asking, "somebody asks"
        if self._in or self._heard or self._read:  # behind the last answer
            self._heard.clear()
            self._read.clear()
            self._fail(NotAnswered("an answer to no question", lost=True))
            self.transport.abortConnection()
        self._asking, self._octets = True, len(self._in)
        self._until = self.clock.seconds() + seconds
        self._number += 1
        return self._number

    async def _result(self, question: bytes, kind: str) -> Result:
        self._write(question)
        what = (await self._next()).what
        if not isinstance(what, Result):
            raise NotAnswered("an answer to another question")
        return self._done(what, kind)

    def _done(self, result: Result, kind: str) -> Result:
        if result.kind != kind:
            raise NotAnswered("an answer to another question")
        self._asking = False
        return result

    def _write(self, octets: bytes) -> None:
        if not self.over:
            self.transport.write(octets)

    async def _next(self) -> Message:
        """What belongs to the question that was asked."""
        while not self._read:
            await self._take_apart()
        message = self._read.popleft()
        if message.number == 0:
            said = message.what
            words = f"{HUNG_UP}: {described(said)}" if isinstance(said, Result) else HUNG_UP
            raise NotAnswered(words, lost=True)
        if message.number != self._number:
            raise NotAnswered("an answer to another question")
        return message

    async def _take_apart(self) -> None:
        """All that has come, or comes next."""
        while not self._heard:
            await self._more()
        heard = list(self._heard)
        self._heard.clear()
        try:
            if sum(map(len, heard)) > LONG or messages.weighed(heard) > HEAVY:
                self._read.extend(await self._threads.run(messages.read_all, heard))
            else:
                self._read.extend(messages.read_all(heard))
        except Garbage as garbage:
            raise NotAnswered(str(garbage), well=garbage.well) from None

    async def _more(self) -> None:
        """Something has happened.  `NotAnswered` when nothing has in time."""
        if self.over:
            raise self._failed
        waits: Deferred[None] = Deferred()
        self._waits = waits
        left = max(0.0, self._until - self.clock.seconds())
        timer = self.clock.later(left, self._fail, NotAnswered("no answer in time", slow=True))
        try:
            await waits
        finally:
            self._waits = None
            if timer.active():
                timer.cancel()

    def _frame(self) -> None:
        if self._octets > MOST:
            raise Garbage(f"more than {MOST} octets of answers", well=True)
        while 0 < (size := messages.size(self._in)) <= len(self._in):
            self._heard.append(bytes(self._in[:size]))
            del self._in[:size]

    def _wake(self) -> None:
        if (waits := self._waits) is not None and not waits.called:
            waits.callback(None)

    def _fail(self, why: NotAnswered) -> None:
        """The first reason counts."""
        if self.over:
            return
        self.over, self._failed = True, why
        if self._asking and self.transport is not None:
            self.transport.abortConnection()
        self._wake()


_OF_THE_SERVER = (51, 52)


def failed(result: Result, about: str = "") -> NotAnswered:
    """For a code that means no answer: of the whole server when it is busy or unavailable, or of this
    question."""
    words = f"{about}: {described(result)}" if about else described(result)
    return NotAnswered(words, well=result.code not in _OF_THE_SERVER)


_CODES = {
    1: "operations error",
    2: "protocol error",
    3: "time limit exceeded",
    4: "size limit exceeded",
    8: "stronger authentication required",
    10: "it refers to another server",
    11: "administrative limit exceeded",
    13: "confidentiality required",
    16: "no such attribute",
    18: "inappropriate matching",
    19: "constraint violation",
    32: "no such object",
    34: "invalid DN",
    48: "inappropriate authentication",
    49: "invalid credentials",
    50: "insufficient access",
    51: "busy",
    52: "unavailable",
    53: "unwilling to perform",
    80: "other",
}


def described(result: Result) -> str:
    """For the log: the code in words, and what the server says besides."""
    words = f"{_CODES.get(result.code, 'error')} ({result.code})"
    said = "".join(char if char.isprintable() else "?" for char in result.words[:200]).strip()
    return f"{words}: {said}" if said else words
