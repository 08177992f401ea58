"""A small server for the tests of the engine: its commands are its methods."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.protocols.basic import LineOnlyReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.errors import LineTooLong
from mailtwist.protocols.turns import TakesTurns
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire


class Stock(LineOnlyReceiver, TimeoutMixin):
    """What twisted.mail's servers are made of."""

    def connectionMade(self):
        self.sendLine(b"hello")
        self.setTimeout(600)

    def timeoutConnection(self):
        self.sendLine(b"too slow")
        self.transport.loseConnection()


class Server(TakesTurns, Stock):
    """Its commands are its methods."""

    def __init__(self):
        self.did = []
        self.gate = Deferred()
        self.box = []

    def say(self, text):
        self.turns.write(text + b"\r\n")

    async def turn(self, line):
        self.turns.ours()
        verb, _, rest = line.partition(b" ")
        self.did.append(line)
        await getattr(self, "do_" + verb.decode())(rest)

    async def do_ECHO(self, rest):
        self.say(rest)

    async def do_WAIT(self, rest):
        try:
            await self.gate
        except CancelledError:
            self.did.append("cancelled")
            raise
        self.say(b"waited")

    async def do_READ(self, rest):
        got = b"".join([chunk async for chunk in self.turns.literal(int(rest))])
        self.say(b"read " + got)

    async def do_PEEK(self, rest):
        async for _ in self.turns.literal(int(rest)):
            break
        self.say(b"peeked")

    async def do_DATA(self, rest):
        async for chunk in self.turns.block():
            self.box.append(chunk)
        self.say(b"taken")

    async def do_GLANCE(self, rest):
        async for _ in self.turns.block():
            raise LineTooLong("enough")

    async def do_TLS(self, rest):
        self.say(b"go on")
        self.turns.start_tls("context")

    async def do_IDLE(self, rest):
        while (line := await self.turns.line_or_told(patience=1800)) is None:
            self.say(b"news")
        self.say(b"done " + line)

    async def do_FLOOD(self, rest):
        for _ in range(int(rest)):
            self.turns.write(b"x" * 1000)
            await self.turns.drained()
        self.say(b"flooded")

    async def do_FAIL(self, rest):
        raise ZeroDivisionError

    async def do_BYE(self, rest):
        self.say(b"bye")
        self.turns.close()

    async def do_FOREIGN(self, rest):
        self.transport.loseConnection()

    async def do_TWICE(self, rest):
        self.turns.also(self.do_WAIT(rest))
        self.turns.also(self.do_ECHO(rest))

    def refuse(self, error):
        self.say(b"no: " + str(error).encode())
        return isinstance(error, LineTooLong)

    def crashed(self):
        self.say(b"our fault")

    def farewell(self):
        self.say(b"farewell")


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = ManualClock()
        self.server = Server()
        self.server.clock = self.clock
        self.wire = Wire(self.server)
        self.addCleanup(self.all_is_over)
        self.assertEqual(self.heard(), [b"hello"])

    def all_is_over(self):
        self.wire.hang_up()
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def heard(self):
        return self.wire.read().split(b"\r\n")[:-1]

    def say(self, *lines):
        self.wire.send(b"".join(line + b"\r\n" for line in lines))

    def pass_time(self, seconds, step=1):
        for _ in range(int(seconds / step)):
            self.clock.advance(step)
