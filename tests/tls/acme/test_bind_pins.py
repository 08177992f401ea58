"""Keys that wait for their records, which somebody publishes by hand in a real bind9."""

import dns.query
import dns.tsigkeyring
import dns.update
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.testing.clock import ManualClock
from mailtwist.tls.acme.ordering import Item
from mailtwist.tls.acme.published import Published, digest_of
from tests.peers.programs import needs
from tests.tls.acme.world import DAY, HOUR, Simulated, World, result
from tests.tls.dns.named import KEY, asking, named

NAME = "mail.pinned.test"
ITEM = Item((NAME,), "EC")
TTL = 2 * HOUR


@needs("named")
class BindPinTests(TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.ca = Simulated("first", self.clock, life=10 * DAY)
        self.world = World(self.ca, policy="pin")
        self.world.keys._published = Published(asking(self))  # type: ignore[arg-type]
        self.addCleanup(self.publish)

    async def look(self) -> str:
        """It is done what is to be done now; the digest of the key that is served then."""
        kept = self.world.kept(NAME)
        await self.world.renewal.ordering.cared_for(ITEM, kept)
        kept = self.world.kept(NAME)
        assert kept is not None
        return digest_of(kept.bundle.key)  # type: ignore[arg-type]

    async def passes(self, seconds: float) -> str:
        """An hour after the other, in each of which it is looked."""
        found = ""
        while seconds > 0:
            self.clock.advance(HOUR)
            seconds -= HOUR
            found = await self.look()
        return found

    async def until_due(self, hours: float) -> None:
        """So long before it is due."""
        note = await self.world.store.note(NAME, "EC")
        await self.passes(note.due - self.clock.now() - hours * HOUR)

    def next(self) -> str:
        return digest_of(result(self.world.keys.next_key(NAME, "EC")))

    async def publish(self, *digests: str) -> None:
        await deferToThread(self.write, digests)

    def write(self, digests: tuple[str, ...]) -> None:
        keyring = dns.tsigkeyring.from_text({"mailtwist": KEY})
        update = dns.update.UpdateMessage("pinned.test", keyring=keyring, keyalgorithm="hmac-sha256")
        update.delete(f"_25._tcp.{NAME}.", "TLSA")
        for digest in digests:
            update.add(f"_25._tcp.{NAME}.", int(TTL), "TLSA", f"3 1 1 {digest}")
        answer = dns.query.tcp(update, "127.0.0.1", 5, named().port)
        assert answer.rcode() == 0, answer

    async def test_without_the_record_the_key_stays(self) -> None:
        first = await self.look()
        self.assertEqual(await self.passes(16 * DAY), first)
        self.assertEqual(len(self.ca.made), 3)

    async def test_after_twice_its_ttl_the_next_renewal_switches(self) -> None:
        first = await self.look()
        following = self.next()
        await self.until_due(7)
        await self.publish(first, following)
        self.assertEqual(await self.passes(6 * HOUR), first)
        self.assertEqual(await self.passes(3 * HOUR), following)
        self.assertNotIn(self.next(), (first, following))
        self.assertEqual(len(self.ca.made), 2)

    async def test_a_record_that_is_there_for_less_than_that_waits_for_the_renewal_after(self) -> None:
        first = await self.look()
        following = self.next()
        await self.until_due(2)
        await self.publish(first, following)
        self.assertEqual(await self.passes(DAY), first)
        self.assertEqual(len(self.ca.made), 2)
        self.assertEqual(await self.passes(7 * DAY), following)

    async def test_a_record_that_is_taken_away_meanwhile_has_to_be_there_for_as_long_again(self) -> None:
        first = await self.look()
        following = self.next()
        await self.publish(first, following)
        await self.until_due(3)
        await self.publish(first)
        await self.passes(HOUR)
        await self.publish(first, following)
        self.assertEqual(await self.passes(DAY), first)
        self.assertEqual(await self.passes(8 * DAY), following)

    async def test_an_operator_does_not_have_to_wait(self) -> None:
        await self.look()
        following = self.next()
        await self.world.renewal.ordering.ordered(ITEM, True, True)
        self.assertEqual(await self.look(), following)
