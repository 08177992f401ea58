"""A year with pinned keys, and an operator who publishes late and takes records away: no sender that goes by
DANE ever finds a key that it has no record for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from twisted.trial.unittest import TestCase

from mailtwist.testing.clock import ManualClock
from mailtwist.tls.acme.published import digest_of
from tests.tls.acme.world import DAY, HOST, HOUR, Found, Simulated, World, result

TLSA = f"_25._tcp.{HOST}"
YEAR = 365 * DAY
LIFE = 20 * DAY


@dataclass
class Version:
    """What one server of the zone says from `since` on."""

    since: float
    digests: frozenset[str]
    ttl: float
    until: float = float("inf")

    def remembered(self, now: float) -> bool:
        """Somebody who asked at the last moment still goes by it."""
        return self.since <= now < self.until + self.ttl


@dataclass
class Zone:
    """Two servers, one of which is late."""

    late: float
    versions: list[list[Version]] = field(default_factory=lambda: [[], []])

    def write(self, now: float, digests: frozenset[str], ttl: float) -> None:
        for its, late in zip(self.versions, (0.0, self.late), strict=True):
            if its:
                its[-1].until = now + late
            its.append(Version(now + late, digests, ttl))

    def answers(self, now: float) -> list[Found | None]:
        found: list[Found | None] = []
        for its in self.versions:
            there = [one for one in its if one.since <= now < one.until]
            records = sorted(f"3 1 1 {digest}" for digest in there[0].digests) if there else []
            found.append(Found(tuple(records), int(there[0].ttl) if there else 60))
        return found

    def remembered(self, now: float) -> list[frozenset[str]]:
        """All record sets by which some sender goes now."""
        for its in self.versions:
            its[:] = [one for one in its if one.until + one.ttl >= now]
        return [one.digests for its in self.versions for one in its if one.remembered(now) and one.digests]


class Operator:
    """Reads once in a while what there is to publish, and has it published days later."""

    def __init__(self, zone: Zone, random: Random) -> None:
        self.zone = zone
        self.random = random
        self.wanted: frozenset[str] = frozenset()
        self.keeps: dict[str, float] = {}
        self.again = 0.0
        self.withdrawn = False

    def passes(self, now: float, current: Sequence[str], following: Sequence[str]) -> None:
        if now < self.again:
            return
        ttl = self.random.choice((300.0, HOUR, 5 * HOUR, DAY))
        if not self.withdrawn and self.random.random() < 0.2:  # "what is this record for?"
            digests, self.withdrawn = frozenset(current), True
            self.again = now + self.random.uniform(4 * HOUR, 4 * DAY)
        else:
            digests, self.withdrawn = frozenset([*current, *following]), False
            self.again = now + self.random.uniform(4 * HOUR, 12 * DAY)
        old = [one for one, until in self.keeps.items() if until > now]
        self.zone.write(now, digests | frozenset(old), ttl)

    def switched(self, now: float, digest: str) -> None:
        """The log said that this record may go in two days (twice the longest TTL)."""
        self.keeps[digest] = now + 2 * DAY


class YearCase(TestCase):
    def setUp(self) -> None:
        self.digests: dict[bytes, str] = {}

    def year(self, seed: int, force: float = 0.0, long: float = YEAR) -> tuple[int, list[str]]:
        """How often keys were switched, and what went wrong."""
        random = Random(seed)
        clock = ManualClock()
        world = World(Simulated("first", clock, life=LIFE), policy="pin", seed=seed)
        result(world.renewal.start())
        self.addCleanup(world.renewal.stop)
        clock.advance(0)
        zone = Zone(random.uniform(0, 6 * HOUR))
        operator = Operator(zone, random)
        begin, switches, wrong = clock.now(), 0, []
        current = self.current(world)
        while clock.now() < begin + long:
            operator.passes(clock.now(), current, self.following(world))
            world.dns.tlsa[TLSA] = zone.answers(clock.now())
            world.dns.away = random.random() < 0.05 or 100 * DAY < clock.now() - begin < 104 * DAY
            clock.advance(HOUR)
            now = self.current(world)
            for old, new in zip(current, now, strict=True):
                if old != new:
                    switches += 1
                    operator.switched(clock.now(), old)
            current = now
            wrong += self.wrong(zone, clock.now(), current)
            if force and clock.now() >= begin + force:
                force = 0.0
                for _ in range(2):  # the record of the second one is nowhere
                    result(world.renewal.renew(HOST, next_key=True))
        return switches, wrong

    def wrong(self, zone: Zone, now: float, current: Sequence[str]) -> list[str]:
        sets = zone.remembered(now)
        return [f"at {now}: {one[:8]}" for one in current for its in sets if one not in its]

    def current(self, world: World) -> list[str]:
        return [self.digest(one.pem) for one in result(world.store.certificates())]

    def following(self, world: World) -> list[str]:
        return [self.digest(result(world.store.next_key(HOST, "EC")))]

    def digest(self, pem: bytes) -> str:
        if pem not in self.digests:
            self.digests[pem] = digest_of(load_pem_private_key(pem, None))  # type: ignore[arg-type]
        return self.digests[pem]

    def test_no_sender_finds_a_key_without_a_record(self) -> None:
        for seed in range(3):
            switches, wrong = self.year(seed)
            self.assertEqual(wrong[:3], [], f"seed {seed}")
            self.assertGreater(switches, 3)

    def test_this_test_would_see_a_switch_that_is_forced(self) -> None:
        _, wrong = self.year(1, force=30 * HOUR, long=3 * DAY)
        self.assertNotEqual(wrong, [])
