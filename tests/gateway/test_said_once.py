"""Another host is asked only before a password was said: never twice, whatever the first does with it."""

from twisted.internet import reactor
from twisted.internet.protocol import ServerFactory
from twisted.protocols.basic import LineReceiver
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import LoginUnavailable
from mailtwist.config.values import Names
from mailtwist.gateway.dial import Way
from mailtwist.gateway.upstream.server import part
from mailtwist.gateway.upstream.settings import Settings
from tests.gateway.behind import assembly, errand, nothing_left

HOSTS = ("127.0.0.1", "127.0.0.2")


class Pop3(LineReceiver):
    """Hangs up instead of an answer to PASS."""

    def connectionMade(self):
        self.sendLine(b"+OK ready")

    def lineReceived(self, line):
        self.factory.heard.append(line)
        if line.startswith(b"PASS"):
            self.transport.loseConnection()
        else:
            self.sendLine(b"+OK" if line.startswith(b"USER") else b"-ERR what")


class SaidOnceTests(TestCase):
    timeout = 60

    async def test_a_server_that_goes_behind_the_password_is_the_last_that_hears_it(self):
        factory = ServerFactory.forProtocol(Pop3)
        factory.noisy, factory.heard = False, []
        port = 0
        for host in HOSTS:
            listens = reactor.listenTCP(port, factory, interface=host)
            port = listens.getHost().port
            self.addCleanup(listens.stopListening)
        house = assembly(self)
        server = part.build(Settings(hosts=Names(HOSTS), pop3=Way.parse(f"{port} plain")), house)
        await house.start()
        await server.start()
        self.addCleanup(server.stop)
        self.addCleanup(nothing_left, self, server)
        with self.assertRaises(LoginUnavailable):
            await server.open(errand("pop3", b"right"))
        self.assertEqual([line for line in factory.heard if line.startswith(b"PASS")], [b"PASS right"])
