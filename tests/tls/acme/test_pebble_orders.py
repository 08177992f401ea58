"""Certificates from a real authority, each kind of proof, over loopback."""

from twisted.trial.unittest import TestCase

from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import together
from mailtwist.testing.certificates import MemoryStore
from mailtwist.tls.acme.csr import new_key
from mailtwist.tls.acme.dns01 import Dns01
from mailtwist.tls.acme.http01 import Http01
from mailtwist.tls.acme.order import issued
from mailtwist.tls.acme.problem import NotIssued
from tests.tls.acme.ordering import (
    Brisk,
    InZones,
    certified,
    leaf_of,
    proofs_at,
    registered,
    resolver,
)
from tests.tls.acme.pebble import pebble, zones


class PebbleOrders(TestCase):
    timeout = 180

    def setUp(self) -> None:
        self.clock = Brisk()
        self.store = MemoryStore(self.clock)
        self.http = Http01(self.store, SystemClock())
        self.zone = InZones(zones())
        self.dns = Dns01(self.zone, resolver(zones()), self.store, self.clock)

    async def nothing_left(self) -> None:
        """Of the proofs."""
        for kind in ("http-01", "tls-alpn-01", "dns-01"):
            self.assertEqual(dict(await self.store.showing(kind)), {}, kind)
        self.assertEqual(self.zone.now, set())

    async def test_by_http(self) -> None:
        ca = pebble()
        port = proofs_at(self, ca.http_port, self.store)
        made = await certified(await registered(self, ca), "a.example.test", "b.example.test", by=[self.http])
        ca.verified(made.pem, "a.example.test", "b.example.test")
        self.assertEqual(
            {host.partition(":")[0] for host in port.asked}, {"a.example.test", "b.example.test"}
        )
        self.assertEqual((made.name, made.key_kind, made.authority), ("a.example.test", "EC", ca.directory))
        await self.nothing_left()

    async def test_by_dns_a_domain_and_all_below_it_in_one_order(self) -> None:
        """Two values stand at one name at once."""
        ca = pebble()
        made = await certified(await registered(self, ca), "wide.test", "*.wide.test", by=[self.dns])
        ca.verified(made.pem, "wide.test", "*.wide.test")
        self.assertEqual(self.zone.most, 2)
        await self.nothing_left()

    async def test_by_dns_somewhere_else(self) -> None:
        """What was there stays."""
        zones().cname("_acme-challenge.led.test", "led.elsewhere.test")
        zones().txt("led.elsewhere.test", "of somebody else")
        self.addCleanup(zones().forget, "led.elsewhere.test")
        made = await certified(await registered(self, pebble()), "led.test", by=[self.dns])
        pebble().verified(made.pem, "led.test")
        texts = (await resolver(zones()).txt("led.elsewhere.test")).records
        self.assertEqual(list(texts), ["of somebody else"])

    async def test_when_one_kind_fails_the_next_is_tried(self) -> None:
        """Nobody listens where the authority looks first."""
        made = await certified(await registered(self, pebble()), "second.test", by=[self.http, self.dns])
        pebble().verified(made.pem, "second.test")
        await self.nothing_left()

    async def test_what_cannot_be_proven_is_said_by_name(self) -> None:
        zones().servfail("dead.test")
        self.addCleanup(zones().forget, "dead.test")
        proofs_at(self, pebble().http_port, self.store)
        one = await registered(self, pebble())
        with self.assertRaises(NotIssued) as caught:
            await certified(one, "alive.test", "dead.test", by=[self.http])
        self.assertEqual(caught.exception.names, ("dead.test",), caught.exception.words)
        self.assertIn("dead.test", caught.exception.words)
        await self.nothing_left()

    async def test_a_wildcard_needs_dns(self) -> None:
        with self.assertRaises(NotIssued) as caught:
            await certified(await registered(self, pebble()), "*.wide.test", by=[self.http])
        self.assertEqual(caught.exception.kind, "unproven")

    async def test_an_rsa_key(self) -> None:
        one = await registered(self, pebble())
        made = await issued(one, ["rsa.test"], new_key("RSA"), [self.dns])
        self.assertEqual((made.key_kind, leaf_of(made).public_key().key_size), ("RSA", 2048))

    async def test_what_was_proven_is_not_asked_again(self) -> None:
        ca = pebble(authz_reuse=100)
        one = await registered(self, ca)
        port = proofs_at(self, ca.http_port, self.store)
        await certified(one, "again.test", by=[self.http])
        asked = len(port.asked)
        made = await certified(one, "again.test", by=[self.http])
        ca.verified(made.pem, "again.test")
        self.assertEqual(len(port.asked), asked)

    async def test_some_is_proven_and_some_is_not(self) -> None:
        ca = pebble(authz_reuse=50)
        one = await registered(self, ca)
        proofs_at(self, ca.http_port, self.store)
        names = [f"n{number}.half.test" for number in range(8)]
        for _ in range(2):
            ca.verified((await certified(one, *names, by=[self.http])).pem, *names)

    async def test_the_chain_that_is_preferred(self) -> None:
        ca = pebble(alternate_roots=2)
        for number in range(3):
            wanted = ca.root(number).subject.rfc4514_string().removeprefix("CN=")
            one = await registered(self, ca, preferred_chain=wanted)
            made = await certified(one, f"chain{number}.test", by=[self.dns])
            ca.verified(made.pem, root=number)
        other = await registered(self, ca, preferred_chain="No such root")
        ca.verified((await certified(other, "chain.test", by=[self.dns])).pem, root=0)

    async def test_a_long_chain(self) -> None:
        ca = pebble(chain_length=3)
        made = await certified(await registered(self, ca), "long.test", by=[self.dns])
        ca.verified(made.pem, "long.test")

    async def test_revoked_by_the_account_and_by_the_key(self) -> None:
        ca = pebble()
        one = await registered(self, ca)
        first = leaf_of(await certified(one, "revoked.test", by=[self.dns]))
        self.assertEqual(ca.status(first)["Status"], "Valid")
        await one.revoke(first, 4)
        self.assertEqual([ca.status(first)[word] for word in ("Status", "Reason")], ["Revoked", 4])
        key = new_key()
        second = leaf_of(await issued(one, ["revoked.test"], key, [self.dns]))
        other = await registered(self, ca)
        with self.assertRaises(NotIssued):
            await other.revoke(second)
        self.assertEqual(ca.status(second)["Status"], "Valid")
        await other.revoke(second, 1, key)
        self.assertEqual(ca.status(second)["Status"], "Revoked")
        await one.revoke(first, 4)  # it is: nothing to complain of

    async def test_half_of_all_nonces_are_refused(self) -> None:
        ca = pebble(nonce_reject=50)
        one = await registered(self, ca)
        made = await certified(one, "nonce.test", "*.nonce.test", by=[self.dns])
        ca.verified(made.pem, "nonce.test", "*.nonce.test")

    async def test_many_orders_at_once(self) -> None:
        """Also for the same name."""
        one = await registered(self, pebble())
        names = [[f"many{number % 3}.test", f"*.many{number % 3}.test"] for number in range(6)]
        made = await together(*(certified(one, *those, by=[self.dns]) for those in names))
        for those, whole in zip(names, made, strict=True):
            pebble().verified(whole.pem, *those)
        await self.nothing_left()
