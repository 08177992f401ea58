"""Records by dynamic updates: a real bind9."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.config.load import BadConfig, load_text
from mailtwist.config.resolver import DnsServers, ResolverSettings
from mailtwist.config.secret import Secret
from mailtwist.kit.clock import SystemClock
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.dns import FIRST, DnsContract
from mailtwist.tls.dns import rfc2136
from mailtwist.tls.dns.api import NotPublished
from mailtwist.tls.dns.rfc2136 import Settings, Updates, UpdateServer, Zone, part
from tests.kit.dns_server import Told, dns_server
from tests.peers.programs import free_ports, needs
from tests.tls.dns.named import KEY, WRONG_KEY, named

CONFIG = "[dns:main]\ntype = rfc2136\nserver = 192.0.2.1\n"


def assembly(case: TestCase) -> OnePart:
    once = (ResolverSettings(servers=DnsServers.parse("127.0.0.1"), port=named().port),)
    made = OnePart(Path(case.mktemp()), clock=SystemClock(), once=once)
    case.addCleanup(made.stop)
    return made


def settings(**more) -> Settings:
    known = {"server": UpdateServer("127.0.0.1", named().port), "key_name": "mailtwist", "key": Secret(KEY)}
    return Settings(**{**known, **more})


@needs("named")
class ContractTests(DnsContract, TestCase):
    async def make_publisher(self) -> Updates:
        self.addCleanup(self.clean)
        return Updates(settings(), assembly(self))

    async def clean(self) -> None:
        updates = Updates(settings(), assembly(self))
        for name in (self.name, *self.others):
            for value in named().texts(name):
                await updates.remove(name, value)

    async def texts(self, name: str) -> list[str]:
        return named().texts(name)

    async def take_away(self, publisher: Updates) -> None:
        publisher._settings = settings(server=UpdateServer("127.0.0.1", free_ports(1)[0]))


@needs("named")
class UpdateTests(TestCase):
    async def refused(self, name="_acme-challenge.example.test", **more) -> str:
        with self.assertRaises(NotPublished) as caught:
            await Updates(settings(**more), assembly(self)).add(name, FIRST)
        return caught.exception.words

    async def test_a_wrong_key_is_told(self) -> None:
        self.assertIn("the key mailtwist is another one there", await self.refused(key=Secret(WRONG_KEY)))

    async def test_a_key_that_is_not_known_there_is_told(self) -> None:
        self.assertIn("it does not know the key others", await self.refused(key_name="others"))
        words = await self.refused(algorithm="hmac-sha512")
        self.assertIn("it does not know the key mailtwist, or with another algorithm", words)

    async def test_a_zone_that_may_not_be_changed_is_told(self) -> None:
        words = await self.refused("_acme-challenge.refused.test")
        self.assertIn("it does not let the key mailtwist change the zone refused.test", words)

    async def test_without_a_key_the_zone_is_not_ours_to_change(self) -> None:
        self.assertIn("it does not let whoever has no key", await self.refused(key_name="", key=None))

    async def test_a_zone_that_the_server_does_not_have_is_told(self) -> None:
        words = await self.refused("_acme-challenge.example.org", zone=Zone("example.org"))
        self.assertIn("it does not serve the zone example.org as a primary", words)

    async def test_a_name_that_is_not_in_the_zone_is_told(self) -> None:
        words = await self.refused("_acme-challenge.example.test", zone=Zone("challenges.test"))
        self.assertEqual(words, "_acme-challenge.example.test is not in the zone challenges.test")

    async def test_what_others_have_written_stays(self) -> None:
        updates = Updates(settings(zone=Zone("challenges.test")), assembly(self))
        await updates.add("other.challenges.test", FIRST)
        self.assertEqual(named().texts("other.challenges.test"), sorted([FIRST, "not ours"]))
        await updates.remove("other.challenges.test", FIRST)
        self.assertEqual(named().texts("other.challenges.test"), ["not ours"])

    async def test_a_server_that_has_no_address_is_told(self) -> None:
        words = await self.refused(server=UpdateServer("nobody.invalid", 53))
        self.assertIn("nobody.invalid", words)

    async def test_an_answer_that_is_not_signed_is_nobodys(self) -> None:
        """rfc8945#5.3: whoever has no key could have sent it."""
        self.assertIn("is not signed", await self.at(lambda question, tcp: None))

    async def test_an_answer_that_is_none_is_told(self) -> None:
        for octets in (b"", b"\xff", b"\xff" * 300):
            words = await self.at(lambda question, tcp, octets=octets: [octets] if tcp else None)
            self.assertIn("what it says cannot be understood", words)

    async def test_silence_has_an_end(self) -> None:
        self.patch(rfc2136, "SECONDS", 0.2)
        self.assertIn("does not answer", await self.at(lambda question, tcp: [] if tcp else None))

    async def at(self, raw) -> str:
        """What is told of a server that answers so."""
        told = Told()
        told.records["example.test", "SOA"] = ["ns.test. a.test. 1 2 3 4 5"]
        told.raw = raw
        return await self.refused(server=UpdateServer("127.0.0.1", dns_server(self, told)))

    async def test_check_asks_the_server(self) -> None:
        self.assertEqual(await part.check(settings(), assembly(self)), [])
        self.assertEqual(await part.check(settings(zone=Zone("example.test")), assembly(self)), [])
        for bad in (Zone("mail.example.test"), Zone("nobody.example")):
            ((setting, words),) = await part.check(settings(zone=bad), assembly(self))
            self.assertEqual((setting, bad in words), ("server", True))

    def test_the_key_is_not_seen(self) -> None:
        self.assertNotIn(KEY, repr(settings()))


class SettingsTests(TestCase):
    def problems(self, lines: str) -> list[str]:
        with self.assertRaises(BadConfig) as caught:
            load_text(CONFIG + lines)
        return [problem.words for problem in caught.exception.problems]

    def test_half_a_key_is_none(self) -> None:
        self.assertIn("belong together", self.problems("key_name = x\n")[0])
        self.assertIn("belong together", self.problems(f"key = {KEY}\n")[0])

    def test_a_key_is_in_base64_and_is_not_repeated(self) -> None:
        (words,) = self.problems("key_name = x\nkey = hunter2!\n")
        self.assertIn("not in base64", words)
        self.assertNotIn("hunter2", words)

    def test_a_key_in_a_file(self) -> None:
        file = Path(self.mktemp()).absolute()
        file.write_text(KEY + "\n")
        load_text(f"{CONFIG}key_name = x\nkey = file:{file}\n")

    def test_servers_and_zones(self) -> None:
        for text, host, port in [
            ("ns1.example.org", "ns1.example.org", 53),
            ("192.0.2.1", "192.0.2.1", 53),
            ("192.0.2.1:5353", "192.0.2.1", 5353),
            ("2001:db8::1", "2001:db8::1", 53),
            ("[2001:db8::1]:5353", "2001:db8::1", 5353),
            ("NS1.example.org:5353", "ns1.example.org", 5353),
        ]:
            self.assertEqual(UpdateServer.parse(text), UpdateServer(host, port))
        for text in ("", "ns 1", "a:b", "a:0", "https://a"):
            with self.assertRaises(ValueError):
                UpdateServer.parse(text)
        self.assertEqual(Zone.parse("Example.ORG."), "example.org")
        for text in ("", ".", "a..b", "a\x07b"):
            with self.assertRaises(ValueError):
                Zone.parse(text)
