"""Of several servers behind us the right one is reached, over real sockets; and how they are is known."""

import socket

from mailtwist.gateway.api import Guest
from mailtwist.gateway.dial import HOPS
from mailtwist.kit import outgoing
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.client import NotAnswered
from tests.gateway.dialling import PoolCase, Server, later
from tests.hearing import heard


class SeveralHostsTests(PoolCase):
    def setUp(self):
        super().setUp()
        self.one = Server(self, 1)
        self.two = Server(self, 2, self.one.port)
        self.way = f"{self.one.port} plain"
        self.both = "mail1.inside", "mail2.inside"

    async def hosts(self, pool, count):
        return [(await self.served(pool, who=f"client{n}")).host for n in range(count)]

    async def test_each_gets_as_many(self):
        self.assertEqual(await self.hosts(self.pool(self.way, *self.both), 4), [*self.both] * 2)

    async def test_the_one_with_fewer_connections_is_next(self):
        pool = self.pool(self.way, *self.both)
        calls = [await self.served(pool) for _ in range(4)]
        for call in calls:
            if call.host == "mail1.inside":
                await self.gone(call)
        self.assertEqual(await self.hosts(pool, 2), ["mail1.inside"] * 2)
        self.assertEqual([host.connections for host in pool.hosts], [2, 2])

    async def test_one_of_two_is_down(self):
        await self.one.listens.stopListening()
        pool = self.pool(self.way, *self.both)
        self.assertEqual(await self.hosts(pool, 6), ["mail2.inside"] * 6)

    async def test_one_that_hangs_up_is_not_the_next_though_it_has_the_fewest(self):
        self.one.greeting = None
        pool = self.pool(self.way, *self.both)
        call = await self.called(pool)
        self.assertEqual(call.host, "mail1.inside")
        with self.assertRaises(NotAnswered):
            await call.line()
        call.troubled("hung up")
        self.assertEqual(await self.hosts(pool, 3), ["mail2.inside"] * 3)

    async def test_all_are_down(self):
        await self.one.listens.stopListening()
        await self.two.listens.stopListening()
        pool = self.pool(self.way, *self.both, troubles=2)
        said = await self.refused(pool)
        for number, host in enumerate(self.both, 1):
            self.assertIn(f"{host}:{self.one.port}: 127.0.0.{number}: Connection refused", said)
        await self.refused(pool, who="bob")
        said = await self.refused(pool, who="eve")
        self.assertIn(f"mail1.inside:{self.one.port} is left alone: 127.0.0.1: Connection refused", said)
        self.clock.advance(5)
        said = await self.refused(pool, who="eve")
        self.assertNotIn("left alone", said)

    async def test_one_is_drained(self):
        pool = self.pool(self.way, *self.both)
        before = await self.hosts(pool, 2)
        self.hosts_drained.append("mail1.inside")
        self.assertEqual(await self.hosts(pool, 3), ["mail2.inside"] * 3)
        self.assertEqual(pool.hosts[0].connections, before.count("mail1.inside"), "who is there stays")
        self.hosts_drained.append("mail2.inside")
        self.assertIn(f"mail1.inside:{self.one.port} is drained", await self.refused(pool))
        self.hosts_drained.clear()
        self.assertEqual(await self.hosts(pool, 1), ["mail1.inside"])

    async def test_a_host_takes_so_many_and_no_more(self):
        pool = self.pool(self.way, *self.both, connections=2)
        calls = [await self.served(pool) for _ in range(4)]
        said = await self.refused(pool)
        self.assertIn(f"mail1.inside:{self.one.port} has 2 connections already", said)
        await self.gone(calls[1])
        self.assertEqual(await self.hosts(pool, 1), [calls[1].host])

    async def test_a_host_in_trouble_is_left_alone_after_so_many_clients(self):
        events = heard(self)
        pool = self.pool(self.way, troubles=2, pause=5.0)
        for who in ("ann", "ann", "bob"):
            call = await self.called(pool, who=who)
            call.troubled("[UNAVAILABLE] its directory is away")
            call.troubled("told once")
            await self.gone(call)
        said = await self.refused(pool)
        self.assertIn("is left alone: [UNAVAILABLE] its directory is away", said)
        self.assertEqual([event["event_id"] for event in events], ["upstream.down"])
        self.clock.advance(5)
        first = await self.called(pool)
        await self.refused(pool, who="bob")
        first.answered()
        await self.served(pool)

    async def test_who_tries_and_goes_without_a_word_leaves_room_for_the_next(self):
        pool = self.pool(self.way, troubles=1)
        (await self.called(pool)).troubled("away")
        self.clock.advance(5)
        await self.gone(await self.called(pool))
        await self.served(pool)


