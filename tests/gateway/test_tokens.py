"""Access tokens at a real Dovecot, which asks the provider of the tests about each."""

from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import AccountUnavailable, LoginUnavailable
from mailtwist.config.values import Names, Secret
from mailtwist.gateway.api import Kind
from mailtwist.gateway.dial import Way
from mailtwist.gateway.oauth.providers import Url
from mailtwist.gateway.oauth.refresh_tokens import RefreshTokens, Settings
from mailtwist.gateway.upstream.server import Server
from mailtwist.gateway.upstream.settings import Settings as Upstream
from mailtwist.kit.clock import SystemClock
from mailtwist.testing.assembly import OnePart
from tests.backends.dovecot import Dovecot
from tests.backends.shared import sink
from tests.gateway.behind import NAME, errand
from tests.gateway.oauth.provider import CLIENT, SECRET, Provider

KINDS: tuple[Kind, ...] = ("imap", "pop3", "submission", "sieve")


class TokenDovecot(Dovecot):
    """Takes access tokens alone."""

    def __init__(self, mechanisms: str, provider: Provider) -> None:
        super().__init__(f"dovecot-{mechanisms.replace(' ', '-')}", relay=sink().port)
        self.mechanisms = mechanisms
        settings = self.folder / "oauth2.conf"
        settings.write_text(
            f"introspection_url = {provider.url}/introspect\n"
            "introspection_mode = auth\n"
            "username_attribute = username\n"
            "active_attribute = active\n"
            "active_value = true\n"
        )
        self.more = (
            f"passdb {{{{\n driver = oauth2\n mechanisms = xoauth2 oauthbearer\n args = {settings}\n}}}}\n"
        )


class TokenTests(TestCase):
    timeout = 120

    async def begun(self, mechanisms: str) -> Server:
        self.provider = Provider(rotates=True)
        self.addCleanup(self.provider.stop)
        self.real = TokenDovecot(mechanisms, self.provider)
        self.addCleanup(deferToThread, self.real.stop)
        await deferToThread(self.real.start)
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        parts: dict[str, dict[str, Any]] = {"oauth": {}}
        house = OnePart(folder, clock=SystemClock(), name="office", parts=parts)
        settings = Settings(
            client_id=CLIENT, client_secret=Secret(SECRET), token_url=Url(f"{self.provider.url}/token")
        )
        self.source = house.one(lambda it: RefreshTokens(settings, it))
        parts["oauth"]["office"] = self.source
        await house.start()
        self.addCleanup(house.stop)
        await self.connect(NAME)
        ways = {kind: Way.parse(f"{self.real.ports[kind]} plain") for kind in KINDS}
        server = Server(Upstream(hosts=Names(("127.0.0.1",)), login="xoauth2", oauth="office", **ways), house)
        await server.start()
        self.addCleanup(server.stop)
        return server

    async def connect(self, name: str, of: str = "") -> None:
        await self.source.grants.put(name, "office", name, self.provider.new("refresh", of or name))

    async def opened(self, server: Server, kind: Kind, name: str = NAME) -> None:
        session = await server.open(errand(kind, b"", name))
        self.assertTrue(session.offers)
        await session.close()

    async def test_each_protocol_logs_in_by_each_mechanism(self) -> None:
        for mechanisms in ("xoauth2", "oauthbearer", "xoauth2 oauthbearer"):
            server = await self.begun(mechanisms)
            for kind in KINDS:
                await self.opened(server, kind)
            forms = [form for form in self.provider.asked if form["grant_type"] == "refresh_token"]
            self.assertEqual(len(forms), 1, mechanisms)
            methods = {login["method"] for login in self.real.logins(NAME)}
            self.assertEqual(methods, {mechanisms.split()[0].upper()})

    async def test_a_token_that_is_not_taken_is_refreshed_once(self) -> None:
        for mechanisms in ("xoauth2", "oauthbearer"):
            server = await self.begun(mechanisms)
            for kind in KINDS:
                held = await self.source.access_token(NAME, NAME)
                del self.provider.access[held]  # it was revoked; nobody has told us
                await self.opened(server, kind)
                self.assertNotEqual(await self.source.access_token(NAME, NAME), held)

    async def test_when_the_next_one_is_not_taken_either_it_is_no_wrong_password(self) -> None:
        for mechanisms in ("xoauth2", "oauthbearer"):
            server = await self.begun(mechanisms)
            await self.connect("bob@example.org", of="somebody-else")
            for kind in KINDS:
                asked = len(self.provider.asked)
                with self.assertRaises(AccountUnavailable) as refused:
                    await self.opened(server, kind, "bob@example.org")
                self.assertEqual(refused.exception.reason, "token-refused")
                self.assertLessEqual(len(self.provider.asked) - asked, 2)
                await self.opened(server, kind)

    async def test_who_is_not_connected_and_a_provider_that_is_away(self) -> None:
        server = await self.begun("xoauth2")
        with self.assertRaises(AccountUnavailable) as refused:
            await self.opened(server, "imap", "carl@example.org")
        self.assertEqual(refused.exception.reason, "not-connected")
        self.provider.said = (503, b"")
        for _ in range(5):  # which is nothing against the server behind
            with self.assertRaises(LoginUnavailable) as away:
                await self.opened(server, "imap")
        self.assertEqual(away.exception.reason, "no-token")
        self.provider.said = None
        await self.opened(server, "imap")
