"""Logins of one account, some time apart."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.pop3.delays import Delays, TooSoon
from mailtwist.testing.clock import ManualClock
from tests.protocols.pop3.scene import LOGIN, Scene


class DelaysTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()

    def test_one_account_waits_and_others_do_not(self) -> None:
        delays = Delays(60)
        delays.note("ann", self.clock)
        self.clock.advance(59)
        self.assertRaises(TooSoon, delays.check, "ann", self.clock)
        delays.check("bob", self.clock)
        self.clock.advance(1)
        delays.check("ann", self.clock)

    def test_without_a_delay_nobody_is_remembered(self) -> None:
        delays = Delays()
        delays.note("ann", self.clock)
        delays.check("ann", self.clock)
        self.assertEqual(delays._last, {})

    def test_who_need_not_wait_is_forgotten(self) -> None:
        delays = Delays(60)
        for number in range(1000):
            delays.note(f"{number}", self.clock)
            self.clock.advance(1)
        self.assertLess(len(delays._last), 62)
        delays.note("999", self.clock)
        self.assertRaises(TooSoon, delays.check, "999", self.clock)

    def test_who_was_refused_is_logged_out_and_leaves_no_lock(self) -> None:
        scene = Scene()
        delays = Delays(60)
        scene.logged_in(delays=delays).hang_up()
        wire = scene.greeted(delays=delays)
        wire.send(LOGIN)
        self.assertIn(b"-ERR [LOGIN-DELAY] ", wire.read())
        self.assertEqual(scene.realm.out, [b"ann", b"ann"])
        scene.clock.advance(60)
        scene.logged_in(delays=delays)

    def test_a_maildrop_in_use_is_no_login(self) -> None:
        scene = Scene()
        delays = Delays(60)
        holder = scene.logged_in()
        wire = scene.greeted(delays=delays)
        wire.send(LOGIN)
        self.assertIn(b"[IN-USE]", wire.read())
        holder.hang_up()
        wire.send(LOGIN)
        self.assertIn(b"+OK Logged in", wire.read())
