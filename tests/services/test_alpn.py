"""One port for several services: who comes there is a visitor of the service that he asks for."""

from pathlib import Path
from typing import Any

from OpenSSL import SSL
from twisted.trial.unittest import TestCase

from mailtwist.app.assemble import Assembled, CannotAssemble
from mailtwist.config.load import load
from mailtwist.kit.spawn import started
from mailtwist.services.door import PATIENCE_FOR_A_HANDSHAKE
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire
from tests.tls.client import Asking
from tests.tls.test_contexts import MX

HOST = """
[server]
hostname = mx.example.org
state = state

[notices]
send = no

[tls:main]
type = self_signed

[directory:people]
type = sqlite

[store:mail]
type = memory

[target:local]
type = mailbox
store = mail
"""
"""What every service needs; all but its section."""

INI = f"""{HOST}
[service:imap]
type = imap
listen = none
store = mail

[service:imaps]
type = imap
listen = none
store = mail

[service:submission]
type = submission
listen = none
tls = main
connections_per_address = 1

[service:everything]
type = alpn
listen = 127.0.0.1:0
tls = main
"""

SECOND = """
[service:second]
type = alpn
tls = main
services = everything
"""


class Everything(TestCase):
    def assembled(self, rest: str = "services = imap, submission\n") -> Assembled:
        folder = Path(self.mktemp())
        folder.mkdir()
        path = folder / "x.ini"
        path.write_text(INI + rest)
        self.clock = ManualClock()
        made = Assembled(load(path), clock=self.clock)
        self.addCleanup(made.threads.stop)
        self.contexts = made.part("tls", "main")
        self.contexts.serve([MX])
        return made

    def came(self, house: Assembled, *alpn: bytes, finish: bool = True) -> "Shaken":
        """Somebody who has connected."""
        return Shaken(house.part("service", "everything")._factory, alpn, finish=finish)

    def held(self, house: Assembled) -> dict[str, int]:
        """How many each service counts."""
        return {name: len(service.door._connections) for name, service in house.parts("service").items()}

    def test_each_is_a_visitor_of_the_service_he_asks_for(self) -> None:
        house = self.assembled()
        for alpn, service, begin in (
            ((b"imap",), "imap", b"* OK "),
            ((b"h2", b"smtp"), "submission", b"220 "),
        ):
            client = self.came(house, *alpn)
            self.assertTrue(client.heard.startswith(begin), client.heard)
            self.assertEqual({name for name, count in self.held(house).items() if count}, {service})
            self.assertEqual(len(house.part("service", service).present), 1)
            self.assertEqual(len(house.part("service", "everything").present), 0)
            client.wire.hang_up()
            self.assertEqual(sum(self.held(house).values()), 0)

    def test_there_is_tls_already(self) -> None:
        client = self.came(self.assembled(), b"smtp")
        client.say(b"EHLO x.example\r\n")
        self.assertIn(b"AUTH", client.heard)
        self.assertNotIn(b"STARTTLS", client.heard)
        client.wire.hang_up()

    def test_the_limits_of_the_service_count(self) -> None:
        house = self.assembled()
        first, second = self.came(house, b"smtp"), self.came(house, b"smtp")
        self.assertTrue(second.heard.startswith(b"421 "), second.heard)
        first.wire.hang_up()
        second.wire.hang_up()
        self.assertEqual(sum(self.held(house).values()), 0)

    def test_without_alpn_there_is_a_default_or_nothing(self) -> None:
        client = self.came(self.assembled())
        self.assertEqual((client.heard, client.closed, client.wire.disconnecting), (b"", True, False))
        self.clock.advance(PATIENCE_FOR_A_HANDSHAKE)  # he does not close his half
        self.assertTrue(client.wire.aborted)
        client.wire.hang_up()
        client = self.came(self.assembled("services = imap, submission\ndefault = submission\n"))
        self.assertTrue(client.heard.startswith(b"220 "))
        client.wire.hang_up()

    def test_another_protocol_is_refused(self) -> None:
        client = self.came(self.assembled("services = imap\ndefault = imap\n"), b"pop3")
        self.assertIn("application protocol", client.alert)
        client.wire.hang_up()

    def test_unless_it_is_lenient(self) -> None:
        client = self.came(self.assembled("services = imap\ndefault = imap\nalpn = lenient\n"), b"pop3")
        self.assertTrue(client.heard.startswith(b"* OK "))
        client.wire.hang_up()

    def test_who_does_not_finish_the_handshake_is_cut_off(self) -> None:
        house = self.assembled()
        client = self.came(house, b"imap", finish=False)
        self.assertEqual(self.held(house)["everything"], 1)
        self.clock.advance(PATIENCE_FOR_A_HANDSHAKE)
        self.assertTrue(client.wire.aborted)
        client.wire.hang_up()
        self.assertEqual(sum(self.held(house).values()), 0)

    def test_who_has_decided_may_think(self) -> None:
        client = self.came(self.assembled(), b"smtp")
        self.clock.advance(PATIENCE_FOR_A_HANDSHAKE + 1)
        self.assertFalse(client.wire.aborted)
        client.wire.hang_up()
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    async def test_when_it_ends_who_has_not_decided_is_cut_off(self) -> None:
        house = self.assembled()
        undecided, decided = self.came(house, b"imap", finish=False), self.came(house, b"imap")
        done = started(house.part("service", "everything").door.finish(10))
        self.assertEqual((undecided.wire.aborted, decided.wire.disconnecting), (True, False))
        undecided.wire.hang_up()
        await done
        decided.wire.hang_up()

    def test_what_cannot_be_is_said(self) -> None:
        for rest, words in (
            ("services = imap, imaps\n", 'ask for two of them by "imap"; leave out [service:imaps]'),
            (
                "services = imap\n" + SECOND.replace("services = ", "services = imap\ndefault = "),
                "default: nobody asks for [service:everything] by ALPN; leave it out",
            ),
            ("services = imap\n" + SECOND, "nobody asks for [service:everything] by ALPN; leave it out"),
        ):
            wrong = self.assertRaises(CannotAssemble, self.assembled(rest).build)
            self.assertIn(words, str(wrong))


class Shaken:
    """A client whose handshake goes as far as it can."""

    def __init__(self, factory: Any, alpn: tuple[bytes, ...], *, finish: bool) -> None:
        self.wire = Wire(factory.buildProtocol(None))
        self._tls = Asking(None, list(alpn)).clientConnectionForTLS(None)
        self.heard = b""
        self.alert = ""
        self.closed = False
        for _ in range(4 if finish else 1):
            self._step()

    def say(self, octets: bytes) -> None:
        self._tls.send(octets)
        self._step()
        self._step()

    def _step(self) -> None:
        if self.alert:
            return
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            pass
        self._give()
        try:
            while True:
                self.heard += self._tls.recv(65536)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.closed = True
        except SSL.Error as error:
            self.alert = error.args[0][-1][2]

    def _give(self) -> None:
        try:
            self.wire.send(self._tls.bio_read(65536))
        except SSL.WantReadError:
            pass
        if said := self.wire.read():
            self._tls.bio_write(said)
