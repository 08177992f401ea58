"""Records at an acme-dns server."""

import json
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.config.load import BadConfig, load_text
from mailtwist.config.secret import Secret
from mailtwist.config.values import Duration
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import started
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.dns import FIRST, SECOND, DnsContract
from mailtwist.tls.dns.acme_dns import AcmeDns, AcmeDnsUrl, Settings
from mailtwist.tls.dns.api import NotPublished
from mailtwist.tls.https import Answer
from tests.tls.dns.acme_dns_server import AcmeDnsServer

THIRD = "3" * 43


class AtAServer(TestCase):
    def setUp(self) -> None:
        self.server = AcmeDnsServer(self)
        self.account = self.server.register()
        self.name = self.account["fulldomain"]

    def publisher(self, **more) -> AcmeDns:
        known = {
            "server": AcmeDnsUrl(self.server.url),
            "subdomain": self.account["subdomain"],
            "username": self.account["username"],
            "password": Secret(self.account["password"]),
        }
        return AcmeDns(Settings(**{**known, **more}), OnePart(Path("."), clock=SystemClock()))


class ContractTests(DnsContract, AtAServer):
    forgets = False
    others = ()

    async def make_publisher(self) -> AcmeDns:
        return self.publisher()

    async def texts(self, name: str) -> list[str]:
        return self.server.texts[name.partition(".")[0]]

    async def take_away(self, publisher: AcmeDns) -> None:
        await self.server.stop()


class AcmeDnsTests(AtAServer):
    async def refused(self, name: str = "", **more) -> str:
        with self.assertRaises(NotPublished) as caught:
            await self.publisher(**more).add(name or self.name, FIRST)
        return caught.exception.words

    async def test_wrong_credentials_are_told_and_not_repeated(self) -> None:
        words = await self.refused(password=Secret("hunter2"))
        self.assertIn("it does not know username and password", words)
        self.assertNotIn("hunter2", words)

    async def test_a_name_that_does_not_lead_there_is_told_what_to_be(self) -> None:
        words = await self.refused("_acme-challenge.example.org")
        self.assertIn("_acme-challenge.example.org is not at acme-dns", words)
        self.assertIn(self.account["subdomain"], words)
        self.assertEqual(self.server.updates, 0)

    async def test_what_is_no_answer_of_acme_dns_is_told(self) -> None:
        for answer in [
            (500, b""),
            (200, b"<html>"),
            (200, b"[]"),
            (200, b'{"txt": "other"}'),
            (200, b'{"error": ["x"]}'),
            (302, b""),
        ]:
            self.server.answers = [answer]
            self.assertIn("not as acme-dns does", await self.refused())

    async def test_each_name_has_a_subdomain_of_its_own(self) -> None:
        other = self.server.register()
        accounts = Secret(json.dumps({"example.org": self.account, "example.net": other}))
        publisher = self.publisher(accounts=accounts, subdomain="", username="", password=None)
        for name in (self.name, other["fulldomain"]):
            await publisher.add(name, FIRST)
            self.assertEqual(self.server.texts[name.partition(".")[0]], [FIRST])

    async def test_a_value_that_is_needed_is_not_pushed_out_by_a_third(self) -> None:
        publisher = self.publisher()
        await publisher.add(self.name, FIRST)
        await publisher.add(self.name, SECOND)
        third = started(publisher.add(self.name, THIRD))
        self.assertNoResult(third)
        await publisher.remove(self.name, FIRST)
        await third
        self.assertEqual(self.server.texts[self.account["subdomain"]], [SECOND, THIRD])

    async def test_one_that_was_refused_takes_no_place(self) -> None:
        publisher = self.publisher()
        self.server.answers = [(500, b"")] * 3
        for _ in range(3):
            with self.assertRaises(NotPublished):
                await publisher.add(self.name, FIRST)
        await publisher.add(self.name, FIRST)
        await publisher.add(self.name, SECOND)
        self.assertEqual(self.server.texts[self.account["subdomain"]], [FIRST, SECOND])


class Waiting(TestCase):
    """Without a server, by a clock of our own."""

    async def ask(self, method, url, headers, body, redirects=0) -> Answer:
        return Answer(url, 200, {}, body)

    def setUp(self) -> None:
        self.clock = ManualClock()
        settings = Settings(
            server=AcmeDnsUrl("https://acme-dns.example"),
            subdomain="abc",
            username="ann",
            password=Secret("x"),
            propagation_timeout=Duration(60),
        )
        self.publisher = AcmeDns(settings, OnePart(Path("."), clock=self.clock), self)

    async def test_who_waits_too_long_for_a_place_is_told_why(self) -> None:
        for value in (FIRST, SECOND):
            await self.publisher.add("abc.example", value)
        third = started(self.publisher.add("abc.example", THIRD))
        self.clock.advance(60)
        words = self.failureResultOf(third, NotPublished).value.words
        self.assertIn("give each name a subdomain of its own", words)
        await self.publisher.remove("abc.example", THIRD)
        fourth = started(self.publisher.add("abc.example", "4" * 43))
        await self.publisher.remove("abc.example", FIRST)
        self.assertIsNone(self.successResultOf(fourth))

    async def test_who_gives_up_waiting_leaves_no_trace(self) -> None:
        for value in (FIRST, SECOND):
            await self.publisher.add("abc.example", value)
        started(self.publisher.add("abc.example", THIRD)).addErrback(lambda _: None).cancel()
        await self.publisher.remove("abc.example", SECOND)
        self.assertIsNone(self.successResultOf(started(self.publisher.add("abc.example", THIRD))))


class SettingsTests(TestCase):
    def problems(self, lines: str, server: str = "https://a.example") -> str:
        with self.assertRaises(BadConfig) as caught:
            load_text(f"[dns:main]\ntype = acme_dns\nserver = {server}\n{lines}")
        return "\n".join(problem.words for problem in caught.exception.problems)

    def test_an_account_is_whole_or_in_a_file(self) -> None:
        three = "subdomain = a\nusername = b\npassword = c\n"
        load_text(f"[dns:main]\ntype = acme_dns\nserver = https://a.example\n{three}")
        with self.assertRaisesRegex(ValueError, "write subdomain, username and password, or accounts"):
            AcmeDns(Settings(server=AcmeDnsUrl("https://a.example")), OnePart(Path(".")))
        for lines in ("subdomain = a\n", "username = b\npassword = c\n", three + "accounts = {}\n"):
            self.assertIn("write subdomain, username and password, or accounts", self.problems(lines))

    def test_accounts_are_as_clients_keep_them_and_are_not_repeated(self) -> None:
        for text in ("{}", "[]", "hunter2", '{"a": 1}', '{"a": {"subdomain": "hunter2"}}', "[" * 9999):
            words = self.problems(f"accounts = {text}\n")
            self.assertIn("accounts has to be JSON", words, text[:20])
            self.assertNotIn("hunter2", words)

    def test_where_its_api_is(self) -> None:
        self.assertEqual(AcmeDnsUrl.parse("https://a.example/"), "https://a.example")
        self.assertEqual(AcmeDnsUrl.parse("http://127.0.0.1:8080"), "http://127.0.0.1:8080")
        for text in (
            "a.example",
            "ftp://a.example",
            "https://",
            "https://u:p@a.example",
            "https://a:0",
            "http://[x",
        ):
            with self.assertRaises(ValueError):
                AcmeDnsUrl.parse(text)
        self.assertIn("write https://", self.problems("", "http://a.example"))
