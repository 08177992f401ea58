"""Keys that are new each time, and keys that wait until the world knows the next one."""

import subprocess
from hashlib import sha256

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from mailtwist.testing.clock import ManualClock
from mailtwist.tls.acme.api import KeyKind
from mailtwist.tls.acme.ari import Renewal as Window
from mailtwist.tls.acme.keys import kinds_of
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.acme.published import Published, Seen, digest_of, is_of
from tests.hearing import heard
from tests.peers.programs import program
from tests.tls.acme.world import DAY, HOST, HOUR, MINUTE, Found, SaidDns, Simulated, World, a_key, result

TLSA = f"_25._tcp.{HOST}"
DIGEST = "ab" * 32


class PublishedTests(TestCase):
    def setUp(self) -> None:
        self.dns = SaidDns()
        self.published = Published(self.dns)

    def look(self, now: float, before: Seen | None = None, names: tuple[str, ...] = (HOST,)) -> Seen | None:
        seen: Seen | None = result(self.published.look(names, DIGEST, before, now))
        return seen

    def servers(self, *records: str | None, ttl: int = 7200) -> None:
        self.dns.tlsa[TLSA] = [None if one is None else Found((one,), ttl) for one in records]

    def test_it_counts_from_the_first_look_and_needs_twice_the_ttl(self) -> None:
        self.assertIsNone(self.look(0))
        self.servers(f"3 1 1 {DIGEST}")
        seen = self.look(100)
        assert seen is not None
        self.assertEqual((seen.since, seen.long_enough_at), (100, 100 + 2 * 7200))
        self.assertEqual(self.look(5000, seen), seen)

    def test_the_longest_ttl_that_was_seen_counts_and_an_hour_at_least(self) -> None:
        self.servers(f"3 1 1 {DIGEST}", ttl=60)
        seen = self.look(100)
        assert seen is not None
        self.assertEqual(seen.long_enough_at, 100 + 2 * HOUR)
        self.servers(f"3 1 1 {DIGEST}", ttl=86400)
        seen = self.look(200, seen)
        assert seen is not None
        self.assertEqual(seen.long_enough_at, 100 + 2 * DAY)

    def test_all_servers_of_the_zone_must_have_it(self) -> None:
        self.servers(f"3 1 1 {DIGEST}", "3 1 1 " + "cd" * 32)
        self.assertIsNone(self.look(0))
        self.servers(f"3 1 1 {DIGEST}", None)  # that one is down
        self.assertIsNotNone(self.look(0))

    def test_one_that_is_taken_away_begins_anew(self) -> None:
        self.servers(f"3 1 1 {DIGEST}")
        seen = self.look(100)
        self.servers("3 1 1 " + "cd" * 32)
        self.assertIsNone(self.look(200, seen))

    def test_while_dns_is_away_nothing_changes(self) -> None:
        self.servers(f"3 1 1 {DIGEST}")
        seen = self.look(100)
        self.dns.away = True
        self.assertEqual(self.look(200, seen), seen)
        self.dns.away = False
        self.servers(None, None)
        self.assertEqual(self.look(200, seen), seen)

    def test_after_hours_without_a_look_it_counts_anew(self) -> None:
        self.servers(f"3 1 1 {DIGEST}")
        seen = self.look(100)
        self.dns.away = True
        for now in (HOUR, 2 * HOUR, 5 * HOUR):
            seen = self.look(now, seen)
        self.dns.away = False
        seen = self.look(6 * HOUR, seen)
        assert seen is not None
        self.assertEqual(seen.since, 6 * HOUR)

    def test_what_was_seen_of_another_key_or_in_the_future_is_nothing(self) -> None:
        self.servers(f"3 1 1 {DIGEST}")
        for before in (Seen("cd" * 32, 1, 60), Seen(DIGEST, 10_000, 60)):
            seen = self.look(500, before)
            assert seen is not None
            self.assertEqual(seen.since, 500)

    def test_all_hosts_of_a_certificate_must_have_it_and_a_wildcard_is_no_host(self) -> None:
        self.servers(f"3 1 1 {DIGEST}")
        self.assertIsNone(self.look(0, names=(HOST, "other.example.org")))
        self.assertIsNone(self.look(0, names=("*.example.org",)))
        self.assertIsNotNone(self.look(0, names=(HOST, "*.example.org")))

    def test_records_as_zones_write_them(self) -> None:
        for record, right in (
            (f"3 1 1 {DIGEST.upper()}", True),
            (f"3 1 1 {DIGEST[:32]} {DIGEST[32:]}", True),
            (f"3 0 1 {DIGEST}", False),
            (f"2 1 1 {DIGEST}", False),
            (f"3 1 2 {DIGEST}", False),
            ("3 1 1", False),
            ("", False),
        ):
            self.assertEqual(is_of(record, DIGEST), right, record)

    def test_what_is_remembered_may_be_anything(self) -> None:
        seen = Seen(DIGEST, 1.0, 2.0, 3.0)
        self.assertEqual(Seen.of(seen.written()), seen)
        for about in (None, 3, [], {}, {"digest": 1}, {"digest": "x", "since": "x", "ttl": 1}):
            self.assertIsNone(Seen.of(about))


