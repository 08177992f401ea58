"""The server around the commands: login, the connection's life, what a client can do to us."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.mail import imap4
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.imap.changes import Selected
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.extension import Dialect, Extension, whole
from mailtwist.protocols.imap.limits import Limits
from mailtwist.store.api import Mailbox
from mailtwist.store.memory import MemoryMailbox
from tests.protocols.imap.scene import Full, Scene


class Logins(SynchronousTestCase):
    def test_pipelined_commands_wait_for_the_login(self) -> None:
        scene = Scene()
        wire = scene.wire()
        wire.read()
        wire.send(b"a LOGIN slow secret\r\nb SELECT INBOX\r\nc CAPABILITY\r\n")
        self.assertEqual(wire.read(), b"")
        scene.checker.gate.callback(None)
        tags = [line[:1] for line in wire.read().split(b"\r\n") if line[:1].isalpha()]
        self.assertEqual(tags, [b"a", b"b", b"c"])

    def test_who_hangs_up_during_login_leaves_nothing(self) -> None:
        scene = Scene()
        wire = scene.wire()
        wire.send(b"a LOGIN slow secret\r\n")
        wire.hang_up()
        self.assertEqual(scene.realm.left, [])
        scene.checker.gate.callback(None)  # an avatar that nobody waits for
        self.assertEqual(scene.realm.left, ["slow"])
        self.assertEqual(scene.clock.reactor.getDelayedCalls(), [])

    def test_logout_is_called_once(self) -> None:
        for end in (b"z LOGOUT\r\n", b""):
            scene = Scene()
            wire = scene.logged_in(b"b SELECT INBOX")
            wire.send(end)
            wire.hang_up()
            self.assertEqual(scene.realm.left, ["ann"])
            self.assertEqual(scene.clock.reactor.getDelayedCalls(), [])

    def test_the_decision_learns_all_there_is_to_know(self) -> None:
        scene = Scene()
        wire = scene.wire()
        wire.send(b'a ID ("name" "Mutt" "version" "2.2" "os" NIL)\r\nb LOGIN ann secret\r\n')
        request = scene.checker.requests[0]
        self.assertEqual((request.protocol, request.user, request.secret), ("imap", b"ann", b"secret"))
        self.assertEqual((request.tls, request.trusted, request.client), (True, False, "Mutt 2.2"))
        self.assertEqual(request.address, "192.0.2.1")
        self.assertNotIn("secret", repr(request))

    def test_a_client_that_came_through_gateways_says_through_how_many(self) -> None:
        for said, hops in [("4", 1), ("1", 4), ("0", 0), ("5", 0), ("-1", 0), ("99999", 0), ("\xb2", 0)]:
            scene = Scene()
            wire = scene.wire()
            identity = f'("name" "mailtwist" "X-Proxy-TTL" "{said}")'
            wire.send(f"a ID {identity}\r\nb LOGIN ann secret\r\n".encode())
            self.assertEqual([request.peer.hops for request in scene.checker.requests], [hops], said)

    def test_the_authorization_identity_reaches_the_decision(self) -> None:
        scene = Scene()
        wire = scene.wire()
        wire.send(b"a AUTHENTICATE PLAIN Ym9zcwBhbm4Ac2VjcmV0\r\n")
        self.assertEqual(scene.checker.requests[0].authzid, b"boss")

    def test_no_portal_is_no_login(self) -> None:
        scene = Scene()
        scene.factory.portal = None
        wire = scene.wire()
        wire.read()
        wire.send(b"a LOGIN ann secret\r\n")
        self.assertEqual(wire.read(), b"a NO [AUTHENTICATIONFAILED] Authentication failed.\r\n")

    def test_a_portal_without_a_checker_does_not_look_like_a_wrong_password(self) -> None:
        scene = Scene()
        scene.factory.portal.checkers.clear()
        wire = scene.wire()
        wire.read()
        wire.send(b"a LOGIN ann secret\r\n")
        self.assertEqual(wire.read(), b"a NO [UNAVAILABLE] Try again later.\r\n")

    def test_mechanisms_of_twisted_mail_are_offered_and_used(self) -> None:
        scene = Scene()
        scene.factory.challengers = {b"PLAIN": imap4.PLAINCredentials}
        wire = scene.wire()
        wire.read()
        wire.send(b'a AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=\r\nb LIST "" INBOX\r\n')
        self.assertIn(b"b OK", wire.read())


class Tls(SynchronousTestCase):
    def test_what_came_behind_starttls_is_never_run(self) -> None:
        """I1: stock logs in evil."""
        scene = Scene(tls=False)
        wire = scene.wire()
        wire.send(b"a STARTTLS\r\nb LOGIN ann secret\r\nc {5")
        self.assertEqual(wire.secured, ["the context"])
        self.assertEqual(wire.said_in_clear.split(b"\r\n")[-2], b"a OK Begin TLS now")
        self.assertEqual(wire.read().replace(wire.said_in_clear, b""), b"")
        self.assertEqual(scene.checker.requests, [])
        wire.send(b"d LOGIN ann secret\r\n")
        self.assertIn(b"d OK", wire.read())

    def test_what_was_said_in_clear_is_forgotten(self) -> None:
        scene = Scene(tls=False)
        wire = scene.wire()
        wire.send(b'a ID ("name" "injected")\r\nb STARTTLS\r\n')
        wire.send(b'c ID ("name" "mutt")\r\nd LOGIN ann secret\r\n')
        self.assertEqual(scene.checker.requests[0].client, "mutt")

    def test_no_context_no_starttls(self) -> None:
        scene = Scene(tls=False)
        scene.factory.ctx = None
        wire = scene.wire()
        self.assertNotIn(b"STARTTLS", wire.read())
        wire.send(b"a STARTTLS\r\n")
        self.assertEqual(wire.read(), b"a BAD TLS cannot begin now\r\n")


class Time(SynchronousTestCase):
    def test_a_minute_to_log_in_half_an_hour_afterwards(self) -> None:
        scene = Scene()
        wire = scene.wire()
        wire.read()
        scene.clock.advance(59)
        self.assertFalse(wire.disconnecting)
        scene.clock.advance(1)
        self.assertTrue(wire.disconnecting)
        self.assertEqual(wire.read(), b"* BYE Too long without a command\r\n")
        wire = scene.logged_in()
        scene.clock.advance(1799)
        wire.send(b"a NOOP\r\n")
        scene.clock.advance(1799)
        self.assertFalse(wire.disconnecting)
        scene.clock.advance(1)
        self.assertTrue(wire.disconnecting)

    def test_idle_has_its_own_time(self) -> None:
        scene = Scene(limits=Limits(idle_command_time=3600.0))
        wire = scene.logged_in(b"a IDLE")
        scene.clock.advance(3599)
        self.assertFalse(wire.disconnecting)
        scene.clock.advance(1)
        self.assertTrue(wire.disconnecting)

    def test_a_command_must_come_to_its_end(self) -> None:
        scene = Scene()
        for begun in (b"a LOG", b"a LOGIN {5}\r\nab"):
            wire = scene.wire()
            wire.send(begun)
            scene.clock.advance(60)
            self.assertTrue(wire.disconnecting, begun)

    def test_the_end_of_the_service_ends_idle_and_waiting(self) -> None:
        scene = Scene()
        idling, waiting = scene.logged_in(b"a SELECT INBOX", b"b IDLE"), scene.logged_in()
        for wire in (idling, waiting):
            wire.protocol.finish()
            self.assertEqual(wire.read(), b"* BYE [UNAVAILABLE] The server is going down\r\n")
            self.assertTrue(wire.disconnecting)


class Idling(SynchronousTestCase):
    def test_what_happens_at_once_is_told_at_once(self) -> None:
        """A thousand messages go in one step: numbers are moved once, not a thousand times."""
        scene = Scene()
        for _ in range(1000):
            scene.inbox.add(b"x", frozenset(), 0.0, 0)
        wire = scene.logged_in(b"a SELECT INBOX", b"b IDLE")
        moved: list[int] = []
        told = Selected.changes

        def changes(selected: Selected, *, expunged: bool) -> Any:
            moved.append(selected.exists)
            return told(selected, expunged=expunged)

        self.patch(Selected, "changes", changes)
        scene.inbox.discard([entry.uid for entry in scene.inbox.entries()])
        self.assertEqual((wire.read(), moved), (b"", []))
        scene.clock.advance(0)
        self.assertEqual(wire.read().count(b" EXPUNGE\r\n"), 1003)
        self.assertEqual(moved, [1003])
        wire.send(b"DONE\r\n")
        self.assertEqual(wire.read(), b"b OK IDLE completed\r\n")

    def test_what_another_process_did_is_looked_for(self) -> None:
        scene = Scene()
        looked: list[MemoryMailbox] = []

        async def refresh(self: MemoryMailbox) -> None:
            looked.append(self)

        self.patch(MemoryMailbox, "refresh", refresh)
        wire = scene.logged_in(b"a SELECT INBOX", b"b IDLE")
        self.assertEqual(looked, [scene.inbox])
        for _ in range(3):
            scene.clock.advance(60)
        self.assertEqual((looked, wire.read()), ([scene.inbox] * 4, b""))
        wire.send(b"DONE\r\n")
        scene.clock.advance(60)
        self.assertEqual(len(looked), 4)

    def test_a_look_that_outlasts_its_idle_does_not_look_twice_in_the_next(self) -> None:
        scene = Scene()
        gate: Deferred[None] = Deferred()
        wire = scene.logged_in(b"a SELECT INBOX", b"b IDLE")

        async def refresh(self: MemoryMailbox) -> None:
            await gate

        looking = self.patch(MemoryMailbox, "refresh", refresh)
        scene.clock.advance(60)
        looking.restore()
        wire.send(b"DONE\r\nc IDLE\r\n")
        gate.callback(None)
        wire.send(b"DONE\r\n")
        wire.hang_up()
        self.assertEqual(scene.clock.reactor.getDelayedCalls(), [])

    def test_who_leaves_before_being_told_leaves_nothing(self) -> None:
        scene = Scene()
        wire = scene.logged_in(b"a SELECT INBOX", b"b IDLE")
        scene.inbox.discard([2])
        wire.hang_up()
        self.assertEqual(scene.clock.reactor.getDelayedCalls(), [])

    def test_a_client_that_does_not_read_is_told_the_sum_later(self) -> None:
        scene = Scene()
        wire = scene.logged_in(b"a SELECT INBOX", b"b IDLE")
        wire.window = 10
        scene.inbox.discard([2])
        scene.clock.advance(0)
        for _ in range(3):
            scene.inbox.add(b"x", frozenset(), 0.0, 0)
            scene.clock.advance(0)
        heard = wire.read() + wire.read() + wire.read()
        self.assertEqual(heard, b"* 1 EXPUNGE\r\n* 5 EXISTS\r\n* 4 RECENT\r\n")


class Crowded(SynchronousTestCase):
    """A client that does not behave."""

    def test_a_client_that_does_not_read_makes_us_wait(self) -> None:
        scene = Scene()
        for n in range(3000):
            scene.inbox.add(b"x", frozenset({f"keyword-of-message-{n % 50}"}), 0.0, 0)
        wire = scene.logged_in(b"a SELECT INBOX")
        wire.window = 65536
        wire.send(b"b STORE 1:* +FLAGS (\\Seen)\r\nc NOOP\r\n")
        first = wire.read()  # reading lets it go on
        self.assertLess(len(first), 3 * 65536)
        self.assertFalse(b"\nb OK" in first)
        rest = b""
        for _ in range(20):
            scene.clock.advance(0)  # others have their turn in between
            rest += wire.read()
        self.assertTrue(rest.endswith(b"\r\nb OK STORE completed\r\nc OK NOOP completed\r\n"))

    def test_a_client_that_never_reads_is_cut_off(self) -> None:
        scene = Scene()
        for _ in range(3000):
            scene.inbox.add(b"x", frozenset({"a-rather-long-keyword-for-a-message"}), 0.0, 0)
        wire = scene.logged_in(b"a SELECT INBOX")
        wire.window = 1000
        wire.send(b"b STORE 1:* +FLAGS (\\Seen)\r\n")
        for _ in range(10):
            scene.clock.advance(0)
        scene.clock.advance(600)
        self.assertTrue(wire.aborted)
        self.assertEqual(scene.realm.left, ["ann"])

    def test_a_line_without_end_ends(self) -> None:
        scene = Scene()
        for early in (True, False):
            wire = scene.wire() if early else scene.logged_in()
            wire.read()
            for _ in range(100):
                wire.send(b"x" * 1000)
            self.assertTrue(wire.disconnecting, early)
            self.assertTrue(wire.read().startswith(b"* BYE "))

    def test_a_queue_without_end_is_not_read(self) -> None:
        scene = Scene()
        wire = scene.wire()
        wire.send(b"a LOGIN slow secret\r\n" + b"b NOOP\r\n" * 100_000)
        self.assertGreater(len(wire._waiting), 600_000)  # in the kernel, at the client
        scene.checker.gate.callback(None)
        for _ in range(2000):
            scene.clock.advance(0)
        self.assertEqual(wire.read().count(b"b OK"), 100_000)

    def test_bare_line_ends_end_the_connection(self) -> None:
        for line in (b"a NOOP\n", b"a NOOP\rb NOOP\r\n", b"a LOGIN ann \nb\r\n"):
            wire = Scene().wire()
            wire.read()
            wire.send(line + b"c NOOP\r\n")
            self.assertTrue(wire.read().startswith(b"* BYE"), line)
            self.assertTrue(wire.disconnecting)

    def test_an_append_without_end_is_not_stored(self) -> None:
        scene = Scene()
        wire = scene.logged_in()
        wire.send(b"a APPEND INBOX {1000}\r\n" + b"x" * 999)
        wire.hang_up()
        self.assertEqual(len(scene.inbox.entries()), 3)


class Trouble(SynchronousTestCase):
    def test_a_full_disk_is_told_and_the_rest_of_the_literal_is_no_command(self) -> None:
        for status, code in (("4.3.1", b"UNAVAILABLE"), ("5.2.2", b"OVERQUOTA"), ("4.2.2", b"OVERQUOTA")):
            scene = Scene()
            self.patch(scene.account, "upload", lambda name, status=status: Full(status))
            wire = scene.logged_in()
            for waits in (b"", b"+"):
                wire.send(b"a APPEND INBOX {16" + waits + b"}\r\nabc\r\nz LOGOUT\r\nx\r\nb NOOP\r\n")
                words = b"a NO [" + code + b"] Insufficient system storage, try again later\r\n"
                self.assertEqual(wire.read().removeprefix(b"+ Go on\r\n"), words + b"b OK NOOP completed\r\n")

    def test_a_bug_is_told_logged_and_the_end(self) -> None:
        scene = Scene()
        self.patch(scene.account, "status", lambda name: 1 / 0)
        wire = scene.logged_in()
        wire.send(b"a STATUS INBOX (MESSAGES)\r\nb NOOP\r\n")
        self.assertEqual(wire.read(), b"a NO [SERVERBUG] Internal error\r\n")
        self.assertTrue(wire.disconnecting)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_an_answer_that_cannot_be_completed_is_cut(self) -> None:
        class Half(Command):
            name = "HALF"
            states = State.ANY

            async def run(self, session: Any) -> Answer:
                session.write(b"* 1 FETCH (BODY[] {1000}\r\nabc")
                session.cut()
                raise OSError("the disk is gone")

        scene = Scene()
        scene.factory.dialect = Dialect(
            (*whole().extensions, Extension(name="half", rfc=1, commands=(Half,)))
        )
        wire = scene.wire()
        wire.read()
        wire.send(b"a HALF\r\nb NOOP\r\n")
        self.assertEqual((wire.aborted, wire.read()), (True, b""))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)


class Deleted(SynchronousTestCase):
    def test_a_mailbox_is_closed_by_whoever_leaves_it(self) -> None:
        closed: list[Mailbox] = []

        async def close(self: MemoryMailbox) -> None:
            closed.append(self)

        self.patch(MemoryMailbox, "close", close)
        scene = Scene()
        for last in (b"UNSELECT", b"CLOSE", b"SELECT nowhere", b"LOGOUT", None):
            wire = scene.logged_in(b"a SELECT INBOX")
            if last is None:
                wire.hang_up()
            else:
                wire.send(b"b " + last + b"\r\n")
            self.assertEqual(closed, [scene.inbox], last)
            self.assertEqual(scene.inbox._listeners, {})
            closed.clear()
