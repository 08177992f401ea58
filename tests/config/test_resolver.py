"""Whom this server asks about names."""

from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.config.dns import the_dns
from mailtwist.config.load import BadConfig, load_text
from mailtwist.config.resolver import DnsServer, DnsServers, ResolverSettings
from mailtwist.kit.dns_records import Server
from mailtwist.testing.assembly import OnePart


class Resolvers(TestCase):
    def test_an_address_has_a_port_or_not(self) -> None:
        for text, address, port in [
            ("127.0.0.1", "127.0.0.1", 0),
            ("127.0.0.1:5353", "127.0.0.1", 5353),
            ("::1", "::1", 0),
            ("[::1]:5353", "::1", 5353),
            ("2001:DB8:0::1", "2001:db8::1", 0),
        ]:
            server = DnsServer.parse(text)
            self.assertEqual((server.address, server.port), (address, port))
            self.assertEqual(DnsServer.parse(str(server)), server)

    def test_what_is_no_address_is_told_with_its_line(self) -> None:
        for text in ("ns.example.org", "127.0.0.1:0", "127.0.0.1:65536", "::1:5353x", "127.0.0.1:", "[::1]"):
            with self.assertRaises(BadConfig) as caught:
                load_text(f"[resolver]\nservers = {text}\n")
            self.assertIn("mailtwist.ini:2: [resolver] servers: ", str(caught.exception))
            self.assertIn("is not the address of a DNS server", str(caught.exception))
        with self.assertRaises(BadConfig):
            load_text("[resolver]\nservers = 127.0.0.1, 127.0.0.1\n")

    def test_all_who_ask_ask_the_same(self) -> None:
        settings = ResolverSettings(
            servers=DnsServers.parse("127.0.0.1, [::1]:99"), port=53530, trust_ad=True
        )
        assembly = OnePart(Path("."), once=(settings,))
        dns = assembly.one(the_dns)
        self.assertIs(assembly.one(the_dns), dns)
        self.assertEqual(dns._servers, [Server("127.0.0.1", 53530), Server("::1", 99)])
        self.assertTrue(dns._trust_ad)

    def test_the_section_may_be_left_out(self) -> None:
        self.assertEqual(load_text("").once["resolver"], ResolverSettings())
