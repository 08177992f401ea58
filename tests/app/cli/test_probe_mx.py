"""`mailtwist probe mx` and `probe sni`: what is typed, what is read."""

import contextlib
import io
import json
import re
from argparse import ArgumentParser
from typing import Any

from twisted.internet import reactor as the_reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory

from mailtwist.app.cli.probe import command, status_of
from tests.gateway.probe.mx_rig import DOMAIN, HOST, MxCase, by_name
from tests.tls.outbound import Serving

reactor: Any = the_reactor


class Typed(MxCase):
    async def typed(self, *words: str) -> tuple[int, str, str]:
        parser = ArgumentParser()
        command.arguments(parser)
        chosen = parser.parse_args([*words, "--roots", str(self.roots), "--time", "3"])
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = await status_of(chosen.work, chosen)
        return status, out.getvalue(), err.getvalue()


class MxTests(Typed):
    async def mx(self, *more: str, domain: str = DOMAIN) -> tuple[int, str, str]:
        words = ("--port", str(self.port or 1), "--dns", f"127.0.0.1:{self.dns_port}")
        said = await self.typed("mx", domain, *words, *more)
        self.no_mail()
        return said

    async def test_a_page_for_people(self) -> None:
        self.server("*.163.com", "163.com")
        status, out, err = await self.mx()
        self.assertEqual((status, err), (1, ""))
        flaw = f"certificate is valid for *.163.com, 163.com, not {HOST}"
        self.assertRegex(
            out,
            "\\A" + "\n".join((
                r"netease\.example",
                "",
                r"MX 10 mx02\.netease\.example, port \d+",
                r"  127\.0\.0\.1",
                r"    TLS           TLSv1\.3 TLS_AES_256_GCM_SHA384",
                r"    certificate   \*\.163\.com, 163\.com",
                r"    issuer        CN=Test root",
                r"    valid         \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d",
                r"    key           sha256//[A-Za-z0-9+/]{43}=",
                r"    without SNI   the same certificate",
                r"    none          delivers, in clear",
                r"    opportunistic delivers, encrypted; certificate is valid for .*",
                r"    verify        refuses: certificate is valid for .*",
                "",
                "Published:",
                r"\* DANE: no TLSA record",
                r"\* MTA-STS: no record",
                r"\* TLSRPT: no record",
                "",
                "Problems:",
                r"\* mx02\.netease\.example \(127\.0\.0\.1\): " + re.escape(flaw),
            )) + "\n\\Z",
        )  # fmt: skip

    async def test_nothing_wrong_is_said_and_is_success(self) -> None:
        self.server(HOST)
        status, out, _ = await self.mx()
        self.assertEqual(status, 0)
        self.assertTrue(out.endswith("\nNo problem was found.\n"))

    async def test_for_programs(self) -> None:
        self.server("163.com")
        self.signed()
        self.tell(f"_{self.port}._tcp.{HOST}", "TLSA", "3 1 1 " + "00" * 32)
        status, out, _ = await self.mx("--json")
        told = json.loads(out)
        self.assertEqual(status, 1)
        self.assertEqual((told["domain"], told["mx_published"], told["mx_secure"]), (DOMAIN, True, True))
        (host,) = told["hosts"]
        self.assertEqual((host["host"], host["preference"], host["tlsa_secure"]), (HOST, 10, True))
        (address,) = host["addresses"]
        self.assertEqual(
            (address["reached"], address["starttls"], address["protocol"]), (True, True, "TLSv1.3")
        )
        (finding,) = address["certificate"]["findings"]
        self.assertEqual(finding["code"], "certificate-host-mismatch")
        delivers = {source: one["delivers"] for source, one in address["policies"].items()}
        self.assertEqual(delivers, {"none": True, "opportunistic": True, "verify": False, "DANE": False})
        self.assertTrue(address["without_sni"]["reached"])
        self.assertEqual(len(told["problems"]), 2)

    async def test_no_octet_of_a_stranger_reaches_the_terminal(self) -> None:
        self.server("\x1b[2J.example", HOST)
        self.peers["127.0.0.1"].replies["EHLO"] = b"250-\x1b]0;x\x07\r\n250-STARTTLS\r\n250 \xff\x1b[31m"
        self.tell(f"_mta-sts.{DOMAIN}", "TXT", '"v=STSv1; id=\\027[31m"')
        for more in ((), ("--json",)):
            _, out, _ = await self.mx(*more)
            for line in out.splitlines():
                self.assertTrue(line.isprintable(), line)

    async def test_what_cannot_be_meant_is_told(self) -> None:
        for domain, more, words in (
            ("*.example.org", (), "many hosts"),
            ("a b", (), "not a host name"),
            (DOMAIN, ("--port", "70000"), "no port 70000"),
            (DOMAIN, ("--dns", "here"), '"here" is not the address of a DNS server'),
            (DOMAIN, ("--roots", "/nowhere.pem"), "--roots: "),
        ):
            parser = ArgumentParser()
            command.arguments(parser)
            chosen = parser.parse_args(["mx", domain, *more])
            err = io.StringIO()
            with contextlib.redirect_stderr(err):
                self.assertEqual(await status_of(chosen.work, chosen), 1)
            self.assertIn(words, err.getvalue())

    async def test_a_mail_address_is_its_domain(self) -> None:
        self.server(HOST)
        self.assertEqual((await self.mx(domain=f"postmaster@{DOMAIN.upper()}."))[0], 0)


class SniTests(Typed):
    def listening(self, serving: Serving) -> str:
        factory: Any = TLSMemoryBIOFactory(serving, False, Factory.forProtocol(Protocol))
        factory.noisy = False
        listening = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(listening.stopListening)
        return f"127.0.0.1:{listening.getHost().port}"

    async def test_a_page_for_people(self) -> None:
        bundle, other = self.authority.bundle("127.0.0.1"), self.authority.bundle("other.example")
        serving = Serving(bundle.leaf, bundle.key)
        by_name(serving.context, {b"wrong-name.invalid": Serving(other.leaf, other.key).context})
        where = self.listening(serving)
        status, out, err = await self.typed("sni", where)
        self.assertEqual((status, err), (0, ""))
        self.assertTrue(out.startswith(f"{where}\n\nSNI "))
        self.assertRegex(out, r"(?m)^no name     TLSv1\.2 +TLSv1\.2 \S+ +127\.0\.0\.1$")
        self.assertRegex(out, r"(?m)^wrong name  TLSv1\.3 +TLSv1\.3 \S+ +other\.example \(NOT RIGHT\)$")
        self.assertIn(
            "* another certificate to who asks for a name that is not there: for other.example", out
        )
        self.assertIn("* an address is no name to ask for", out)
        self.assertTrue(out.endswith("\nNo problem was found.\n"))

    async def test_for_programs(self) -> None:
        bundle = self.authority.bundle("163.com")
        status, out, _ = await self.typed("sni", self.listening(Serving(bundle.leaf, bundle.key)), "--json")
        told = json.loads(out)
        self.assertEqual(status, 1)
        self.assertEqual(told["problems"], ["certificate is valid for 163.com, not 127.0.0.1"])
        ways = [(one["sni"], one["version"]) for one in told["tries"] if one["version"]]
        self.assertEqual(ways, [(who, f"TLSv1.{n}") for who in ("right", "none", "wrong") for n in (2, 3)])

    async def test_what_cannot_be_meant_is_told(self) -> None:
        for where in ("mail.example.org", "mail.example.org:0", "a b:25", "[::1"):
            status, out, err = await self.typed("sni", where)
            self.assertEqual((status, out), (1, ""))
            self.assertIn("is no server to connect to", err)
