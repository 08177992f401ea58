"""The ManageSieve server: times, ends, and what a login is."""

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ISSLTransport
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.sieve.limits import Limits
from tests.protocols.sieve.scene import CAPABILITIES, LOGIN, Scene


class ServerTests(SynchronousTestCase):
    def test_the_greeting_is_the_capabilities(self) -> None:
        wire = Scene().connect()
        self.assertEqual(wire.read(), CAPABILITIES + b'OK "Ready"\r\n')

    def test_a_login_tells_the_decision_all_it_knows(self) -> None:
        scene = Scene()
        wire = scene.greeted(service="filters", address="192.0.2.7")
        wire.send(LOGIN)
        (request,) = scene.checker.requests
        self.assertEqual(
            (request.protocol, request.user, request.secret, request.address, request.tls, request.service),
            ("sieve", b"ann", b"sec ret ", "192.0.2.7", True, "filters"),
        )
        self.assertEqual(scene.realm.came, [b"ann"])

    def test_who_hangs_up_is_logged_out(self) -> None:
        scene = Scene()
        wire = scene.greeted()
        wire.send(LOGIN)
        self.assertEqual(scene.realm.out, [])
        wire.hang_up()
        self.assertEqual(scene.realm.out, [b"ann"])

    def test_who_hangs_up_during_a_login_is_logged_out_when_it_comes(self) -> None:
        scene = Scene()
        scene.realm.gate = Deferred()
        wire = scene.greeted()
        wire.send(LOGIN)
        wire.hang_up()
        self.assertEqual(scene.realm.out, [])
        scene.realm.gate.callback(None)
        self.assertEqual(scene.realm.out, [b"ann"])

    def test_the_silent_are_sent_away(self) -> None:
        scene = Scene()
        wire = scene.greeted(limits=Limits(login_time=60, idle_time=1800))
        scene.clock.advance(61)
        self.assertEqual(wire.read(), b'BYE "You were silent for too long"\r\n')
        self.assertTrue(wire.disconnecting)

    def test_thirty_minutes_of_silence_are_fine_after_login(self) -> None:
        scene = Scene()
        wire = scene.greeted()
        wire.send(LOGIN)
        wire.read()
        scene.clock.advance(1800)
        wire.send(b"NOOP\r\n")
        self.assertEqual(wire.read(), b'OK "Done"\r\n')

    def test_nothing_said_before_tls_counts(self) -> None:
        scene = Scene()
        wire = scene.greeted(tls=False)
        wire.send(b"STARTTLS\r\n" + LOGIN)
        self.assertTrue(ISSLTransport.providedBy(wire))
        self.assertEqual(wire.read(), b'OK "Begin TLS"\r\n' + CAPABILITIES + b'OK "TLS begins"\r\n')
        self.assertEqual(scene.checker.requests, [])

    def test_somebody_who_makes_no_sense_is_sent_away(self) -> None:
        wire = Scene().greeted(limits=Limits(bad_commands=3))
        wire.send(b"GET / HTML\r\nHost: x\r\n\r\n")
        self.assertEqual(wire.read().splitlines()[-1], b'BYE "Expected a command"')
        self.assertTrue(wire.disconnecting)

    def test_the_end_of_the_service_is_told(self) -> None:
        scene = Scene()
        wire = scene.greeted()
        scene.servers[0].finish()
        self.assertEqual(wire.read(), b'BYE (TRYLATER) "The service ends"\r\n')

    def test_without_a_portal_nobody_comes_in(self) -> None:
        wire = Scene().greeted(portal=None)
        wire.send(LOGIN)
        self.assertEqual(wire.read(), b'NO (TRYLATER) "Try again later"\r\n')