class LoopTests(PoolCase):
    async def test_our_end_of_a_connection_is_known_while_it_lasts(self):
        server = Server(self, 1)
        call = await self.served(self.pool(f"{server.port} plain"), guest=Guest("203.0.113.5", hops=1))
        end = server.here[0].transport.getPeer()
        self.assertEqual(outgoing.hops(end.host, end.port), 2)
        self.assertEqual(outgoing.hops("203.0.113.5", end.port), 0)
        await self.gone(call)
        self.assertEqual(outgoing.hops(end.host, end.port), 0)

    async def test_who_goes_round_in_circles_gets_no_further(self):
        server = Server(self, 1)
        events = heard(self)
        pool = self.pool(f"{server.port} plain")
        said = await self.refused(pool, guest=Guest("203.0.113.5", hops=HOPS))
        self.assertIn("203.0.113.5 has come through 4 gateways", said)
        self.assertEqual([(one["event_id"], one["hops"]) for one in events], [("upstream.loop", 4)])
        await self.served(pool, guest=Guest("203.0.113.5", hops=HOPS - 1))


class CheckTests(PoolCase):
    async def test_checks_talk_to_every_host_and_note_how_they_are(self):
        one = Server(self, 1)
        two = Server(self, 2, one.port, greeting=b"* BYE full\r\n")
        pool = self.pool(f"{one.port} plain", "mail1.inside", "mail2.inside", "gone.inside")
        greeted = []

        async def learn(kind, call):
            greeting = await call.line()
            greeted.append((kind, call.host, greeting))
            if not greeting.startswith(b"* OK"):
                raise Trouble("4.3.0", "full", "says BYE")

        pool._learn = learn
        await pool.check()
        await pool.check()
        self.assertEqual(sorted(greeted)[:2], [("imap", "mail1.inside", b"* OK ready")] * 2)
        first, second, third = self.noted[-1]
        self.assertEqual((first.host, first.up, first.reason), ("mail1.inside", True, ""))
        self.assertEqual((second.host, second.up, second.reason), ("mail2.inside", False, "says BYE"))
        self.assertEqual((third.host, third.up, third.reason), ("gone.inside", False, "no such name"))
        self.assertEqual(two.listens.getHost().port, one.port)
        while one.here or two.here:
            await later()
        two.greeting = b"* OK ready\r\n"
        await pool.check()
        self.assertEqual([backend.up for backend in self.noted[-1]], [True, True, False])

    async def test_only_clients_are_noted_as_connections(self):
        server = Server(self, 1)
        pool = self.pool(f"{server.port} plain")
        counts = []
        for _ in range(2):
            await pool.check()
            counts += [backend.connections for backend in self.noted[-1]]
            await self.served(pool)
        self.assertEqual(counts, [0, 1])

    async def test_a_server_that_says_nothing_is_not_waited_for_without_end(self):
        server = Server(self, 1, greeting=b"")
        pool = self.pool(f"{server.port} plain")

        async def learn(kind, call):
            await call.line()

        pool.start(learn)
        self.clock.advance(0)
        while not server.here:
            await later()
        await later()
        self.clock.advance(30)
        while not self.noted:
            await later()
        await pool.stop()
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    async def test_trouble_of_a_client_is_looked_into_soon(self):
        with socket.create_server(("127.0.0.1", 0)) as bound:
            port = bound.getsockname()[1]
        pool = self.pool(f"{port} plain", check_every=30.0)

        async def learn(kind, call):
            raise AssertionError("nobody is there")

        pool.start(learn)
        self.clock.advance(0)
        while not self.noted:
            await later()
        await self.refused(pool)
        self.clock.advance(1)
        while len(self.noted) < 2:
            await later()
        self.assertFalse(self.noted[-1][0].up, "one client and a check of our own are enough")
        await pool.stop()
