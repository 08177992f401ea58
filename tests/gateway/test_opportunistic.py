"""A server behind that hears no password may be anybody, where that is the policy; what is wrong is told."""

from pathlib import Path
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from mailtwist.config.places import File
from mailtwist.config.values import Names
from mailtwist.gateway.dial import Way
from mailtwist.gateway.upstream.server import Server
from mailtwist.gateway.upstream.settings import Settings
from mailtwist.kit.trouble import Trouble
from mailtwist.testing.assembly import OnePart
from tests.delivery.remote.peer import Peers
from tests.gateway.behind import GUEST
from tests.tls.made import Authority
from tests.tls.outbound import Serving

reactor: Any = the_reactor


class OpportunisticTests(TestCase):
    def setUp(self) -> None:
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.authority = Authority()
        self.roots = Path(self.mktemp())
        self.roots.write_bytes(self.authority.pem)

    def behind(self, *names: str, **replies: bytes) -> Peers:
        bundle = self.authority.bundle(*names)
        peers = Peers(Serving(bundle.leaf, bundle.key))
        peers.replies.update(replies)
        listening = reactor.listenTCP(0, peers, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        self.port = listening.getHost().port
        return peers

    async def begun(self, policy: Any = "opportunistic") -> Server:
        folder = Path(self.mktemp())
        folder.mkdir()
        assembly = OnePart(folder)
        way = Way(self.port, "starttls")
        settings = Settings(
            hosts=Names(("127.0.0.1",)), smtp=way, roots=File(self.roots), tls_policy=policy, login="none"
        )
        server = Server(settings, assembly)
        await server.start()
        self.addCleanup(assembly.stop)
        self.addCleanup(server.stop)
        return server

    async def visited(self, server: Server) -> bool:
        """Whether the session is encrypted."""
        session = await server.visit("smtp", GUEST)
        session.call.abort()
        return session.call.encrypted

    def told(self) -> list[str]:
        return [one["words"] for one in self.events if one.get("event_id") == "tls.outbound_flawed"]

    async def test_any_certificate_does_and_what_is_wrong_is_told_once(self) -> None:
        self.behind("163.com")
        server = await self.begun()
        for _ in range(3):
            self.assertTrue(await self.visited(server))
        self.assertEqual(self.told(), ["certificate is valid for 163.com, not 127.0.0.1"])

    async def test_who_offers_no_tls_is_spoken_to_in_clear(self) -> None:
        self.behind("127.0.0.1", EHLO=b"250 there")
        server = await self.begun()
        self.assertFalse(await self.visited(server))
        self.assertEqual(self.told(), ["the server does not offer STARTTLS"])

    async def test_nothing_is_told_of_one_that_is_right(self) -> None:
        self.behind("127.0.0.1")
        self.assertTrue(await self.visited(await self.begun()))
        self.assertEqual(self.told(), [])

    async def test_without_the_policy_it_is_refused(self) -> None:
        peers = self.behind("163.com")
        server = await self.begun("verify")
        with self.assertRaises(Trouble) as caught:
            await self.visited(server)
        self.assertIn("certificate is valid for 163.com", caught.exception.detail)
        peers.replies["EHLO"] = b"250 there"
        with self.assertRaises(Trouble):
            await self.visited(server)