class PinTests(TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.ca = Simulated("first", self.clock, life=10 * DAY)
        self.kinds: tuple[KeyKind, ...] = ("EC",)

    def world(self, policy: str = "pin") -> World:
        world = World(self.ca, policy=policy, kinds=self.kinds)  # type: ignore[arg-type]
        result(world.renewal.start())
        self.addCleanup(world.renewal.stop)
        world.clock.advance(0)
        return world

    def key(self, world: World, kind: KeyKind = "EC") -> str:
        kept = world.kept(kind=kind)
        assert kept is not None
        return digest_of(kept.bundle.key)  # type: ignore[arg-type]

    def next(self, world: World, kind: KeyKind = "EC") -> str:
        return digest_of(result(world.keys.next_key(HOST, kind)))

    def publish(self, world: World, *digests: str, ttl: float = 3600) -> None:
        world.dns.tlsa[TLSA] = [Found(tuple(f"3 1 1 {one}" for one in digests), int(ttl))]

    def test_rotated_keys_are_never_the_same(self) -> None:
        world = self.world("rotate")
        first = self.key(world)
        world.pass_time(7 * DAY, HOUR)
        self.assertNotEqual(self.key(world), first)
        self.assertIsNone(result(world.keys.next_key(HOST, "EC")))

    def test_without_the_record_the_same_key_is_renewed_and_renewed(self) -> None:
        world = self.world()
        first, following = self.key(world), self.next(world)
        world.pass_time(60 * DAY, HOUR)
        self.assertGreater(len(self.ca.made), 7)
        self.assertEqual((self.key(world), self.next(world)), (first, following))

    def test_after_the_record_was_there_for_long_enough_the_next_renewal_switches(self) -> None:
        world = self.world()
        first, following = self.key(world), self.next(world)
        self.publish(world, first, following)
        world.pass_time(5 * DAY, HOUR)
        self.assertEqual(self.key(world), first)  # it is not due yet
        world.pass_time(3 * DAY, HOUR)
        self.assertEqual(self.key(world), following)
        self.assertNotIn(self.next(world), (first, following))
        kept = world.kept()
        assert kept is not None
        self.assertTrue(kept.issued.pinned)

    def test_a_record_that_came_too_late_postpones_the_switch(self) -> None:
        world = self.world()
        first, following = self.key(world), self.next(world)
        due = result(world.store.note(HOST, "EC")).due
        world.pass_time(due - self.clock.now() - HOUR, HOUR)
        self.publish(world, first, following)
        world.pass_time(3 * HOUR, 10 * 60)
        self.assertEqual(len(self.ca.made), 2)
        self.assertEqual(self.key(world), first)
        world.pass_time(8 * DAY, HOUR)
        self.assertEqual(self.key(world), following)

    def test_a_record_that_is_taken_away_before_the_renewal_postpones_the_switch(self) -> None:
        world = self.world()
        first, following = self.key(world), self.next(world)
        self.publish(world, first, following)
        due = result(world.store.note(HOST, "EC")).due
        world.pass_time(due - self.clock.now() - 10 * MINUTE, 10 * MINUTE)
        self.publish(world, first)  # no look sees that before the certificate is due
        world.pass_time(2 * HOUR, 10 * MINUTE)
        self.assertEqual((len(self.ca.made), self.key(world)), (2, first))
        self.publish(world, first, following)
        world.pass_time(9 * DAY, HOUR)
        self.assertEqual(self.key(world), following)

    def test_while_dns_is_away_the_key_stays(self) -> None:
        world = self.world()
        first, following = self.key(world), self.next(world)
        self.publish(world, first, following)
        due = result(world.store.note(HOST, "EC")).due
        world.pass_time(due - self.clock.now() - 10 * MINUTE, 10 * MINUTE)
        world.dns.away = True
        world.pass_time(2 * HOUR, 10 * MINUTE)
        self.assertEqual((len(self.ca.made), self.key(world)), (2, first))

    def test_records_that_others_still_remember_count_too(self) -> None:
        world = self.world()
        first, following = self.key(world), self.next(world)
        self.publish(world, first, ttl=4 * DAY)
        due = result(world.store.note(HOST, "EC")).due
        world.pass_time(due - self.clock.now() - 2 * DAY, HOUR)
        self.publish(world, first, following, ttl=60)
        world.pass_time(3 * DAY, HOUR)
        self.assertEqual((len(self.ca.made), self.key(world)), (2, first))

    def test_events_tell_what_to_publish_and_when_what_was_may_go(self) -> None:
        with capturedLogs() as logs:
            world = self.world()
            first, following = self.key(world), self.next(world)
            self.publish(world, first, following, ttl=5 * 3600)
            world.pass_time(8 * DAY, HOUR)
        told = [formatEvent(event) for event in logs if "3 1 1" in formatEvent(event)]
        self.assertIn(f"publish _25._tcp.{HOST}. TLSA 3 1 1 {following}", told[0])
        self.assertIn(f"publish _25._tcp.{HOST}. TLSA 3 1 1 {self.next(world)}", told[1])
        self.assertIn(f"in 10 h the record of the one before may go: TLSA 3 1 1 {first}", told[2])

    def test_a_renewal_with_the_same_key_tells_which_record_is_missing(self) -> None:
        with capturedLogs() as logs:
            world = self.world()
            following = self.next(world)
            world.pass_time(8 * DAY, HOUR)
        (told,) = [formatEvent(event) for event in logs if event.get("event_id") == "acme.key_pinned"]
        self.assertIn(f"publish _25._tcp.{HOST}. TLSA 3 1 1 {following}", told)

    def test_each_kind_of_key_has_its_own_next(self) -> None:
        self.kinds = ("EC", "RSA")
        world = self.world()
        keys = {self.key(world), self.key(world, "RSA"), self.next(world), self.next(world, "RSA")}
        self.assertEqual(len(keys), 4)

    def test_a_compromised_key_gives_way_to_the_next_whether_or_not_that_is_published(self) -> None:
        world = self.world()
        first, following = self.key(world), self.next(world)
        result(world.renewal.revoke(HOST, 1))
        self.assertEqual(self.key(world), following)
        self.assertNotIn(self.next(world), (first, following))
        result(world.store.set_next_key(HOST, "EC", None))
        result(world.renewal.revoke(HOST, 1))
        self.assertNotIn(self.key(world), (first, following))

    def test_so_does_one_that_the_authority_has_revoked_and_takes_no_more(self) -> None:
        world = self.world()
        events = heard(self)
        first, following = self.key(world), self.next(world)
        refused = NotIssued("badCSR", "the key is on a list", temporary=False)
        self.ca.fails = lambda names: refused if len(self.ca.tried) == 2 else None
        world.pass_time(DAY, HOUR)
        begin = self.clock.now()
        self.ca.window = lambda one: Window(begin - 2 * DAY, begin - DAY, "", begin + HOUR)
        world.pass_time(7 * HOUR, 600)
        self.assertEqual(self.key(world), following)
        self.assertNotIn(self.next(world), (first, following))
        self.assertIn("acme.key_refused", [one["event_id"] for one in events])

    def test_a_key_that_is_refused_for_another_reason_stays(self) -> None:
        world = self.world()
        first = self.key(world)
        refused = NotIssued("badCSR", "no", temporary=False)
        self.ca.fails = lambda names: refused if len(self.ca.tried) == 2 else None
        world.pass_time(8 * DAY, HOUR)
        self.assertEqual((len(self.ca.tried), self.key(world)), (3, first))

    def test_an_operator_can_have_the_next_key_at_once(self) -> None:
        world = self.world()
        [before] = result(world.renewal.status())
        result(world.renewal.renew(HOST, next_key=True))
        [after] = result(world.renewal.status())
        self.assertEqual(after.digest, before.next_digest)
        self.assertEqual(after.next_digest, self.next(world))

    def test_what_is_revoked_for_another_reason_keeps_its_key(self) -> None:
        world = self.world()
        first = self.key(world)
        result(world.renewal.revoke(HOST, 4))
        self.assertEqual(self.key(world), first)

    def test_a_lost_certificate_comes_back_with_the_next_key(self) -> None:
        world = self.world()
        following = self.next(world)
        result(world.store.forget(HOST, "EC"))
        world.pass_time(HOUR)
        self.assertEqual(self.key(world), following)

    def test_a_next_key_that_is_damaged_is_made_anew(self) -> None:
        world = self.world()
        first = self.key(world)
        result(world.store.set_next_key(HOST, "EC", b"half a ke"))
        result(world.renewal.renew(HOST, force=True))
        self.assertEqual(self.key(world), first)
        self.assertNotEqual(self.next(world), first)


class ChoiceTests(TestCase):
    def test_words_and_kinds(self) -> None:
        self.assertEqual(kinds_of("ecdsa"), ("EC",))
        self.assertEqual(kinds_of("rsa"), ("RSA",))
        self.assertEqual(kinds_of("both"), ("EC", "RSA"))

    def test_a_digest_is_that_of_the_public_key(self) -> None:
        self.assertEqual(digest_of(a_key()), digest_of(a_key()))
        pem = a_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        words = [program("openssl"), "pkey", "-pubin", "-outform", "DER"]
        der = subprocess.run(words, input=pem, capture_output=True, check=True).stdout
        self.assertEqual(digest_of(a_key()), sha256(der).hexdigest())
