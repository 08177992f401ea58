"""What operators ask of renewal, beside a server that does it by itself: status, orders, revocations."""

from dataclasses import replace

from twisted.internet.defer import CancelledError, Deferred

from mailtwist.kit.spawn import started
from mailtwist.tls.acme.problem import NotIssued
from tests.tls.acme.world import DAY, HOST, HOUR, WithWorld, World, a_key, certified, result

NOT_PROVEN = NotIssued("connection", "nobody answers at port 80")


class OperatorTests(WithWorld):
    def test_the_status_tells_what_there_is_and_what_is_wrong(self) -> None:
        self.ca.fails = lambda names: NOT_PROVEN if names[0] == "dead.example.org" else None
        world = self.world(names=["dead.example.org"], prefixes=("mail",), domains=("example.com",))
        world.pass_time(HOUR)
        host, dead, away = result(world.renewal.status())
        self.assertEqual((host.name, host.state, host.why), (HOST, "valid", "host"))
        self.assertTrue(89 < host.days_left < 90)
        self.assertEqual((dead.state, dead.errors), ("missing", {"first": "nobody answers at port 80"}))
        self.assertGreater(dead.failures, 3)
        self.assertEqual((away.name, away.state), ("mail.example.com", "not here"))
        self.assertIn("no address", away.error)

    def test_renew_orders_only_what_is_due_unless_it_is_forced(self) -> None:
        world = self.world()
        [one] = result(world.renewal.renew(HOST))
        self.assertEqual(len(self.ca.tried), 1)
        [other] = result(world.renewal.renew(HOST, force=True))
        self.assertEqual(len(self.ca.tried), 2)
        self.assertNotEqual(one.pem, other.pem)

    def test_renew_says_why_not(self) -> None:
        world = self.world(names=["dead.example.org"])
        self.ca.fails = lambda names: NOT_PROVEN
        for name, words in (
            ("nobody.example.org", "not wanted"),
            (HOST, "port 80"),
        ):
            error = self.assertRaises(NotIssued, result, world.renewal.renew(name, force=True))
            self.assertIn(words, error.words)

    def test_two_processes_order_a_certificate_once(self) -> None:
        waiting: list[Deferred[None]] = []

        def slowly(names: object) -> Deferred[None]:
            waiting.append(Deferred())
            return waiting[-1]

        self.ca.delay = slowly
        server = self.world()
        command = World(self.ca, store=server.store)
        error = self.assertRaises(NotIssued, result, command.renewal.renew(HOST))
        self.assertEqual(error.kind, "busy")
        server.pass_time(HOUR)  # the lease is renewed
        self.assertEqual(self.assertRaises(NotIssued, result, command.renewal.renew(HOST)).kind, "busy")
        waiting[0].callback(None)
        result(command.renewal.renew(HOST))
        self.assertEqual(len(self.ca.tried), 1)

    def test_stopping_calls_orders_off_and_waits_for_what_they_clean_up(self) -> None:
        cleaned: list[Deferred[None]] = []

        async def until_cancelled() -> None:
            try:
                await Deferred()
            except CancelledError:
                cleaned.append(Deferred())
                await cleaned[0]
                raise

        self.ca.delay = lambda names: until_cancelled()
        world = self.world()
        stopped = started(world.renewal.stop())
        self.assertEqual(len(cleaned), 1)
        self.assertNoResult(stopped)
        cleaned[0].callback(None)
        self.successResultOf(stopped)
        self.assertIsNotNone(result(world.store.lease(f"the certificate for {HOST} (EC)", 1)))
        self.assertEqual(result(world.store.note(HOST, "EC")).failures, 0)

    def test_what_is_revoked_is_replaced(self) -> None:
        world = self.world(kinds=("EC", "RSA"))
        old = world.kept()
        assert old is not None
        self.assertEqual(result(world.renewal.revoke(HOST, 1)), 2)
        self.assertEqual({reason for _, reason in self.ca.revoked}, {1})
        new = world.kept()
        assert new is not None
        self.assertNotEqual(new.bundle.leaf, old.bundle.leaf)
        world.pass_time(DAY)
        self.assertEqual(len(self.ca.tried), 4)

    def test_what_is_revoked_without_another_is_forgotten(self) -> None:
        world = self.world(on_demand=("a.example.com",))
        pem = certified(["old.example.com"], a_key(), self.clock.now(), DAY)
        kept = world.kept()
        assert kept is not None
        result(world.store.keep(replace(kept.issued, name="old.example.com", pem=pem)))
        self.assertEqual(result(world.renewal.revoke("old.example.com", 0, again=False)), 1)
        self.assertIsNone(world.kept("old.example.com"))
        self.assertEqual(result(world.renewal.revoke("old.example.com")), 0)
