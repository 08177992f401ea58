"""A real authority connects to a service of ours for its proof, and nobody else notices."""

from typing import Any

from mailtwist.config.network import Endpoint
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import together
from mailtwist.services.hello import HelloDoor
from mailtwist.services.listen import bind, serve
from mailtwist.services.sockets import TlsFactory
from mailtwist.testing.certificates import MemoryStore
from mailtwist.testing.threads import AtOnce
from mailtwist.tls.acme.api import Issued
from mailtwist.tls.acme.dns01 import Dns01
from mailtwist.tls.acme.http01 import Http01
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.acme.tls_alpn01 import TlsAlpn01
from mailtwist.tls.certificates import read_bundle
from mailtwist.tls.listener import Policy
from tests.services.test_hello import Doors, Imap
from tests.tls.acme.ordering import Brisk, InZones, certified, proofs_at, registered, resolver
from tests.tls.acme.pebble import pebble, zones
from tests.tls.client import Asking, connected
from tests.tls.test_contexts import contexts

NAME = "mx.example.org"


class PebbleListeners(Doors):
    timeout = 180

    def setUp(self) -> None:
        self.ca = pebble()
        self.store = MemoryStore(SystemClock())
        self.contexts = contexts(default_name=NAME)
        self.listener = self.contexts.listener(Policy(strict=True), "imaps")
        self.factory = self._factory(Imap)
        self.solver = TlsAlpn01(self.store, self.contexts, SystemClock(), AtOnce())

    def open(self) -> int:
        """Where the authority looks."""
        door = HelloDoor(TlsFactory(self.listener, False, self.factory), self.listener, SystemClock())
        (bound,) = bind(Endpoint("127.0.0.1", self.ca.tls_port))
        port = serve(bound, door)

        def cut() -> None:
            for one in list(self.factory.here):
                one.transport.abortConnection()

        self.addCleanup(port.stopListening)
        self.addCleanup(cut)
        return int(port.getHost().port)

    async def ordered(self, *names: str, also: Any = ()) -> Issued:
        return await certified(await registered(self, self.ca), *names, by=[self.solver, *also])

    async def test_clients_before_and_after_see_what_they_have_always_seen(self) -> None:
        port = self.open()
        before = await connected(port, Asking(NAME.encode(), [b"imap"]))
        await before.until(b"* OK")
        made = await self.ordered(NAME)
        self.ca.verified(made.pem, NAME)
        before.transport.write(b"still here")
        await before.until(b"still here")
        self.assertFalse(self.contexts.proving)
        self.assertEqual(dict(await self.store.showing("tls-alpn-01")), {})
        after = await connected(port, Asking(NAME.encode(), [b"imap"]))
        self.assertEqual(await after.shaken, "mx")

    async def test_what_was_issued_is_served_at_once(self) -> None:
        port = self.open()
        before = await connected(port, Asking(NAME.encode()))
        await before.until(b"* OK")
        made = await self.ordered(NAME)
        self.contexts.serve([read_bundle(made.pem, made.pem)])
        said = await self.openssl(port, "-servername", NAME, "-showcerts")
        self.assertIn("Pebble Intermediate CA", said)
        before.transport.write(b"still here")
        await before.until(b"still here")

    async def test_many_names_at_once(self) -> None:
        self.open()
        names = [f"n{number}.example.org" for number in range(12)]
        groups = [names[at : at + 4] for at in range(0, 12, 4)]
        for those, made in zip(groups, await together(*(self.ordered(*g) for g in groups)), strict=True):
            self.ca.verified(made.pem, *those)
        self.assertFalse(self.contexts.proving)

    async def test_where_nobody_listens_another_kind_is_tried(self) -> None:
        proofs_at(self, self.ca.http_port, self.store)
        made = await self.ordered(NAME, also=[Http01(self.store, SystemClock())])
        self.ca.verified(made.pem, NAME)
        self.assertFalse(self.contexts.proving)

    async def test_a_name_that_leads_elsewhere_fails_alone(self) -> None:
        """Its address is one where nobody is."""
        zones().address("gone.example.org", "127.0.0.99")
        self.addCleanup(zones().forget, "gone.example.org")
        self.open()
        with self.assertRaises(NotIssued) as caught:
            await self.ordered(NAME, "gone.example.org")
        self.assertEqual(caught.exception.names, ("gone.example.org",), caught.exception.words)
        self.ca.verified((await self.ordered(NAME)).pem, NAME)

    async def test_one_name_fails_in_one_way_and_is_proven_in_another(self) -> None:
        """The other one has to be proven again for that, in the way that has worked."""
        zones().address("second.example.org", "127.0.0.99")
        self.addCleanup(zones().forget, "second.example.org")
        self.open()
        dns = Dns01(InZones(zones()), resolver(zones()), self.store, Brisk())
        made = await self.ordered(NAME, "second.example.org", also=[dns])
        self.ca.verified(made.pem, NAME, "second.example.org")
