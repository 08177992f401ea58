"""The client's own access token opens a real Dovecot behind us, and none that wants a password."""

from math import inf
from pathlib import Path
from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Accepted, Bearer, LoginRefused, LoginRequest, LoginUnavailable, Person
from mailtwist.config.values import Names, Secret
from mailtwist.gateway.dial import Way
from mailtwist.gateway.errand import errand
from mailtwist.gateway.upstream.server import Server
from mailtwist.gateway.upstream.settings import Settings as Upstream
from mailtwist.kit.clock import SystemClock
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.directory import MemoryDirectory
from tests.gateway.behind import NAME
from tests.gateway.gate import Gate
from tests.gateway.oauth.provider import Provider
from tests.gateway.test_tokens import KINDS, TokenDovecot
from tests.peers.programs import needs


class Issuer(MemoryDirectory):
    """Believes the provider of the tests."""

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self.provider = provider
        self.add(NAME, b"never said")

    async def bearer(self, name: str, token: bytes) -> Bearer | None:
        of = self.provider.access.get(token.decode())
        return None if of is None else Bearer(Person(of, of), True, inf)


@needs("dovecot")
class Handed(TestCase):
    timeout = 120

    async def begun(self, **how: Any) -> Server:
        self.provider = Provider()
        self.addCleanup(self.provider.stop)
        self.real = TokenDovecot("xoauth2 oauthbearer", self.provider)
        self.addCleanup(deferToThread, self.real.stop)
        await deferToThread(self.real.start)
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        house = OnePart(folder, clock=SystemClock(), name="inside")
        self.addCleanup(house.stop)
        ways = {kind: Way.parse(f"{self.real.ports[kind]} plain") for kind in KINDS}
        server = Server(Upstream(hosts=Names(("127.0.0.1",)), **{"login": "token", **how}, **ways), house)
        await server.start()
        self.addCleanup(server.stop)
        return server

    def asked(self, protocol: Any, token: bytes, *, bearer: bool = True) -> LoginRequest:
        return LoginRequest(protocol, NAME.encode(), token, "127.0.0.1", tls=True, bearer=bearer)

    async def open(self, server: Server, kind: Any, token: bytes, *, bearer: bool = True) -> None:
        accepted = Accepted(NAME, NAME, b"" if bearer else token)
        session = await server.open(errand(kind, accepted, self.asked("imap", token, bearer=bearer)))
        self.assertTrue(session.offers)
        await session.close()

    async def test_each_protocol_hands_it_on(self) -> None:
        server = await self.begun()
        token = self.provider.new("access", NAME).encode()
        for kind in KINDS:
            await self.open(server, kind, token)
        self.assertEqual({login["method"] for login in self.real.logins(NAME)}, {"XOAUTH2"})

    async def test_one_that_is_not_taken_there_is_refused(self) -> None:
        server = await self.begun()
        for kind in KINDS:
            with self.assertRaises(LoginRefused):
                await self.open(server, kind, b"nobodys")

    async def test_a_password_is_none(self) -> None:
        server = await self.begun()
        with self.assertRaises(LoginRefused) as refused:
            await self.open(server, "imap", b"password", bearer=False)
        self.assertEqual(refused.exception.reason, "no-vault")

    async def test_the_whole_way(self) -> None:
        """By the gateway's portal: the decision first."""
        server = await self.begun()
        gate = Gate(self, server, Issuer(self.provider))
        await gate.begin()
        token = self.provider.new("access", NAME).encode()
        session, logout = await gate.log_in(token, bearer=True)
        self.assertEqual(session.kind, "imap")
        logout()
        await self.assert_refused(gate, b"nobodys", "bad-token")

    async def test_a_server_that_wants_a_password_is_not_opened_by_a_token(self) -> None:
        server = await self.begun(login="passthrough")
        gate = Gate(self, server, Issuer(self.provider))
        await gate.begin()
        await self.assert_refused(gate, self.provider.new("access", NAME).encode(), "no-vault")

    async def test_a_master_user_needs_none(self) -> None:
        server = await self.begun(login="master", master_user="gateway", master_password=Secret("wrong"))
        gate = Gate(self, server, Issuer(self.provider))
        await gate.begin()
        found = await gate.log_in(self.provider.new("access", NAME).encode(), bearer=True)
        found.trap(LoginUnavailable)  # this Dovecot has no master users, and was asked

    async def assert_refused(self, gate: Gate, token: bytes, why: str) -> None:
        found = await gate.log_in(token, bearer=True)
        found.trap(UnauthorizedLogin)
        self.assertEqual(gate.reasons(), [why])
