"""Two servers behind, by a route, and one of them is away: only its people notice, and no code is told."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import LoginUnavailable, Peer
from mailtwist.config.login import LoginSettings
from mailtwist.config.values import Duration
from mailtwist.gateway.api import Kind
from mailtwist.gateway.dial import HOPS, Way
from mailtwist.gateway.upstream.server import Server
from mailtwist.testing.directory import MemoryDirectory
from tests.backends.shared import dovecot
from tests.gateway.behind import NAME, begun, connections
from tests.gateway.gate import Gate

BOB = "bob@example.net"
PASSWORD = b"p@ss word"
WRONG = PASSWORD + b"@000000"


class ByDomain:
    """`gateway.api.Route`: one domain is there, the others elsewhere."""

    async def upstream(self, name: str, kind: Kind) -> str | None:
        return "there" if name.endswith("@example.org") else "other"


class PlacesTests(TestCase):
    """The server behind judges."""

    timeout = 120

    def directory(self) -> MemoryDirectory | None:
        return None

    async def setUp(self) -> None:
        for name in (NAME, BOB):
            dovecot().add(name, PASSWORD)
        self.there, self.other = await begun(self, dovecot()), await begun(self, dovecot())
        self.other.name = "other"
        login = LoginSettings(factor="optional", directory_pause=Duration(60))
        self.gate = Gate(self, self.there, self.directory(), self.other, ByDomain(), login)
        await self.gate.begin()
        self.asked = 0
        verify = self.gate.totp.verify

        async def counted(account: str, code: str) -> Any:
            self.asked += 1
            return await verify(account, code)

        self.gate.totp.verify = counted  # type: ignore[method-assign]

    async def test_a_right_code_that_finds_it_gone_is_the_last_that_is_looked_at(self) -> None:
        self.killed(self.there)
        right = self.gate.coded(PASSWORD)
        self.assertEqual(await self.reason(right), "away")
        self.assertEqual(self.asked, 1)
        self.assertEqual(await self.reason(WRONG), "directory-away")
        self.assertEqual(await self.reason(b"wrong" + right[-7:]), "directory-away")
        self.assertEqual(self.asked, 1)

    async def test_while_its_hosts_are_left_alone_no_code_is_looked_at(self) -> None:
        await self.comes(self.gate.coded(PASSWORD))
        self.left_alone(self.there, "imap")
        before = self.asked
        for secret in (self.gate.coded(PASSWORD), WRONG, self.gate.coded(b"wrong"), b"@"):
            self.assertEqual(await self.reason(secret), "away")
        self.assertEqual(self.asked, before)

    async def test_another_protocol_of_it_and_another_server_go_on(self) -> None:
        self.killed(self.there, "imap")
        await self.reason(self.gate.coded(PASSWORD))
        await self.comes(self.gate.coded(PASSWORD), "pop3")
        await self.comes(PASSWORD, name=BOB)

    async def test_who_says_that_he_has_come_in_circles_learns_nothing(self) -> None:
        for secret in (self.gate.coded(PASSWORD), WRONG):
            refused = await self.gate.log_in(secret, peer=Peer(hops=HOPS))
            self.assertIsInstance(refused, Failure)
            refused.trap(LoginUnavailable)
        self.assertEqual(self.asked, 0)
        await self.comes(self.gate.coded(PASSWORD))

    async def comes(self, secret: bytes, protocol: str = "imap", name: str = NAME) -> None:
        found = await self.gate.log_in(secret, protocol, name=name)
        assert not isinstance(found, Failure), self.gate.reasons()
        _, logout = found
        logout()
        while connections(self.there) or connections(self.other):
            await deferLater(reactor, 0.005)
            self.gate.clock.advance(0.01)

    async def reason(self, secret: bytes) -> str:
        """Why it is told to come later."""
        refused = await self.gate.log_in(secret)
        self.assertIsInstance(refused, Failure)
        refused.trap(LoginUnavailable)
        return self.gate.reasons()[-1]

    def killed(self, server: Server, *kinds: Kind) -> None:
        pool: Any = server._pool
        pool.ways = {
            kind: Way.parse("1 plain") if kind in (kinds or pool.ways) else way
            for kind, way in pool.ways.items()
        }

    def left_alone(self, server: Server, kind: Kind) -> None:
        pool: Any = server._pool
        pool._checks.stop()
        for host in pool.hosts:
            host.health[kind].checked("no answer")
            host.health[kind].checked("no answer")


class BehindTests(PlacesTests):
    """Our own directory judges, and the login is made behind as well."""

    def directory(self) -> MemoryDirectory:
        people = MemoryDirectory()
        for name in (NAME, BOB):
            people.add(name, PASSWORD)
        return people
