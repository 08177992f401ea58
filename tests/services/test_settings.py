"""What the sections of services may say, and what `mailtwist check` says of them."""

import re
import socket
from importlib import import_module
from pathlib import Path

from twisted.trial.unittest import TestCase

from mailtwist.app.assemble import Assembled, CannotAssemble
from mailtwist.app.cli.check import problems
from mailtwist.config.load import BadConfig, load_text
from mailtwist.kit.lock import FolderLock
from mailtwist.services.settings import NOBODY_COMES, places
from mailtwist.tls.listener import Policy

PORTS = {"smtp": (25, 465), "submission": (587, 465), "imap": (143, 993), "pop3": (110, 995)}


class Services(TestCase):
    def assembled(self, service: str, target: str = "[target:mailbox]\nstore = memory") -> Assembled:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        head = f"[server]\nstate = {self.folder.absolute()}\n[store:memory]\n[tls:own]\ntype = self_signed"
        return Assembled(load_text(f"{head}\n{target}\n{service}"))

    def section(self, type: str, *lines: str) -> str:
        store = ["store = memory"] if type in ("imap", "pop3") else []
        return "\n".join([f"[service:x]\ntype = {type}", *store, *lines])

    def refused(self, service: str) -> str:
        return str(self.assertRaises((CannotAssemble, BadConfig), lambda: self.assembled(service).build()))

    async def said(self, service: str, *, running: bool = False) -> list[str]:
        assembled = self.assembled(service)
        if running:
            lock = FolderLock(self.folder)
            lock.take()
            self.addCleanup(lock.release)
        self.addCleanup(assembled.threads.stop)
        return [str(one) for one in await problems(assembled.config, assembled)]

    def test_tls_from_the_start_needs_certificates(self) -> None:
        for type in PORTS:
            self.assertIn(
                'needs certificates; write "tls = NAME"',
                self.refused(self.section(type, "tls_mode = implicit")),
            )

    def test_each_has_its_well_known_ports(self) -> None:
        for type, ports in PORTS.items():
            self.assertEqual(import_module(f"mailtwist.services.{type}").PORTS, ports)
            for lines, expected in (((), ports[0]), (("tls = own", "tls_mode = implicit"), ports[1])):
                section = self.assembled(self.section(type, *lines)).config.section("service", "x")
                self.assertEqual(str(places(section.settings, ports)), str(expected))

    def test_one_that_listens_nowhere_has_no_places(self) -> None:
        section = self.assembled(self.section("imap", "listen = none")).config.section("service", "x")
        self.assertEqual(places(section.settings, (143, 993)), ())

    def test_how_hellos_are_answered(self) -> None:
        implicit = "tls = own", "tls_mode = implicit"
        for type, lines, policy in (
            ("imap", implicit, Policy(strict=True)),
            ("imap", ("tls = own",), Policy()),
            ("imap", (*implicit, "alpn = lenient", "session_tickets = no"), Policy(tickets=False)),
            ("submission", ("tls = own", "alpn = strict"), Policy(strict=True)),
            ("smtp", implicit, Policy(tickets=False)),
            ("smtp", ("tls = own", "session_tickets = yes"), Policy()),
            ("pop3", ("sni_missing = reject",), Policy(missing="reject")),
            ("pop3", ("sni_unknown = reject",), Policy(unknown="reject")),
        ):
            section = self.assembled(self.section(type, *lines)).config.section("service", "x")
            self.assertEqual(section.settings.policy, policy, (type, lines))

    def test_other_mail_servers_are_never_refused_for_their_alpn(self) -> None:
        self.assertIn("come without it or with anything", self.refused(self.section("smtp", "alpn = strict")))

    def test_a_foreign_context_factory_is_taken_as_it_is(self) -> None:
        for lines, served in (((), True), (("sni_unknown = reject",), False)):
            for mode in ("starttls", "implicit"):
                section = self.section("imap", "tls = own", "listen = none", f"tls_mode = {mode}", *lines)
                assembled = self.assembled(section)
                assembled._built["tls", "own"] = foreign = object()
                if not served:
                    wrong = self.assertRaises(CannotAssemble, assembled.part, "service", "x")
                    self.assertIn("[tls:own] cannot do that", str(wrong))
                elif mode == "starttls":
                    guest = assembled.part("service", "x").door.buildProtocol(None)
                    self.assertIs(guest.ctx, foreign)

    def test_lmtp_is_never_on_port_25(self) -> None:
        for listen in ("25", "127.0.0.1:24, [::1]:25"):
            words = self.refused(self.section("lmtp", f"listen = {listen}"))
            self.assertIn("listen: LMTP is never spoken on port 25", words)
        self.assembled(self.section("lmtp", "listen = 127.0.0.1:0, unix:/nowhere/lmtp"))

    def test_the_from_field_is_ours_to_look_at_or_it_is_not_promised(self) -> None:
        lines = ("from_header = own", "store = memory")
        words = self.refused(self.section("submission", *lines))
        self.assertIn("from_header: what [store:memory] takes is not looked at", words)

    def test_an_extension_that_is_not_there_cannot_be_left_out(self) -> None:
        for type, near in (("imap", "idle"), ("pop3", "top"), ("smtp", "size"), ("submission", "size")):
            words = self.refused(self.section(type, f"without = {near}x"))
            self.assertEqual(
                words, f'[service:x]: without: no extension "{near}x" is installed; did you mean "{near}"?'
            )

    def test_an_extension_can_be_left_out(self) -> None:
        assembled = self.assembled(self.section("imap", "without = idle"))
        assembled.build()

    def test_what_takes_mail_has_targets_or_a_realm(self) -> None:
        words = self.refused(self.section("smtp", "store = memory"))
        self.assertIn("is not of type realm", words)
        error = self.assertRaises(CannotAssemble, self.assembled(self.section("smtp"), "").build)
        self.assertEqual(str(error), "[service:x]: nobody takes the mail; write a section [target:mailbox]")

    def test_no_limit_is_below_the_rfc(self) -> None:
        for setting in (
            "message = 1 KiB",
            "recipients = 99",
            "command = 512",
            "text_line = 997",
            "hops = 99",
        ):
            self.assertRegex(self.refused(self.section("smtp", setting)), r"too small.*rfc5321#")
        self.assertRegex(self.refused(self.section("imap", "idle_time = 29 min")), r"too small.*rfc3501#5\.4")
        self.assertRegex(self.refused(self.section("pop3", "idle_time = 9 min")), r"too small.*rfc1939#3")

    async def test_check_tries_the_ports(self) -> None:
        for type in PORTS:
            self.assertEqual(await self.said(self.section(type, "listen = 127.0.0.1:0")), [])
            with socket.create_server(("127.0.0.1", 0)) as taken:
                place = f"127.0.0.1:{taken.getsockname()[1]}"
                (words,) = await self.said(self.section(type, f"listen = {place}"))
            self.assertTrue(
                re.search(rf"\[service:x\] listen: cannot listen on {place}: Address already in use$", words),
                words,
            )

    async def test_a_service_that_nobody_can_reach_is_told(self) -> None:
        nowhere = self.section("imap", "listen = none")
        (words,) = await self.said(nowhere)
        self.assertTrue(words.endswith(f"[service:x] listen: {NOBODY_COMES}"), words)
        for leads in ("services = x", "services = y\ndefault = x"):
            other = "[service:y]\ntype = pop3\nstore = memory\nlisten = 127.0.0.1:0"
            one_port = f"[service:z]\ntype = alpn\ntls = own\nlisten = 127.0.0.1:0\n{leads}"
            self.assertEqual(await self.said(f"{nowhere}\n{other}\n{one_port}"), [])

    async def test_the_ports_of_the_server_that_runs_are_not_told(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            listen = f"listen = 127.0.0.1:{taken.getsockname()[1]}"
            self.assertEqual(await self.said(self.section("imap", listen), running=True), [])
            self.assertEqual(
                len(await self.said(self.section("imap", "listen = 192.0.2.1:1"), running=True)), 1
            )
