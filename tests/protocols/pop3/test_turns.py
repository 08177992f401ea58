"""Order, closing, patience: what happens between the commands."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.pop3.limits import Limits
from mailtwist.store.content import Octets
from mailtwist.store.memory import MemoryMailbox
from tests.protocols.pop3.scene import LOGIN, Scene


class Order(SynchronousTestCase):
    def test_commands_behind_a_waiting_pass_are_answered_in_order(self) -> None:
        scene = Scene()
        scene.checker.gate = Deferred()
        wire = scene.greeted()
        wire.send(LOGIN + b"STAT\r\nNOOP\r\nDELE 1\r\nQUIT\r\n")
        self.assertEqual(wire.read(), b"+OK Send PASS\r\n")
        scene.checker.gate.callback(None)
        self.assertEqual(
            wire.read(), b"+OK Logged in\r\n+OK 3 140\r\n+OK\r\n+OK Message 1 deleted\r\n+OK Bye\r\n"
        )
        self.assertEqual(scene.uids(), [2, 3])

    def test_what_was_said_before_tls_is_forgotten(self) -> None:
        scene = Scene()
        wire = scene.greeted(tls=False, trusted=lambda address: True)
        wire.send(b"USER ann\r\nSTLS\r\nPASS sec ret \r\nSTAT\r\n")
        self.assertEqual(wire.read(), b"+OK Send PASS\r\n+OK Begin TLS\r\n")
        wire.send(b"PASS sec ret \r\n")
        self.assertEqual(wire.read(), b"-ERR USER comes first\r\n")
        self.assertEqual(scene.checker.requests, [])

    def test_half_a_line_before_tls_is_not_the_beginning_of_one_after_it(self) -> None:
        wire = Scene().greeted(tls=False)
        wire.send(b"STLS\r\nUSER ")
        wire.read()
        wire.send(b"CAPA\r\n")
        self.assertTrue(wire.read().startswith(b"+OK Capability"))

    def test_the_decision_learns_all_about_the_attempt(self) -> None:
        scene = Scene()
        for how, tls, trusted in (
            ({"tls": True}, True, False),
            ({"tls": False, "trusted": bool}, False, True),
        ):
            scene.logged_in(**how).hang_up()
            request = scene.checker.requests[-1]
            self.assertEqual((request.protocol, request.user, request.secret), ("pop3", b"ann", b"sec ret "))
            self.assertEqual((request.address, request.tls, request.trusted), ("192.0.2.1", tls, trusted))

    def test_an_authorization_identity_reaches_the_decision(self) -> None:
        scene = Scene()
        wire = scene.greeted()
        wire.send(b"AUTH PLAIN Ym9iAGFubgBzZWMgcmV0IA==\r\n")
        wire.read()
        self.assertEqual(scene.checker.requests[-1].authzid, b"bob")


class Closing(SynchronousTestCase):
    def test_who_leaves_during_pass_is_logged_out_when_the_way_in_opens(self) -> None:
        for gated in ("checker", "realm"):
            scene = Scene()
            gate = getattr(scene, gated).gate = Deferred()
            wire = scene.greeted()
            wire.send(LOGIN + b"DELE 1\r\nQUIT\r\n")
            wire.hang_up()
            self.assertEqual(scene.realm.out, [])
            gate.callback(None)
            self.assertEqual((scene.realm.out, scene.uids()), ([b"ann"], [1, 2, 3]))
            self.assertEqual(scene.clock.reactor.getDelayedCalls(), [])
            scene.logged_in()  # the maildrop is free

    def test_who_just_leaves_deletes_nothing_and_frees_the_maildrop(self) -> None:
        scene = Scene()
        wire = scene.logged_in()
        wire.send(b"DELE 1\r\n")
        wire.hang_up()
        self.assertEqual((scene.realm.out, scene.uids()), ([b"ann"], [1, 2, 3]))
        scene.logged_in()

    def test_who_leaves_behind_his_quit_has_quit(self) -> None:
        scene = Scene()
        wire = scene.logged_in()
        slow: Deferred[None] = Deferred()

        async def remove(box: MemoryMailbox, uids: list[int]) -> list[int]:
            await slow
            return box.discard(uids)

        self.patch(MemoryMailbox, "remove", remove)
        wire.send(b"DELE 1\r\nQUIT\r\n")
        wire.hang_up()
        other = scene.greeted()
        other.send(LOGIN)
        self.assertIn(b"[IN-USE]", other.read())  # not before the deletions are through
        self.assertEqual(scene.realm.out, [b"ann"])  # the second one, who was turned away
        slow.callback(None)
        self.assertEqual((scene.realm.out, scene.uids()), ([b"ann", b"ann"], [2, 3]))
        other.send(LOGIN)
        self.assertIn(b"+OK Logged in", other.read())

    def test_a_quit_that_fails_says_so_and_closes(self) -> None:
        scene = Scene()
        wire = scene.logged_in()

        async def remove(box: object, uids: object) -> None:
            raise Trouble("4.3.1", "Insufficient system storage, try again later")

        self.patch(MemoryMailbox, "remove", remove)
        wire.send(b"DELE 1\r\nQUIT\r\n")
        self.assertTrue(
            wire.read().endswith(b"-ERR [SYS/TEMP] Insufficient system storage, try again later\r\n")
        )
        self.assertTrue(wire.disconnecting)
        wire.hang_up()
        self.assertEqual((scene.realm.out, scene.uids()), ([b"ann"], [1, 2, 3]))

    def test_a_bug_is_answered_and_logged(self) -> None:
        scene = Scene()
        wire = scene.logged_in()

        async def open(box: object, uid: int) -> None:
            raise ZeroDivisionError

        self.patch(MemoryMailbox, "open", open)
        wire.send(b"RETR 1\r\nSTAT\r\n")
        self.assertEqual(wire.read(), b"-ERR [SYS/TEMP] Something went wrong here\r\n")
        self.assertTrue(wire.disconnecting)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_message_that_cannot_be_read_to_its_end_is_never_ended_by_a_dot(self) -> None:
        for error, logged in ((OSError(5, "Input/output error"), 0), (ZeroDivisionError(), 1)):
            scene = Scene(messages=(b"\r\n" + b"x" * 599_998,))
            wire = scene.logged_in()

            async def read(content: Octets, start: int, count: int, error: Exception = error) -> bytes:
                if start:
                    raise error
                return content.octets[:count]

            self.patch(Octets, "read", read)
            wire.send(b"RETR 1\r\nNOOP\r\n")
            answer = wire.read()
            self.assertTrue(answer.startswith(b"+OK 600000 octets\r\n\r\nxxx"))
            self.assertNotIn(b"\r\n", answer[21:])
            self.assertTrue(wire.aborted)
            self.assertEqual(scene.realm.out, [b"ann"])
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), logged)


class Patience(SynchronousTestCase):
    def test_before_login_it_is_short_and_after_it_at_least_ten_minutes(self) -> None:
        scene = Scene()
        wire = scene.greeted()
        scene.clock.advance(59)
        self.assertFalse(wire.disconnecting)
        scene.clock.advance(2)
        self.assertTrue(wire.disconnecting)
        wire = scene.logged_in()
        wire.send(b"DELE 1\r\n")
        wire.read()
        scene.clock.advance(599)
        self.assertFalse(wire.disconnecting)
        scene.clock.advance(2)
        self.assertTrue(wire.disconnecting)
        wire.hang_up()
        self.assertEqual((wire.read(), scene.uids()), (b"", [1, 2, 3]))  # not even a word (rfc1939#3)
        self.assertEqual(scene.clock.reactor.getDelayedCalls(), [])

    def test_a_client_that_stops_reading_stops_us_and_is_cut_off(self) -> None:
        scene = Scene(messages=(b"\r\n" + b"x" * 999_998,))
        wire = scene.logged_in()
        wire.window = 100_000
        wire.send(b"RETR 1\r\nSTAT\r\n")
        first = wire.read()
        self.assertLess(len(first), 300_000)
        while more := wire.read():
            first += more
        self.assertEqual(len(first), len(b"+OK 1000000 octets\r\n\r\n.\r\n+OK 1 1000000\r\n") + 1_000_000)
        wire.send(b"RETR 1\r\n")
        scene.clock.advance(3600)
        self.assertTrue(wire.aborted)
        self.assertEqual(scene.realm.out, [b"ann"])

    def test_an_endless_line_is_cut_off(self) -> None:
        wire = Scene().greeted()
        for _ in range(100):
            wire.send(b"x" * 10_000)
        self.assertTrue(wire.read().startswith(b"-ERR "))
        self.assertTrue(wire.disconnecting)

    def test_an_endless_queue_of_commands_is_held_back(self) -> None:
        scene = Scene()
        scene.checker.gate = Deferred()
        wire = scene.greeted()
        wire.send(LOGIN)
        for _ in range(10):
            wire.send(b"NOOP\r\n" * 5_000)
        server = scene.servers[-1]
        self.assertLess(len(server.turns._in), 140_000)  # of 300,000
        wire.read()
        scene.checker.gate.callback(None)
        heard = wire.read()
        while len(heard) < 15 + 5 * 50_000:
            scene.clock.advance(0)
            more = wire.read()
            self.assertTrue(more)
            heard += more
        self.assertEqual(heard, b"+OK Logged in\r\n" + b"+OK\r\n" * 50_000)

    def test_limits_come_from_outside(self) -> None:
        scene = Scene()
        wire = scene.greeted(limits=Limits(failed_logins=1, login_time=5))
        wire.send(b"USER ann\r\nPASS x\r\n")
        self.assertTrue(wire.disconnecting)
        wire = scene.greeted(limits=Limits(login_time=5))
        scene.clock.advance(6)
        self.assertTrue(wire.disconnecting)

    def test_when_the_service_ends_the_session_ends_between_two_commands(self) -> None:
        scene = Scene()
        wire = scene.logged_in()
        scene.servers[-1].finish()
        self.assertEqual((wire.read(), wire.disconnecting), (b"", True))
