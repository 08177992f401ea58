"""Servers that say anything: what is found out is printable and bounded, and nothing of it is a config."""

from mailtwist.app.cli.probed import as_json, told
from mailtwist.gateway.probe.choice import chosen
from mailtwist.gateway.probe.found import Port, Report
from mailtwist.gateway.probe.ini import Wishes, gateway_ini
from mailtwist.gateway.probe.quirks import quirks
from tests.gateway.probe.looking import HostileCase

ESCAPES = b"\x1b]0;owned\x07\x1b[2J\xff\x00\r[service:evil]"


def everything(port: Port) -> str:
    report = Report("localhost", ("127.0.0.1",), [port])
    choice = chosen(report)
    texts = [told(report, choice), *quirks(report), str(as_json(report, choice))]
    return "\n".join(texts)


class Hostile(HostileCase):
    def harmless(self, port: Port) -> None:
        text = everything(port)
        self.assertTrue(all(char.isprintable() for char in text.replace("\n", "")), repr(text))
        self.assertLess(len(text), 100_000)

    async def test_silence(self) -> None:
        port = await self.seen("imap", b"")
        self.assertEqual((port.reached, port.served), (True, False))
        self.assertIn("no answer in time", port.why)
        self.harmless(port)

    async def test_a_word_now_and_then(self) -> None:
        """Each octet is soon enough, and all together are not."""
        port = await self.seen("pop3", b"+", drip=0.1)
        self.assertFalse(port.served)
        self.harmless(port)

    async def test_a_greeting_without_an_end(self) -> None:
        for kind in ("imap", "pop3", "submission", "sieve", "lmtp"):
            port = await self.seen(kind, b"x" * 200_000)
            self.assertFalse(port.served)
            self.harmless(port)

    async def test_lines_without_an_end(self) -> None:
        for kind, line in (
            ("submission", b"220-again\r\n"),
            ("sieve", b'"SASL" "PLAIN"\r\n'),
            ("imap", b"* 1 EXISTS\r\n"),
        ):
            port = await self.seen(kind, line * 5_000)
            self.assertFalse(port.served, kind)
            self.harmless(port)

    async def test_octets_for_a_terminal(self) -> None:
        for kind, first in (
            ("imap", b"* OK " + ESCAPES + b"\r\n"),
            ("pop3", b"+OK " + ESCAPES + b"\r\n"),
            ("smtp", b"220 " + ESCAPES + b"\r\n"),
            ("sieve", b'"SASL" "' + ESCAPES + b'"\r\nOK\r\n'),
        ):
            port = await self.seen(kind, first, b"-ERR 250 " + ESCAPES + b"\r\n")
            self.assertNotEqual(port.greeting, "")
            self.harmless(port)

    async def test_somebody_who_is_logged_in_already(self) -> None:
        port = await self.seen("imap", b"* PREAUTH welcome\r\n")
        report = Report("localhost", ("127.0.0.1",), [port])
        self.assertFalse(chosen(report).possible)
        self.assertIn("PREAUTH", quirks(report)[0])

    async def test_tls_that_is_offered_and_does_not_come(self) -> None:
        offer = b"250-x\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"
        port = await self.seen("submission", b"220 x\r\n", offer, b"454 later\r\n")
        report = Report("localhost", ("127.0.0.1",), [port])
        self.assertTrue(port.served)
        self.assertFalse(chosen(report).possible)
        self.assertIn("does not come about", chosen(report).left[0])

    async def test_octets_in_clear_behind_starttls(self) -> None:
        offer = b"250-x\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"
        port = await self.seen("submission", b"220 x\r\n", offer, b"220 go\r\n250 x\r\n")
        self.assertFalse(port.usable)
        self.assertIn("octets in clear", port.why)

    async def test_nothing_that_was_said_is_in_the_config(self) -> None:
        evil = b"\r\n[service:evil]\r\ntype = imap_gateway\r\n"
        offer = b"* CAPABILITY IMAP4rev1 [service:evil]\x0btype=imap AUTH=PLAIN ID\r\nC OK " + evil
        port = await self.seen("imap", b"* OK evil" + ESCAPES + b"\r\n", offer)
        choice = chosen(Report("localhost", ("127.0.0.1",), [port]))
        self.assertTrue(choice.possible)
        text = gateway_ini(choice, Wishes("localhost", "gw.example.test"))
        self.assertNotIn("evil", text)
        self.harmless(port)
