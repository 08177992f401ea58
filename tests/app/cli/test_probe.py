"""`mailtwist probe`: what is typed, what is answered, what is written."""

import contextlib
import io
import json
from argparse import ArgumentParser
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.protocol import Factory
from twisted.trial.unittest import TestCase

from mailtwist.app.assemble import Assembled
from mailtwist.app.cli import check
from mailtwist.app.cli.probe import backend, command, status_of
from mailtwist.config.load import load
from tests.gateway.probe.looking import Saying

OFFER = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN ID\r\nC OK done\r\n"
BYE = b"* BYE\r\nZ OK\r\n"


class ProbeCase(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        factory = Factory.forProtocol(lambda: Saying(b"* OK hello\r\n", [OFFER, BYE]))
        factory.noisy = False
        listening = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        nobody = ("--pop3", "--submission", "--smtp", "--sieve", "--lmtp")
        imap = ("--imap", str(listening.getHost().port))
        self.argv = ("backend", "127.0.0.1", "--time", "1", *imap, *(w for o in nobody for w in (o, "1")))

    async def said(self, *more: str) -> tuple[int, str, str]:
        parser = ArgumentParser()
        command.arguments(parser)
        chosen = parser.parse_args([*self.argv, "--hostname", "gw.example.test", *more])
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = await status_of(backend, chosen)
        return status, out.getvalue(), err.getvalue()


class ProbeTests(ProbeCase):
    async def test_a_table_and_sentences(self) -> None:
        status, out, err = await self.said()
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"(?m)^\d+ +IMAP +none +- +LOGIN, SASL PLAIN +-$")
        self.assertRegex(out, r"(?m)^\* IMAP \d+: IMAP4rev1, AUTH=PLAIN, ID$")
        self.assertIn("no TLS: what is said there goes in clear", out)
        self.assertIn("A gateway can be made of this: imap = ", out)

    async def test_json(self) -> None:
        status, out, _ = await self.said("--json")
        told = json.loads(out)
        self.assertEqual((status, told["gateway"]["possible"]), (0, True))
        self.assertEqual(told["ports"][0]["offered"], ["IMAP4rev1", "AUTH=PLAIN", "ID"])
        self.assertEqual([port["reached"] for port in told["ports"]], [True] + 5 * [False])

    async def test_the_config_loads_and_check_is_content(self) -> None:
        ini = self.folder / "x.ini"
        wanted = ("--state", "state", "--ports", "40000", "--domain", "Example.ORG", "--listen", "127.0.0.1")
        status, out, _ = await self.said("--write", str(ini), *wanted)
        self.assertEqual(status, 0)
        self.assertIn(f"Written: {ini}", out)
        self.assertIn("\ndomains = example.org\n", ini.read_text())
        self.assertIn("\nlisten = 127.0.0.1:40993\n", ini.read_text())
        config = load(ini)
        assembled = Assembled(config)
        self.addCleanup(assembled.threads.stop)
        found = await check.problems(config, assembled)
        self.assertEqual([problem for problem in found if problem.setting != "listen"], [])

    async def test_certificates_that_come_by_themselves(self) -> None:
        ini = self.folder / "x.ini"
        wanted = (
            "--state",
            "state",
            "--ports",
            "40000",
            "--listen",
            "127.0.0.1",
            "--acme",
            "ann@example.org",
        )
        status, _, err = await self.said("--write", str(ini), *wanted, "--hostname", "mail")
        self.assertEqual((status, ini.exists()), (1, False))
        self.assertIn("--hostname", err)
        await self.said("--write", str(ini), *wanted, "--hostname", "mail.example.org")
        self.assertIn("\ntype = acme\nemail = ann@example.org\nagree_to_terms = yes\n", ini.read_text())
        self.assertIn("\nhttp_listen = 127.0.0.1:40080\n", ini.read_text())
        assembled = Assembled(config := load(ini))
        self.addCleanup(assembled.threads.stop)
        found = await check.problems(config, assembled)
        self.assertEqual([problem for problem in found if problem.setting != "listen"], [])

    async def test_an_address_that_is_none(self) -> None:
        status, _, err = await self.said("--acme", "ann", "--hostname", "mail.example.org")
        self.assertEqual(status, 1)
        self.assertIn('"ann" is not a mail address', err)

    async def test_the_config_alone(self) -> None:
        written = self.folder / "x.ini"
        await self.said("--write", str(written))
        status, out, _ = await self.said("--config-only")
        self.assertEqual((status, out), (0, written.read_text()))

    async def test_a_file_that_is_there_stays(self) -> None:
        ini = self.folder / "x.ini"
        ini.write_text("mine")
        status, _, err = await self.said("--write", str(ini))
        self.assertEqual((status, ini.read_text()), (1, "mine"))
        self.assertIn("--force", err)
        await self.said("--write", str(ini), "--force")
        self.assertIn("[upstream:backend]", ini.read_text())

    async def test_nothing_there_is_a_failure(self) -> None:
        self.argv = tuple("1" if word.isdigit() and word != "1" else word for word in self.argv)
        status, out, _ = await self.said()
        self.assertEqual(status, 1)
        self.assertIn("No gateway can be made of this", out)
        ini = self.folder / "x.ini"
        self.assertEqual((await self.said("--write", str(ini)))[0], 1)
        self.assertFalse(ini.exists())
        self.assertEqual((await self.said("--config-only"))[1], "")

    async def test_what_cannot_be_meant_is_told(self) -> None:
        for words, told in (
            (("--ports", "many"), "--ports"),
            (("--imap", "70000"), "no port 70000"),
            (("--pin", "abc"), "no SHA-256"),
            (("--hostname", "a b"), "host name"),
            (("--hostname", "x\n[service:y]"), "host name"),
            (("--domain", "a b"), "domain"),
            (("--listen", "here"), "here"),
            (("--roots", "/nowhere.pem"), "--roots: "),
            (("--state", "x\n[service:y]"), "cannot stand in a config"),
        ):
            status, out, err = await self.said(*words)
            self.assertEqual((status, out), (1, ""), words)
            self.assertIn(told, err)
        for host in ("*.example.org", "a b", "x\n[service:y]", "", "%(x)s"):
            self.argv = ("backend", host, *self.argv[2:])
            self.assertEqual((await self.said())[0], 1, host)
