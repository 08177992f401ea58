"""From a login to its session behind: the decision, the directory or what is behind it, the realm."""

from typing import Any

from twisted.cred.error import UnauthorizedLogin
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Directory, LoginUnavailable
from mailtwist.gateway.dial import Dialled, Way
from mailtwist.mail.address import Address
from mailtwist.protocols.smtp.door import IReception
from mailtwist.store.api import IMailAccount
from mailtwist.testing.directory import MemoryDirectory
from tests.backends.shared import dovecot
from tests.gateway.behind import NAME, begun, connections
from tests.gateway.gate import Gate

PASSWORD = b"p@ss word"


class RealmTests(TestCase):
    """A directory that asks the server behind."""

    timeout = 120

    def directory(self) -> Directory | None:
        return None

    async def setUp(self) -> None:
        dovecot().add(NAME, PASSWORD)
        self.upstream = await begun(self, dovecot())
        self.gate = Gate(self, self.upstream, self.directory())
        await self.gate.begin()
        self.dialled: list[Dialled] = []
        pool: Any = self.upstream._pool
        call = pool.call

        async def counted(*about: Any) -> Dialled:
            found: Dialled = await call(*about)
            self.dialled.append(found)
            return found

        pool.call = counted

    async def test_one_login_is_one_session(self) -> None:
        for done, protocol in enumerate(("imap", "pop3", "sieve")):
            session, logout = await self.gate.log_in(self.gate.coded(PASSWORD), protocol)
            self.assertEqual(session.kind, protocol)
            self.assertEqual([call.over for call in self.dialled], [True] * done + [False])
            logout()
            await self.over()
        self.assertEqual(len(self.dialled), 3)

    async def test_submission_is_performed_there(self) -> None:
        performance, logout = await self.gate.log_in(self.gate.coded(PASSWORD), "smtp", IReception)
        await performance.sender(Address("ann", "example.org"))
        await performance.recipient(Address("bob", "example.net"))
        logout()
        await self.over()

    async def test_without_a_right_code_nobody_is_asked(self) -> None:
        for secret in (PASSWORD, PASSWORD + b"@000000"):
            failed = await self.gate.log_in(secret)
            failed.trap(UnauthorizedLogin)
        self.assertEqual(self.dialled, [])

    async def test_a_wrong_password_is_the_same_refusal(self) -> None:
        failed = await self.gate.log_in(self.gate.coded(b"wrong"))
        failed.trap(UnauthorizedLogin)
        await self.over()

    async def test_who_wants_something_else_leaves_nothing_open(self) -> None:
        failed = await self.gate.log_in(self.gate.coded(PASSWORD), "imap", IMailAccount)
        failed.trap(NotImplementedError)
        await self.over()

    async def test_a_login_that_is_called_off_leaves_nothing_open(self) -> None:
        """At each of the moments at which it waits for the server behind."""
        line = Dialled.line
        for last in range(1, 4):
            seen = []

            async def counted(call: Any, limit: int = 8192) -> bytes:
                seen.append(call)
                if len(seen) == last:
                    reactor.callLater(0, asked.cancel)  # type: ignore[attr-defined]
                return await line(call, limit)

            self.patch(Dialled, "line", counted)
            outcome: list[Any] = []
            asked = self.gate.started(self.gate.coded(PASSWORD))
            asked.addBoth(outcome.append)
            await self.over()
            while not outcome:
                await deferLater(reactor, 0.01)
            if isinstance(outcome[0], tuple):  # it was over before it could be called off
                outcome[0][2]()
            self.assertTrue(seen)
            await self.over()

    async def test_a_saved_string_opens_a_session_with_the_bare_password(self) -> None:
        saved = self.gate.coded(PASSWORD)
        for _ in range(3):
            session, logout = await self.gate.log_in(saved)
            self.assertEqual(session.kind, "imap")
            logout()
            self.gate.clock.advance(3600)
        await self.over()

    async def test_a_saved_string_whose_password_has_changed_is_stale_after_ten_minutes(self) -> None:
        saved = self.gate.coded(PASSWORD)
        _, logout = await self.gate.log_in(saved)
        logout()
        dovecot().add(NAME, b"another")
        self.changed()
        (await self.gate.log_in(saved)).trap(UnauthorizedLogin)
        (await self.gate.log_in(saved)).trap(LoginUnavailable)
        self.gate.clock.advance(601)
        (await self.gate.log_in(saved)).trap(UnauthorizedLogin)
        asked = len(self.dialled)
        self.gate.clock.advance(601)
        (await self.gate.log_in(saved)).trap(UnauthorizedLogin)
        self.assertEqual(len(self.dialled), asked)
        self.assertEqual(self.gate.reasons()[-1], "stale-device")
        _, logout = await self.gate.log_in(self.gate.coded(b"another"))
        logout()
        await self.over()

    async def test_a_server_that_is_away_is_never_a_wrong_password(self) -> None:
        pool: Any = self.upstream._pool
        ways, pool.ways = pool.ways, {kind: Way.parse("1 plain") for kind in pool.ways}
        (await self.gate.log_in(self.gate.coded(PASSWORD))).trap(LoginUnavailable)
        (await self.gate.log_in(PASSWORD + b"@000000")).trap(LoginUnavailable)
        self.assertIn("directory-away", self.gate.reasons())
        pool.ways = ways
        for host in pool.hosts:
            for health in host.health.values():
                health.checked("")
        self.gate.clock.advance(61)
        _, logout = await self.gate.log_in(self.gate.coded(PASSWORD))
        logout()
        await self.over()

    def changed(self) -> None:
        """The password behind has changed; in our own directory, too, if it has any."""

    async def over(self) -> None:
        while connections(self.upstream):
            await deferLater(reactor, 0.005)
            self.gate.clock.advance(0.01)


class BehindTests(RealmTests):
    """Our own directory, which opens nothing; the login is made at the server behind besides."""

    def directory(self) -> Directory:
        self.people = MemoryDirectory()
        self.people.add(NAME, PASSWORD)
        return self.people

    def changed(self) -> None:
        self.people.add(NAME, b"another")

    async def test_a_password_that_is_right_here_and_wrong_there_is_refused(self) -> None:
        self.people.add(NAME, b"here alone")
        (await self.gate.log_in(self.gate.coded(b"here alone"))).trap(UnauthorizedLogin)
        self.assertEqual(len(self.dialled), 1)
        self.assertEqual(self.gate.reasons()[-1], "refused-behind")
        await self.over()
