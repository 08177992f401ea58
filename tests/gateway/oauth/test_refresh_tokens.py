"""Refresh tokens that are kept here: what they are exchanged for, and what becomes of them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.auth.api import AccountUnavailable, LoginUnavailable
from mailtwist.config.part import installed
from mailtwist.config.values import Duration, Secret
from mailtwist.gateway.oauth.held import ASKED_AGAIN, KNOWN
from mailtwist.gateway.oauth.providers import Tenant, Url
from mailtwist.gateway.oauth.refresh_tokens import RefreshTokens, Settings, check
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import started, together
from mailtwist.state.api import StateAway
from mailtwist.state.process import durable
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.oauth import CONNECTED, NAMES, STRANGER, TokenSourceContract
from tests.gateway.oauth.provider import CLIENT, SECRET, Provider

ANN = NAMES[CONNECTED]


class Case(TestCase):
    rotates = False
    manual = True

    async def made(self, **settings: Any) -> RefreshTokens:
        """One account is connected; nobody has asked for anything yet."""
        self.logged: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.logged.append)
        self.provider = Provider(rotates=self.rotates)
        self.addCleanup(self.provider.stop)
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.clock: Any = ManualClock() if self.manual else SystemClock()
        self.settings = {"client_id": CLIENT, "client_secret": Secret(SECRET), "scope": "mail", **settings}
        source = await self.process()
        self.durable = durable(self.assembly)
        await self.connect(source)
        return source

    async def process(self) -> RefreshTokens:
        self.assembly = assembly = OnePart(self.folder, clock=self.clock, name="provider")
        urls = {
            "token_url": Url(f"{self.provider.url}/token"),
            "device_url": Url(f"{self.provider.url}/device"),
        }
        source = assembly.one(lambda it: RefreshTokens(Settings(**{**urls, **self.settings}), it))
        await assembly.start()
        self.addCleanup(assembly.stop)
        return source

    async def connect(self, source: RefreshTokens) -> str:
        token = self.provider.new("refresh", ANN)
        await source.grants.put(CONNECTED, "provider", ANN, token)
        return token

    async def token(self, source: RefreshTokens, refused: str = "") -> str:
        return await source.access_token(CONNECTED, ANN, refused=refused)

    async def kept(self, source: RefreshTokens) -> str:
        grant = await source.grants.of(CONNECTED, "provider")
        assert grant is not None
        return await source.grants.opened(grant)

    def told(self, id: str) -> list[dict[str, Any]]:
        return [line for line in self.logged if line.get("event_id") == id]

    async def away(self, source: RefreshTokens, refused: str = "") -> str:
        with self.assertRaises(LoginUnavailable) as raised:
            await self.token(source, refused)
        return raised.exception.reason


class RefreshTokensContract(TokenSourceContract, Case):
    async def make_source(self) -> RefreshTokens:
        return await self.made()

    async def go_away(self) -> None:
        self.provider.said = (503, b"<html>")

    async def come_back(self) -> None:
        self.provider.said = None


class AccessTokenTests(Case):
    async def test_the_provider_is_asked_as_the_rfc_has_it(self) -> None:
        source = await self.made()
        refresh = await self.kept(source)
        token = await self.token(source)
        self.assertEqual(self.provider.access[token], ANN)
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh,
            "scope": "mail",
            "client_id": CLIENT,
            "client_secret": SECRET,
        }
        self.assertEqual(self.provider.asked, [form])

    async def test_the_secret_may_go_in_the_header(self) -> None:
        source = await self.made(secret_in="header")
        await self.token(source)
        (form,) = self.provider.asked
        self.assertEqual((form["client_secret"], form["header"]), (SECRET, "yes"))

    async def test_a_public_client_has_none(self) -> None:
        source = await self.made(client_secret=None, scope="")
        await self.token(source)
        self.assertEqual(set(self.provider.asked[0]), {"grant_type", "refresh_token", "client_id"})

    async def test_it_is_held_until_shortly_before_its_end(self) -> None:
        source = await self.made()
        first = await self.token(source)
        self.clock.advance(3600 - 121)
        self.assertEqual(await self.token(source), first)
        self.clock.advance(2)
        self.assertNotEqual(await self.token(source), first)
        self.assertEqual(len(self.provider.asked), 2)

    async def test_a_life_that_makes_no_sense_is_a_short_one(self) -> None:
        for told, life in (("3600", 3600), (None, 300), (-1, 300), ("soon", 300), (True, 300), (1e12, 300)):
            source = await self.made()
            self.provider.extra = {} if told is None else {"expires_in": told}
            self.assertEqual((await source.tokens(CONNECTED, ANN)).life, life, told)

    async def test_who_comes_while_it_is_asked_gets_the_same(self) -> None:
        source = await self.made()
        self.provider.waits = Deferred()
        asking = [started(self.token(source)) for _ in range(10)]
        for one in asking[:3]:
            one.addErrback(lambda failure: None)
            one.cancel()
        self.provider.waits.callback(None)
        self.assertEqual(len({await one for one in asking[3:]}), 1)
        self.assertEqual(len(self.provider.asked), 1)

    async def test_what_another_process_connects_and_takes_away_counts_at_once(self) -> None:
        source = await self.made()
        first = await self.token(source)
        other = await self.process()
        await self.connect(other)
        self.assertNotEqual(await self.token(source), first)
        await other.grants.forget(CONNECTED, "provider")
        self.assertEqual(await self.away(source), "not-connected")
        self.assertEqual(len(self.told("oauth.not_connected")), 1)

    async def test_it_is_bounded_what_is_held(self) -> None:
        source = await self.made()
        await self.token(source)
        held = source._held[CONNECTED]
        for number in range(KNOWN):
            source._keep(str(number), held)
        self.assertEqual(len(source._held), KNOWN)
        self.assertNotIn(CONNECTED, source._held)

    async def test_no_secret_is_logged(self) -> None:
        source = await self.made()
        self.provider.refresh.clear()
        self.assertEqual(await self.away(source), "token-refused")
        await self.connect(source)
        token = await self.token(source)
        lines = repr(self.logged)
        for secret in (SECRET, token, await self.kept(source), "refresh-1-of"):
            self.assertNotIn(secret, lines)


class RefusedTests(Case):
    async def test_a_refused_refresh_token_is_for_the_admin_and_the_account_alone(self) -> None:
        source = await self.made()
        await source.grants.put(STRANGER, "provider", NAMES[STRANGER], self.provider.new("refresh", "bob"))
        del self.provider.refresh[await self.kept(source)]
        with self.assertRaises(AccountUnavailable) as refused:
            await self.token(source)
        self.assertEqual(refused.exception.reason, "token-refused")
        (line,) = self.told("oauth.refused")
        self.assertEqual((line["name"], line["source"]), (ANN, "provider"))
        self.assertIn("invalid_grant: AADSTS70000: (token) is not good", line["why"])
        self.assertTrue(await source.access_token(STRANGER, NAMES[STRANGER]))

    async def test_the_provider_is_left_alone_for_a_while_then(self) -> None:
        source = await self.made()
        refresh = await self.kept(source)
        of = self.provider.refresh.pop(refresh)
        for _ in range(3):
            self.assertEqual(await self.away(source), "token-refused")
        self.assertEqual(len(self.provider.asked), 1)
        self.provider.refresh[refresh] = of  # it was the provider that erred
        self.clock.advance(ASKED_AGAIN)
        self.assertTrue(await self.token(source))
        grant = await source.grants.of(CONNECTED, "provider")
        self.assertIsNone(grant.refused_at)  # type: ignore[union-attr]

    async def test_who_is_connected_again_gets_in_at_once(self) -> None:
        source = await self.made()
        self.provider.refresh.clear()
        await self.away(source)
        await self.connect(await self.process())
        self.assertTrue(await self.token(source))

    async def test_an_application_that_is_not_known_is_everybodys_trouble(self) -> None:
        source = await self.made(client_id="somebody else")
        self.assertEqual(await self.away(source), "no-token")
        self.assertIn("invalid_client", self.told("oauth.away")[0]["error"])
        self.assertIsNone((await source.grants.of(CONNECTED, "provider")).refused_at)  # type: ignore[union-attr]


class AwayTests(Case):
    async def test_whatever_is_no_answer_is_no_wrong_password(self) -> None:
        source = await self.made()
        good = {"token_type": "Bearer", "access_token": "x"}
        answers: list[tuple[int, Any]] = [
            *((status, {"error": "invalid_grant"}) for status in (500, 503, 429, 302, 204)),
            *((200, body) for body in (b"", b"<html>", b"[]", b"[" * 50_000, b"x" * 70_000, {})),
            (400, b"Bad Request"),
            *((200, {**good, "access_token": token}) for token in ("", "a b", "a\r\nb", "\x01", "é", 7)),
            (200, {**good, "access_token": "x" * 20_000}),
            (200, {**good, "token_type": "mac"}),
            (200, {**good, "refresh_token": "a\nb"}),
            (400, {"error": "x" * 1000}),
            (400, {"error": ["invalid_grant"]}),
        ]
        for said in answers:
            self.provider.said = said
            self.assertEqual(await self.away(source), "no-token", said[0])
        self.assertEqual({path for path in self.provider.paths}, {"/token"})
        self.provider.said = None
        self.assertTrue(await self.token(source))

    async def test_a_silent_provider_is_waited_for_so_long(self) -> None:
        source = await self.made(time=Duration(10))
        self.provider.waits = waits = Deferred()
        waiting = started(self.token(source))
        for _ in range(200):
            await _a_moment()
            if self.provider.paths:
                break
        self.clock.advance(10)
        self.assertEqual((await self.failed(waiting)).reason, "no-token")
        self.provider.waits = None
        waits.callback(None)
        self.assertTrue(await self.token(source))

    async def failed(self, waiting: Deferred[str]) -> LoginUnavailable:
        with self.assertRaises(LoginUnavailable) as raised:
            await waiting
        return raised.exception

    async def test_nobody_listening_there_is_no_wrong_password(self) -> None:
        source = await self.made()
        await self.provider.stop()
        self.assertEqual(await self.away(source), "no-token")

    async def test_a_stopped_one_gives_nothing(self) -> None:
        source = await self.made()
        await source.stop()
        self.assertEqual(await self.away(source), "no-token")


class RotatingTests(Case):
    """A provider that changes the refresh token with each use."""

    rotates = True
    manual = False

    async def test_the_next_one_is_stored_before_the_access_token_is_used(self) -> None:
        source = await self.made()
        for _ in range(3):
            token = await self.token(source, refused=await self.token(source))
            self.assertIn(await self.kept(await self.process()), self.provider.refresh)
            self.assertTrue(token)
        self.assertEqual(self.told("oauth.refused"), [])

    async def test_two_processes_do_not_use_the_same_one_twice(self) -> None:
        first = await self.made()
        second = await self.process()
        for _ in range(3):
            known = [await self.token(one) for one in (first, second)]
            asking = (self.token(one, old) for one, old in zip((first, second), known, strict=True))
            await together(*asking)
        self.assertEqual(self.told("oauth.refused"), [])

    async def test_who_leaves_meanwhile_loses_nothing(self) -> None:
        source = await self.made()
        self.provider.waits = Deferred()
        waiting = started(self.token(source))
        waiting.addErrback(lambda failure: None)
        waiting.cancel()
        self.provider.waits.callback(None)
        self.provider.waits = None
        await source.stop()
        self.assertIn(await self.kept(source), self.provider.refresh)

    async def test_one_that_cannot_be_stored_waits_and_the_provider_too(self) -> None:
        source = await self.made()
        change = self.durable.change_grant

        async def full(*args: object) -> bool:
            raise StateAway("the disk is full")

        self.patch(self.durable, "change_grant", full)
        for _ in range(3):
            await self.away(source)
        self.assertEqual(len(self.provider.asked), 1)
        self.patch(self.durable, "change_grant", change)
        self.assertTrue(await self.token(source))
        self.assertIn(await self.kept(source), self.provider.refresh)
        self.assertEqual(len(self.provider.asked), 2)
        self.assertEqual(len(self.told("oauth.not_stored")), 3)

    async def test_who_was_connected_anew_meanwhile_has_the_new_one(self) -> None:
        source = await self.made()
        self.provider.waits = Deferred()
        waiting = started(self.token(source))
        newer = await self.connect(await self.process())
        self.provider.waits.callback(None)
        token = await waiting
        self.assertEqual(self.provider.access[token], ANN)
        self.assertIn(newer, self.provider.spent)
        self.assertIn(await self.kept(source), self.provider.refresh)


class SettingsTests(SynchronousTestCase):
    def test_the_big_providers_are_known(self) -> None:
        there = Settings(client_id="x", provider="microsoft", tenant=Tenant("example.com")).there
        self.assertEqual(there.token_url, "https://login.microsoftonline.com/example.com/oauth2/v2.0/token")
        self.assertIn("offline_access", there.scope.split())
        there = Settings(client_id="x", provider="google", scope="other").there
        self.assertEqual((there.token_url, there.scope), ("https://oauth2.googleapis.com/token", "other"))
        own = Settings(client_id="x", provider="google", token_url=Url("https://a.test/t")).there
        self.assertEqual(own.token_url, "https://a.test/t")

    def test_any_other_needs_an_address(self) -> None:
        (problem,) = self.successResultOf(started(check(Settings(client_id="x"), OnePart(Path()))))
        self.assertEqual(problem[0], "token_url")
        good = Settings(client_id="x", provider="google")
        self.assertEqual(self.successResultOf(started(check(good, OnePart(Path())))), [])
        with self.assertRaisesRegex(ValueError, "token_url"):
            RefreshTokens(Settings(client_id="x"), OnePart(Path()))

    def test_secrets_go_over_tls_or_to_this_machine(self) -> None:
        for good in ("https://a.test/t?x=y", "http://127.0.0.1:80/t", "http://[::1]/", "http://localhost/"):
            self.assertEqual(Url.parse(good), good)
        bad = (
            "http://a.test/",
            "ftp://a.test",
            "https://",
            "https://u:p@a.test/",
            "https://a.test/#x",
            "a.test",
        )
        for text in (
            *bad,
            "https://a.test/ b",
            "http://127.0.0.1.a.test/",
            "https://a.test:x/",
            "https://é.test/",
        ):
            with self.assertRaises(ValueError, msg=text):
                Url.parse(text)

    def test_a_tenant_is_part_of_an_address(self) -> None:
        for text in ("a/b", "", "?x", "a" * 300, "a b"):
            with self.assertRaises(ValueError):
                Tenant.parse(text)

    def test_the_part_is_installed(self) -> None:
        self.assertIs(installed("mailtwist.oauth")["refresh_tokens"].load().build, RefreshTokens)

    def test_a_secret_does_not_show_itself(self) -> None:
        settings = Settings(client_id="x", provider="google", client_secret=Secret(SECRET))
        self.assertNotIn(SECRET, repr(settings))
        self.assertNotIn(SECRET, repr(replace(settings, scope="y")))


def _a_moment() -> Deferred[None]:
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    return deferLater(reactor, 0.01)  # type: ignore[arg-type]
