"""Records by dns-lexicon: the real library, which sends updates to a real bind9."""

from importlib import import_module
from pathlib import Path
from threading import Event

import dns.query
from dns.query import tcp
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from mailtwist.config.load import BadConfig, load_text
from mailtwist.config.resolver import DnsServers, ResolverSettings
from mailtwist.config.secret import Secret
from mailtwist.config.values import Duration
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import started
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.dns import FIRST, SECOND, DnsContract
from mailtwist.tls.dns import lexicon
from mailtwist.tls.dns.api import NotPublished
from mailtwist.tls.dns.lexicon import NO_LEXICON, Lexicon, Options, Provider, Settings, part
from tests.peers.programs import absent, free_ports, needs
from tests.tls.dns.named import KEY, named

NAME = "_acme-challenge.example.test"


def must_have_the_library() -> None:
    try:
        import_module("lexicon.client")
    except ImportError:
        absent("dns-lexicon is not installed; it comes with mailtwist[lexicon]")


class WithZone(TestCase):
    """`Named` stands behind the library: its provider `ddns` knows the port 53 alone, and is told another."""

    def setUp(self) -> None:
        self.port = named().port
        self.patch(dns.query, "tcp", lambda query, where, timeout: tcp(query, where, timeout, self.port))
        self.secrets = Secret(f"auth_token: hmac-sha256:mailtwist:{KEY}\n")
        self.folder = Path(self.mktemp())

    def publisher(self, clock=None, **more) -> Lexicon:
        known = {
            "provider": Provider("ddns"),
            "options": Options([("ddns_server", "127.0.0.1")]),
            "secrets": self.secrets,
        }
        once = (ResolverSettings(servers=DnsServers.parse("127.0.0.1"), port=named().port),)
        assembly = OnePart(self.folder, clock=clock or SystemClock(), once=once)
        self.addCleanup(assembly.stop)
        made = Lexicon(Settings(**{**known, **more}), assembly)
        self.addCleanup(made._threads.stop)
        return made

    async def refused(self, name: str = NAME, **more) -> str:
        with self.assertRaises(NotPublished) as caught:
            await self.publisher(**more).add(name, FIRST)
        return caught.exception.words


@needs("named")
class ContractTests(DnsContract, WithZone):
    def setUp(self) -> None:
        must_have_the_library()
        super().setUp()

    async def make_publisher(self) -> Lexicon:
        self.addCleanup(self.clean)
        return self.publisher()

    async def clean(self) -> None:
        self.port = named().port
        publisher = self.publisher()
        for name in (self.name, *self.others):
            for value in named().texts(name):
                await publisher.remove(name, value)

    async def texts(self, name: str) -> list[str]:
        return named().texts(name)

    async def take_away(self, publisher: Lexicon) -> None:
        (self.port,) = free_ports(1)


@needs("named")
class LexiconTests(WithZone):
    def setUp(self) -> None:
        must_have_the_library()
        super().setUp()

    async def test_what_the_library_complains_of_is_told_without_secrets(self) -> None:
        def failing(query, where, timeout):
            raise RuntimeError(f"https://a.example/?token={KEY}\n\x07 hunter2")

        self.patch(dns.query, "tcp", failing)
        secrets = Secret(f"# mine\nauth_token: hmac-sha256:mailtwist:{KEY}\npassword: {KEY}\n")
        words = await self.refused(secrets=secrets)
        self.assertIn("ddns: _acme-challenge.example.test:", words)
        self.assertIn("token=(hidden) ? hunter2", words)

    async def test_a_provider_that_the_library_does_not_know_is_told(self) -> None:
        self.assertIn("nobody", await self.refused(provider=Provider("nobody")))
        self.assertIn("knows no provider", (await self.checked("nobody"))[0][1])

    async def test_a_provider_that_it_knows_is(self) -> None:
        for known in ("ddns", "gandi", "route53"):
            self.assertEqual(await self.checked(known), [])

    async def test_a_name_in_no_zone_is_told(self) -> None:
        self.assertIn("not known in which zone", await self.refused("_acme-challenge.example.org"))

    async def checked(self, provider: str) -> list[tuple[str, str]]:
        assembly = OnePart(self.folder)
        self.addCleanup(assembly.stop)
        return await part.check(Settings(provider=Provider(provider)), assembly)


@needs("named")
class Without(WithZone):
    async def test_that_the_library_is_not_installed_is_said_in_a_sentence(self) -> None:
        self.patch(lexicon, "_library", _no_library)
        self.assertIn(NO_LEXICON, await self.refused())

    async def test_a_change_that_takes_too_long_is_given_up_and_the_next_one_waits_for_its_end(self) -> None:
        clock, going, done = ManualClock(), Event(), []

        def slow(settings, what, zone, name, value) -> str:
            going.wait(30)
            done.append((what, zone, value))
            return ""

        self.patch(lexicon, "changed", slow)
        publisher = self.publisher(clock, timeout=Duration(60))
        publisher._dns._clock = SystemClock()
        first = started(publisher.add(NAME, FIRST))
        while not publisher._one.locked:
            await pause_a_little()
        clock.advance(60)
        self.assertIn("has not changed", self.failureResultOf(first, NotPublished).value.words)
        second = started(publisher.remove(NAME, SECOND))
        await pause_a_little()
        self.assertEqual(done, [])
        going.set()
        await second
        self.assertEqual(
            done, [("create_record", "example.test", FIRST), ("delete_record", "example.test", SECOND)]
        )


class SettingsTests(TestCase):
    def loaded(self, lines: str):
        return load_text(f"[dns:main]\ntype = lexicon\nprovider = gandi\n{lines}").sections[0].settings

    def test_options_are_names_with_values(self) -> None:
        found = self.loaded("options = api-protocol: rest, auth_username=ann:b\n").options
        self.assertEqual(found, (("api_protocol", "rest"), ("auth_username", "ann:b")))
        self.assertEqual(Options.parse(str(found)), found)

    def test_secrets_are_lines_and_not_repeated(self) -> None:
        file = Path(self.mktemp()).absolute()
        file.write_text("auth_token: hunter2=:x\n\n# no\nauth_secret = y\n")
        settings = self.loaded(f"secrets = file:{file}\n")
        self.assertEqual(settings.hidden(), {"auth_token": "hunter2=:x", "auth_secret": "y"})
        self.assertNotIn("hunter2", repr(settings))
        file.write_text("auth_token: x\nhunter2\n")
        with self.assertRaises(BadConfig) as caught:
            self.loaded(f"secrets = file:{file}\n")
        self.assertIn("line 2 is none", str(caught.exception))
        self.assertNotIn("hunter2", str(caught.exception))

    def test_a_provider_is_a_word(self) -> None:
        for text in ("", "../x", "a b", "A"):
            with self.assertRaises(ValueError):
                Provider.parse(text)


def _no_library():
    raise ImportError("no lexicon here")


async def pause_a_little() -> None:
    await deferLater(reactor, 0.01)
