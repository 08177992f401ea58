"""A server behind us is left alone when it is in trouble, and asked again after a while."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.health import LONGEST, TOGETHER, Checks, Health
from mailtwist.testing.clock import ManualClock
from tests.hearing import heard


class HealthCase(SynchronousTestCase):
    def setUp(self):
        self.clock = ManualClock()
        self.health = Health("inside", "mail1.inside:993", self.clock, troubles=3, pause=5.0)
        self.events = heard(self)

    def trouble(self, *who):
        for one in who:
            visit = self.health.enter(one)
            visit.troubled(f"no answer for {one}")
            visit.left()

    def said(self):
        return [event["event_id"] for event in self.events]


class ClientsTests(HealthCase):
    def test_different_clients_with_trouble_open_it(self):
        self.trouble("ann", "bob")
        self.assertTrue(self.health.ready)
        self.trouble("eve")
        self.assertFalse(self.health.ready)
        self.assertEqual(self.health.reason, "no answer for eve")
        self.assertEqual(self.said(), ["upstream.down"])
        event = self.events[0]
        self.assertEqual(
            [event[name] for name in ("upstream", "where", "reason", "seconds")],
            ["inside", "mail1.inside:993", "no answer for eve", 5.0],
        )

    def test_one_client_alone_does_not(self):
        self.trouble(*["ann"] * 100)
        self.assertTrue(self.health.up)
        self.trouble("bob", "ann", "bob")
        self.assertTrue(self.health.up)

    def test_somebody_who_was_served_between_counts(self):
        self.trouble("ann", "bob")
        self.health.enter("carl").answered()
        self.trouble("eve", "ann")
        self.assertTrue(self.health.up)

    def test_troubles_of_more_than_a_minute_do_not_add_up(self):
        self.trouble("ann", "bob")
        self.assertTrue(self.health.doubted)
        self.clock.advance(TOGETHER)
        self.assertFalse(self.health.doubted)
        self.trouble("eve")
        self.assertTrue(self.health.up)

    def test_after_a_pause_one_at_a_time_tries(self):
        self.trouble("ann", "bob", "eve")
        self.clock.advance(4.9)
        self.assertFalse(self.health.ready)
        self.clock.advance(0.1)
        self.assertTrue(self.health.ready)
        visit = self.health.enter("ann")
        self.assertFalse(self.health.ready, "somebody tries")
        visit.left()
        self.assertTrue(self.health.ready, "and has learned nothing")
        self.health.enter("bob").answered()
        self.assertTrue(self.health.up)
        self.assertEqual(self.said(), ["upstream.down", "upstream.up"])

    def test_each_failure_doubles_the_pause_up_to_a_minute(self):
        self.trouble("ann", "bob", "eve")
        pauses = []
        for _ in range(6):
            pauses.append(self.events[-1]["seconds"])
            self.clock.advance(pauses[-1])
            self.trouble("ann") if self.health.ready else None
        self.assertEqual(pauses, [5.0, 10.0, 20.0, 40.0, LONGEST, LONGEST])
        self.clock.advance(LONGEST)
        self.assertTrue(self.health.ready)
        self.health.enter("ann").answered()
        self.trouble("ann", "bob", "eve")
        self.assertEqual(self.events[-1]["seconds"], 5.0, "and begins anew")

    def test_who_was_there_before_changes_nothing_while_it_is_left_alone(self):
        early = self.health.enter("carl")
        self.trouble("ann", "bob", "eve")
        early.troubled("late news")
        self.assertEqual((self.health.reason, len(self.events)), ("no answer for eve", 1))
        early.left()

    def test_who_was_served_meanwhile_ends_it(self):
        early = self.health.enter("carl")
        self.trouble("ann", "bob", "eve")
        early.answered()
        self.assertTrue(self.health.up)


class CheckTests(HealthCase):
    def test_two_failed_checks_open_it_and_a_good_one_closes_it(self):
        self.health.checked("Connection refused")
        self.assertTrue(self.health.up)
        self.health.checked("Connection refused")
        self.assertFalse(self.health.ready)
        self.health.checked("")
        self.assertTrue(self.health.up)
        self.assertEqual(self.said(), ["upstream.down", "upstream.up"])

    def test_checks_that_fail_now_and_then_do_not(self):
        for _ in range(5):
            self.health.checked("Connection refused")
            self.health.checked("")
        self.assertEqual(self.said(), [])

    def test_one_is_enough_when_a_client_has_had_trouble_too(self):
        self.trouble("ann")
        self.health.checked("Connection refused")
        self.assertFalse(self.health.up)

    def test_what_is_known_is_no_news(self):
        for _ in range(5):
            self.health.checked("Connection refused")
        self.assertEqual(self.said(), ["upstream.down"])

    def test_it_goes_on_failing_after_a_pause(self):
        self.health.checked("Connection refused")
        self.health.checked("Connection refused")
        self.clock.advance(5)
        self.assertTrue(self.health.ready)
        self.health.checked("Connection refused")
        self.assertFalse(self.health.ready)
        self.assertEqual([event["seconds"] for event in self.events], [5.0, 10.0])

    def test_a_check_does_not_log_in_and_ends_nothing_that_clients_began(self):
        self.trouble("ann", "bob", "eve")
        self.health.checked("")
        self.assertFalse(self.health.ready)
        self.clock.advance(5)
        self.health.enter("ann").answered()
        self.assertTrue(self.health.up)

    def test_it_is_known_since_when(self):
        began = self.clock.now()
        self.assertEqual(self.health.since, began)
        self.clock.advance(100)
        self.trouble("ann", "bob", "eve")
        self.assertEqual(self.health.since, began + 100)
        self.clock.advance(50)
        self.trouble("ann")
        self.assertEqual(self.health.since, began + 100)
        self.clock.advance(10)
        self.health.enter("ann").answered()
        self.assertEqual(self.health.since, began + 160)


class ChecksTests(SynchronousTestCase):
    """When it is checked."""

    def setUp(self):
        self.clock = ManualClock()
        self.begun = []
        self.called_off = 0
        self.checks = Checks(self.clock, 30.0, self.check)

    async def check(self):
        self.begun.append((self.clock.seconds(), Deferred()))
        try:
            await self.begun[-1][1]
        except CancelledError:
            self.called_off += 1
            raise

    def test_at_once_and_so_long_after_the_end_of_the_last_one(self):
        self.checks.start()
        self.clock.advance(0)
        self.clock.advance(45)
        self.begun[0][1].callback(None)
        self.clock.advance(29)
        self.assertEqual(len(self.begun), 1)
        self.clock.advance(1)
        self.assertEqual([at for at, _ in self.begun], [0, 75])
        self.checks.stop()

    def test_sooner_after_trouble(self):
        self.checks.soon()
        self.checks.start()
        self.clock.advance(0)
        self.checks.soon()
        self.begun[0][1].callback(None)
        self.clock.advance(10)
        for _ in range(4):
            self.checks.soon()
            self.clock.advance(0.25)
        self.assertEqual([at for at, _ in self.begun], [0, 11])
        self.checks.stop()

    def test_no_more_after_the_end(self):
        self.checks.start()
        self.clock.advance(0)
        self.checks.stop()
        self.assertEqual(self.called_off, 1)
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])
        self.checks.start()
        self.checks.stop()
        self.clock.advance(100)
        self.assertEqual(len(self.begun), 1)

    def test_a_check_that_fails_is_not_the_last(self):
        self.checks.start()
        self.clock.advance(0)
        self.begun[0][1].errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.clock.advance(30)
        self.assertEqual(len(self.begun), 2)
        self.checks.stop()
