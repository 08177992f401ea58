"""Servers and zones that want to harm whoever looks at them: bounded time, bounded pages, printable words."""

import json
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import LoopingCall

from mailtwist.app.cli.mx_told import as_json, told
from mailtwist.gateway.probe.mx import LOOKED_AT
from mailtwist.gateway.probe.mx_found import MxReport
from mailtwist.gateway.probe.mx_quirks import problems
from tests.gateway.probe.mx_rig import DOMAIN, HOST, MxCase

reactor: Any = the_reactor


class Octets(Protocol):
    """Says what the test wants, once or for ever, and the same again to whatever it hears."""

    octets = b""
    forever = False

    def connectionMade(self) -> None:
        self.transport.write(self.octets)
        self.again = LoopingCall(self.transport.write, self.octets)
        if self.forever:
            self.again.start(0.01)

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.octets)

    def connectionLost(self, reason: Any = None) -> None:
        if self.again.running:
            self.again.stop()


class HostileTests(MxCase):
    def saying(self, words: bytes, *, always: bool = False) -> None:
        class Saying(Octets):
            octets, forever = words, always

        factory = Factory.forProtocol(Saying)
        factory.noisy = False
        listening = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        self.port = listening.getHost().port

    def assertFit(self, report: MxReport) -> str:
        """For a terminal, and no longer than anybody reads."""
        page = told(report)
        for line in page.splitlines():
            self.assertTrue(line.isprintable(), line)
            self.assertLess(len(line), 3000)
        self.assertLess(len(json.dumps(as_json(report), default=str)), 1_000_000)
        return page

    async def test_who_says_too_much_or_the_wrong_thing(self) -> None:
        for words in (
            b"220-" + b"x" * 100_000,
            b"220-x\r\n" * 100_000,
            b"\x16\x03\x01\x00\x05" * 100,
            b"\xff\xfe\x00\x1b[2J\r\n",
            b"220 \x1b]0;owned\x07\r\n250-STARTTLS\r\n250 \x9b31m\r\n220 go\r\n",
            b"",
        ):
            self.saying(words)
            report = await self.report(seconds=0.5)
            self.assertTrue(problems(report), words[:20])
            self.assertFit(report)

    async def test_who_never_ends(self) -> None:
        for words in (b"220-x\r\n", b"2", b"\x00" * 10_000):
            self.saying(words, always=True)
            report = await self.report(seconds=0.5)
            self.assertEqual(len(problems(report)), 1)
            self.assertFit(report)

    async def test_a_certificate_with_a_thousand_names(self) -> None:
        self.server(*(f"n{at}.example" for at in range(1000)), "\x1b[31m.example")
        page = self.assertFit(await self.report())
        self.assertIn("and 991 more, not", page)

    async def test_a_domain_with_hundreds_of_servers(self) -> None:
        self.tell(DOMAIN, "MX", *(f"{at} h{at}.{DOMAIN}." for at in range(60)))
        for at in range(60):
            self.tell(f"h{at}.{DOMAIN}", "A", *(f"127.9.{at}.{last}" for last in range(1, 5)))
        report = await self.report()
        self.assertEqual((len(report.hosts), len(list(report.addresses()))), (30, LOOKED_AT))
        self.assertIn("4 more addresses, which were not looked at", self.assertFit(report))

    async def test_records_without_end(self) -> None:
        self.server(HOST)
        self.signed()
        lines = [f"3 1 1 {at:064x}" for at in range(300)]
        self.tell(f"_{self.port}._tcp.{HOST}", "TLSA", *lines, "3 0 0 " + "ab" * 20_000)
        self.tell(
            f"_smtp._tls.{DOMAIN}", "TXT", '"v=TLSRPTv1; rua=' + ",".join(["mailto:a@b.example"] * 12) + '"'
        )
        self.policy("version: STSv1\nmode: enforce\n" + f"mx: {HOST}\n" * 100 + "max_age: 1\n")
        self.assertFit(await self.report())

    async def test_a_policy_of_rubbish(self) -> None:
        self.server(HOST)
        for text in ("\x1b[2J\n", "version: STSv1\nmode: \x1b[31m\nmax_age: 1\n", "mx: " + "a" * 60_000):
            self.policy(text)
            report = await self.report()
            self.assertTrue(problems(report))
            self.assertFit(report)
