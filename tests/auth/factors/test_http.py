"""A web service judges the code: whatever it does, a yes is its own, and trouble is nobody's wrong code."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.auth.api import AccountUnavailable, LoginUnavailable
from mailtwist.auth.factors.http import Settings, build, check
from mailtwist.auth.factors.signing import SigningKey
from mailtwist.auth.factors.web_service import ServiceUrl
from mailtwist.config.values import File, Secret
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.elsewhere import OTHER, PERSON
from mailtwist.testing.factor_elsewhere import RemoteFactorContract
from tests.auth.factors import services
from tests.auth.factors.services import KEY, LEGACY_KEY, LEGACY_SECRET, OTHER_KEY, Said, Service
from tests.auth.factors.web_case import WebCase
from tests.hearing import heard
from tests.tls.made import Authority

QUERY = "/check.php?user={user}&code={code}&key={key}&sign={sign}"


class SignedCase(WebCase):
    def setUp(self) -> None:
        self.known: services.Right = {(PERSON.name, "271828"), (OTHER.name, "314159")}
        self.roots = services.roots(self)

    def judge(self) -> Any:
        return services.signed(self.known)

    def settings(self, **others: Any) -> Settings:
        facts = {
            "url": ServiceUrl(f"{self.service.url}/verify"),
            "key": SigningKey(KEY),
            "roots": File(self.roots),
        }
        return Settings(**{**facts, **others})

    def made(self, settings: Any, assembly: Any) -> Any:
        return build(settings, assembly)

    async def code(self, person: Any = PERSON) -> str:
        return "271828" if person is PERSON else "314159"

    def secrets(self) -> list[str]:
        return [KEY, KEY[6:]]

    async def trouble(self, factor: Any, code: str = "271828") -> str:
        """The sentence."""
        result = await self.result(factor.verify(self.asked(seconds=1.0), code))
        self.assertIsInstance(result, Failure, result)
        self.assertIsNotNone(result.check(LoginUnavailable), result)
        self.assertNotIn(code, result.value.detail)
        return str(result.value.detail)


class ContractTests(SignedCase, RemoteFactorContract, TestCase):
    pass


class AnswerTests(SignedCase, TestCase):
    async def test_what_the_service_is_told(self) -> None:
        factor = await self.begin()
        self.assertIsNotNone(await factor.verify(self.asked(), "271828"))
        (request,) = self.service.requests
        told = request.object
        self.assertEqual((request.method, request.path), ("POST", "/verify"))
        self.assertEqual(told.pop("nonce"), request.headers["webhook-id"])
        self.assertEqual(str(told.pop("time")), request.headers["webhook-timestamp"])
        self.assertEqual(
            told,
            {
                "type": "login.code",
                "user": PERSON.name,
                "code": "271828",
                "address": "192.0.2.7",
                "protocol": "imap",
                "client": "Phone",
                "login": "l1",
            },
        )

    async def test_what_a_client_calls_itself_does_no_harm(self) -> None:
        factor = await self.begin()
        asked = replace(self.asked(), client="Ph\N{PILE OF POO}n\0e\ud800" + "x" * 500)
        self.assertIsNotNone(await factor.verify(asked, "271828"))
        told = self.service.requests[0].object["client"]
        self.assertEqual((told[:7], len(told)), ("Ph?n?e?", 100))

    async def test_no_two_questions_are_the_same(self) -> None:
        factor = await self.begin()
        for _ in range(3):
            await factor.verify(self.asked(), "271828")
        self.assertEqual(len({request.object["nonce"] for request in self.service.requests}), 3)
        self.assertEqual(len({request.headers["webhook-signature"] for request in self.service.requests}), 3)

    async def test_whatever_is_no_answer_is_trouble_with_a_sentence(self) -> None:
        factor = await self.begin()
        for breaks, words in (
            (services.lies, "not signed for this question"),
            (services.html, "not signed"),
            (services.says(b'{"ok": true}'), "not signed"),
            (services.endless, "too big"),
            (services.bomb, "not signed"),
            (services.hangs, "no answer in 1 s"),
            (services.truncated, "not signed"),
            (services.status(404), "it answers 404: there is nothing at this `url`"),
            (services.status(500), "it answers 500"),
            (services.status(204), ""),
            (services.status(401), "it answers 401: it does not take our signature"),
            (services.redirect("https://localhost/ok"), "redirects (302), which is not followed"),
            (services.redirect("https://localhost/ok", 307), "redirects (307)"),
        ):
            self.service.breaks = breaks
            self.assertIn(words, await self.trouble(factor), words)

    async def test_a_redirect_is_not_followed_to_somebody_who_says_yes(self) -> None:
        factor = await self.begin()
        other = Service(services.signed(self.known)).begin(self)
        for number in (301, 302, 303, 307, 308):
            self.service.breaks = services.redirect(f"{other.url}/verify", number)
            await self.trouble(factor)
        self.assertEqual(other.requests, [])

    async def test_signed_nonsense_is_no_answer_either(self) -> None:
        factor = await self.begin()
        for told, words in (
            (lambda nonce: {"ok": "true", "nonce": nonce}, "neither true nor false"),
            (lambda nonce: {"ok": 1, "nonce": nonce}, "neither true nor false"),
            (lambda nonce: {"nonce": nonce}, "neither true nor false"),
            (lambda nonce: {"ok": True}, "another question"),
            (lambda nonce: {"ok": True, "nonce": nonce + "0"}, "another question"),
            (lambda nonce: [True, nonce], "no JSON object"),
            (lambda nonce: "ok", "no JSON object"),
        ):
            self.service.judge = self.telling(told)
            self.assertIn(words, await self.trouble(factor), words)

    def telling(self, told: Callable[[str], Any]) -> Callable[[Any], Said]:
        return lambda request: services.answered(
            request.headers["webhook-id"], told(request.headers["webhook-id"])
        )

    async def test_an_older_yes_is_no_answer(self) -> None:
        factor = await self.begin()
        kept: list[Said] = []
        honest = self.service.judge
        self.service.judge = lambda request: kept.append(honest(request)) or kept[0]
        self.assertIsNotNone(await factor.verify(self.asked(), "271828"))
        self.assertIn("not signed for this question", await self.trouble(factor, "000000"))

    async def test_nor_is_a_yes_by_another_key_or_our_own_question(self) -> None:
        factor = await self.begin()
        self.service.judge = services.signed(self.known, OTHER_KEY)
        self.assertIn("it answers 401", await self.trouble(factor))
        self.service.judge = lambda request: services.answered(
            request.headers["webhook-id"], {"ok": True, "nonce": request.headers["webhook-id"]}, OTHER_KEY
        )
        self.assertIn("not signed", await self.trouble(factor))
        self.service.judge = lambda request: (200, request.headers, request.body)
        self.assertIn("neither true nor false", await self.trouble(factor))

    async def test_while_a_key_is_changed_an_answer_may_have_two_signatures(self) -> None:
        factor = await self.begin()
        honest = self.service.judge

        def both(request: Any) -> Said:
            status, headers, body = honest(request)
            two = "v1,bm8= " + headers["webhook-signature"]
            return status, {**headers, "webhook-signature": two}, body

        self.service.judge = both
        self.assertIsNotNone(await factor.verify(self.asked(), "271828"))

    async def test_unsigned_answers_count_only_where_that_is_set(self) -> None:
        factor = await self.begin(signed_answer=False)
        self.service.breaks = services.lies
        self.assertIsNotNone(await factor.verify(self.asked(), "000000"))
        self.service.breaks = services.says(b'{"ok": true, "nonce": "x"}')
        self.assertIn("another question", await self.trouble(factor))
        self.service.breaks = services.says(b'{"ok": true')
        self.assertIn("no JSON object", await self.trouble(factor))


class TlsTests(SignedCase, TestCase):
    async def test_nothing_is_sent_to_somebody_else(self) -> None:
        yesterday = datetime.now(UTC) - timedelta(1)
        for words, names, certificate in (
            ("certificate is valid for 2fa.example.org", ("2fa.example.org",), {}),
            ("expired", (), {"begins": yesterday - timedelta(9), "ends": yesterday}),
            ('issuer "Somebody" of the certificate is unknown', (), {"by": Authority("Somebody")}),
        ):
            self.service = Service(self.judge(), *names, **certificate).begin(self)
            factor = await self.begin()
            self.assertIn(words, await self.trouble(factor))
            problems = await check(self.settings(), self.assembly)
            self.assertEqual([setting for setting, _ in problems], ["url"])
            self.assertIn(words, problems[0][1])
            self.assertEqual(self.service.requests, [])

    async def test_a_service_may_ask_who_we_are(self) -> None:
        authority = Authority("Clients")
        ours = Path(self.mktemp())
        ours.write_bytes(b"".join(authority.leaf("mail.example.org")))
        self.service = Service(self.judge())
        self.service.asking_for_certificates(authority.certificate)
        self.service.begin(self)
        factor = await self.begin(certificate=File(ours))
        self.assertIsNotNone(await factor.verify(self.asked(), "271828"))
        await self.trouble(await self.begin())

    async def test_a_check_reaches_it_without_a_login(self) -> None:
        await self.begin()
        self.assertEqual(await check(self.settings(), self.assembly), [])
        self.assertEqual([(one.method, one.path) for one in self.service.requests], [("HEAD", "/verify")])
        await self.service.kill()
        ((setting, words),) = await check(self.settings(), self.assembly)
        self.assertEqual(setting, "url")
        self.assertIn("refuses connections", words)
        ((setting, words),) = await check(self.settings(roots=File("/nowhere.pem")), self.assembly)
        self.assertEqual(setting, "roots")


class LegacyCase(WebCase):
    def setUp(self) -> None:
        self.known: services.Right = {(PERSON.name, "271828"), (OTHER.name, "314159")}
        self.roots = services.roots(self)

    def judge(self) -> Any:
        return services.legacy(self.known)

    def settings(self, **others: Any) -> Settings:
        facts: dict[str, Any] = {
            "url": ServiceUrl(self.service.url + QUERY),
            "legacy_get": True,
            "legacy_key": Secret(LEGACY_KEY),
            "legacy_secret": Secret(LEGACY_SECRET),
            "roots": File(self.roots),
        }
        return Settings(**{**facts, **others})

    made = SignedCase.made
    code = SignedCase.code
    trouble = SignedCase.trouble

    def secrets(self) -> list[str]:
        return [LEGACY_KEY, LEGACY_SECRET, "sign="]


class LegacyContractTests(LegacyCase, RemoteFactorContract, TestCase):
    pass


class LegacyTests(LegacyCase, TestCase):
    async def test_the_question_is_that_of_the_old_gateway(self) -> None:
        factor = await self.begin()
        self.assertIsNotNone(await factor.verify(self.asked(), "271828"))
        (request,) = self.service.requests
        self.assertEqual((request.method, request.path, request.body), ("GET", "/check.php", b""))
        self.assertEqual(set(request.query), {"user", "code", "key", "sign"})

    async def test_it_is_warned_of_at_the_start_and_by_a_check(self) -> None:
        events = heard(self)
        await self.begin()
        self.assertEqual([event["event_id"] for event in events], ["factor.legacy"])
        self.assertEqual(await check(self.settings(), self.assembly), [])
        self.assertEqual([event["event_id"] for event in events], ["factor.legacy"] * 2)
        self.assertEqual((self.service.requests[0].method, self.service.requests[0].query), ("HEAD", {}))

    async def test_no_is_a_few_words_and_all_else_is_trouble(self) -> None:
        factor = await self.begin()
        for body in (b"error", b"code error\n", b"no!", b"OK", b"ok?"[:2] + b", no"):
            self.service.breaks = services.says(body)
            self.assertIsNone(await factor.verify(self.asked(), "271828"), body)
        for breaks in (
            *(services.html, services.status(500), services.endless, services.hangs),
            *(services.says(b""), services.says(b"x" * 65), services.says(b"<b>ok</b>")),
            services.redirect("https://localhost/ok"),
        ):
            self.service.breaks = breaks
            await self.trouble(factor)
        self.service.breaks = services.says(b" ok\r\n")
        self.assertIsNotNone(await factor.verify(self.asked(), "271828"))

    async def test_no_sentence_has_the_url(self) -> None:
        """Where it is the host that cannot be, say."""
        for url in ("https://a..b", "https://*", "https://x" + "y" * 64, "https://[::1"):
            with contextlib.suppress(ValueError):
                factor = await self.begin(url=ServiceUrl.parse(url + QUERY))
                self.assertNotIn("user=", await self.trouble(factor))

    async def test_a_name_too_long_for_a_url_is_not_told(self) -> None:
        factor = await self.begin()
        person = type(PERSON)("a9", "é" * 400)
        result = await self.result(factor.verify(self.asked(person), "271828"))
        self.assertIsNotNone(result.check(AccountUnavailable))
        self.assertNotIn("271828", str(result.value))
        self.assertEqual(self.service.requests, [])


class SettingTests(SynchronousTestCase):
    def test_a_url_is_by_https_or_on_this_machine(self) -> None:
        for text in (
            "https://2fa.example.org/v?x=1",
            "http://127.0.0.1:8080/",
            "http://localhost",
            "http://[::1]/",
        ):
            self.assertEqual(ServiceUrl.parse(text), text)
        for text, words in (
            ("http://2fa.example.org/", "write https://"),
            ("ftp://x/", "no URL"),
            ("https://", "no URL"),
            ("https://u:p@x/", "no URL"),
            ("https://{user}/", "no URL"),
            ("https://x/#f", "no URL"),
            ("https://x/ y", "no URL"),
            ("https://x:99999/", "no URL"),
        ):
            with self.assertRaisesRegex(ValueError, words):
                ServiceUrl.parse(text)

    def test_what_belongs_together_is_asked_for_together(self) -> None:
        url, legacy = ServiceUrl("https://x/"), ServiceUrl("https://x" + QUERY)
        key, secret = SigningKey(KEY), Secret("s")
        for facts, words in (
            ({"url": legacy, "key": key}, "are for `legacy_get = yes`"),
            ({"url": url, "key": key, "legacy_secret": secret}, "are for"),
            ({"url": legacy, "legacy_get": True, "legacy_key": secret}, "needs `legacy_key` and"),
            ({"url": url, "legacy_get": True, "legacy_key": secret, "legacy_secret": secret}, "and {sign}"),
            ({"url": url, "key": key, "certificate_key": File("k")}, "write both"),
        ):
            with self.assertRaises(ValueError) as error:
                Settings(**facts)
            self.assertIn(words, str(error.exception))
        with self.assertRaisesRegex(ValueError, "needs `key`"):
            build(Settings(url=url), OnePart(Path()))
