"""Certificates from a real authority that asks a real bind9, in whose zones we write by dynamic updates."""

import atexit
from functools import cache
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.config.resolver import DnsServers, ResolverSettings
from mailtwist.config.secret import Secret
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import together
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.certificates import MemoryStore
from mailtwist.tls.acme.dns01 import Dns01
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.dns.rfc2136 import Settings, Updates, UpdateServer
from tests.peers.programs import needs
from tests.tls.acme.ordering import certified, registered
from tests.tls.acme.pebble import NINETY_DAYS, Pebble
from tests.tls.dns.named import KEY, asking, named

NAMES = ("_acme-challenge.orders.test", "_acme-challenge.deep.orders.test", "orders.challenges.test")


@cache
def authority() -> Pebble:
    """The one that asks `named`."""
    made = Pebble(named(), False, NINETY_DAYS, {})  # type: ignore[arg-type]
    atexit.register(made.stop)
    made.start()
    return made


@needs("named", "pebble")
class BindOrders(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.clock = SystemClock()
        self.store = MemoryStore(self.clock)
        once = (ResolverSettings(servers=DnsServers.parse("127.0.0.1"), port=named().port),)
        self.assembly = OnePart(Path(self.mktemp()), clock=self.clock, once=once)
        self.addCleanup(self.assembly.stop)
        self.solver = self.solved_by(Secret(KEY))

    def solved_by(self, key: Secret) -> Dns01:
        settings = Settings(server=UpdateServer("127.0.0.1", named().port), key_name="mailtwist", key=key)
        return Dns01(Updates(settings, self.assembly), asking(self), self.store, self.clock)

    async def nothing_left(self) -> None:
        self.assertEqual([named().texts(name) for name in NAMES], [[], [], []])
        self.assertEqual(dict(await self.store.showing("dns-01")), {})

    async def test_a_domain_its_wildcard_and_a_name_that_is_delegated_in_one_order(self) -> None:
        names = ("orders.test", "*.orders.test", "deep.orders.test", "delegated.orders.test")
        made = await certified(await registered(self, authority()), *names, by=[self.solver])
        authority().verified(made.pem, *names)
        await self.nothing_left()

    async def test_two_orders_for_the_same_name_at_once(self) -> None:
        client = await registered(self, authority())
        for made in await together(
            certified(client, "deep.orders.test", by=[self.solver]),
            certified(client, "deep.orders.test", by=[self.solver]),
        ):
            authority().verified(made.pem, "deep.orders.test")
        await self.nothing_left()

    async def test_a_key_that_bind_does_not_take_is_told_in_the_end(self) -> None:
        solver = self.solved_by(Secret("d3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmctd3JvbmctMDE="))
        with self.assertRaises(NotIssued) as caught:
            await certified(await registered(self, authority()), "deep.orders.test", by=[solver])
        self.assertIn("is another one there", caught.exception.words)
        await self.nothing_left()
