"""Sessions with a real Postfix and with OpenSSL's own server, whose TLS is right, wrong, old or absent."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.delivery.remote import session as module
from mailtwist.delivery.remote.session import Ours, There, opened
from mailtwist.gateway.probe.sni import SniPlan, looked_at
from mailtwist.gateway.probe.sni_quirks import notes, problems
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import NULL, Address
from mailtwist.protocols.smtp.sending import Outgoing, sent
from mailtwist.tls.outbound import Outbound
from mailtwist.tls.policy import NotGoodEnough, NoTls, Opportunistic, Policy, Record, Verify
from tests.backends.certificates import Certificate, certificate
from tests.backends.postfix import Postfix
from tests.backends.processes import eventually
from tests.backends.server import answers
from tests.peers.programs import free_ports, needs, program
from tests.tls.made import Authority

HOST = "mx.inside.test"
MAIL = Outgoing(NULL, Address("ann", "outside.test"), b"Subject: x\r\n\r\n.hello\r\n.\r\n..\r\n")
OLD = "smtpd_tls_protocols=<=TLSv1 -o tls_medium_cipherlist=ALL:@SECLEVEL=0"


class Peer(Postfix):
    """Each door has TLS of its own kind; mail goes nowhere from here."""

    listeners = {
        "right": "",
        "none": "smtpd_tls_security_level=none",
        "broken": "smtpd_tls_cert_file=/nowhere -o smtpd_tls_key_file=/nowhere",
        "old": OLD,
        "asking": "smtpd_tls_ask_ccert=yes -o smtpd_tls_loglevel=2",
    }


MAIN = """\
mydestination =
mynetworks = 127.0.0.0/8
default_transport = discard
"""


@needs("postfix")
class PostfixTests(TestCase):
    timeout = 300

    def setUp(self) -> None:
        self.patch(module, "GOODBYE", 2.0)

    async def started(self, *names: str) -> Peer:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        postfix = Peer(MAIN, "postfix-outbound", certificate=certificate(folder, "server", *names))
        self.addCleanup(lambda: deferToThread(postfix.stop))
        await deferToThread(postfix.start)
        self.ours = Ours("mail.example.org", Outbound(postfix.root), SystemClock(), 10.0, 30.0)
        return postfix

    async def tried(self, postfix: Peer, door: str, policy: Policy) -> Record | Trouble:
        there = There(HOST, "127.0.0.1", postfix.ports[door])
        try:
            session = await opened(there, [policy], self.ours)
        except Trouble as trouble:
            return trouble
        await sent(session.call, session.offers, MAIL)
        await session.quit()
        return session.record

    async def goes(self, postfix: Peer, door: str, policy: Policy) -> Record:
        record = await self.tried(postfix, door, policy)
        assert isinstance(record, Record), f"{door}: {record!s}\n{postfix.log}"
        return record

    async def stays(self, postfix: Peer, door: str, policy: Policy) -> str:
        refused = await self.tried(postfix, door, policy)
        assert isinstance(refused, NotGoodEnough), f"{door}: {refused!s}"
        return refused.record.words

    async def test_whoever_it_is_and_whatever_it_can(self) -> None:
        postfix = await self.started(HOST)
        for policy in (NoTls(), Opportunistic(), Verify()):
            record = await self.goes(postfix, "right", policy)
            self.assertEqual((record.seen.shown is not None, record.words), (policy.tls, ""))
        for door, words in (
            ("none", "the server does not offer STARTTLS"),
            ("broken", "the server refuses STARTTLS: 454 4.7.0 TLS not available due to local problem"),
            ("old", "the server speaks no TLS 1.2 or later (tlsv1 alert protocol version)"),
        ):
            record = await self.goes(postfix, door, Opportunistic())
            self.assertEqual((record.seen.shown, record.words), (None, words), door)
            self.assertEqual(await self.stays(postfix, door, Verify()), words)
        self.assertEqual(len(postfix.lines(r"smtpd\[.*client=")), 6, "nothing came but what went")

    async def test_a_certificate_of_somebody_else(self) -> None:
        postfix = await self.started("*.163.com", "163.com")
        words = f"certificate is valid for *.163.com, 163.com, not {HOST}"
        self.assertEqual(await self.stays(postfix, "right", Verify()), words)
        self.assertEqual((await self.goes(postfix, "right", Opportunistic())).words, words)
        self.assertEqual((await self.goes(postfix, "right", Verify(("163.com",)))).words, "")

    async def test_a_server_that_asks_for_a_certificate_gets_none(self) -> None:
        postfix = await self.started(HOST)
        self.assertTrue((await self.goes(postfix, "asking", Verify())).verified)
        connection = postfix.line("TLS connection established from")
        self.assertIn("Anonymous TLS connection", connection)


@needs("openssl")
class OpensslTests(TestCase):
    """`openssl s_server` has TLS from the first octet and says nothing; the handshake is what counts."""

    timeout = 120

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)

    @contextmanager
    def serving(self, made: Certificate, *more: str) -> Iterator[int]:
        (port,) = free_ports(1)
        words = ["s_server", "-accept", f"127.0.0.1:{port}", "-cert_chain", made.chain, "-cert", made.chain]
        command = [program("openssl"), *map(str, words), "-key", str(made.key), "-quiet", *more]
        quiet: Any = subprocess.DEVNULL
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet)
        try:
            self.assertTrue(eventually(lambda: answers(port)), command)
            yield port
        finally:
            server.kill()
            server.communicate()

    def plan(self, port: int, made: Certificate) -> SniPlan:
        return SniPlan(HOST, ["127.0.0.1"], port, SystemClock(), made.root, seconds=10.0)

    async def test_another_certificate_by_name(self) -> None:
        made = certificate(self.folder, "one", "other.example")
        two = certificate(self.folder, "two", HOST)
        by_name = ("-servername", HOST, "-cert2", str(two.chain), "-key2", str(two.key))
        with self.serving(made, *by_name) as port:
            report = await looked_at(self.plan(port, made))
        nameless = "another certificate to who does not say whom he wants (no SNI)"
        self.assertEqual(
            problems(report)[0], f"{nameless}: certificate is valid for other.example, not {HOST}"
        )
        wrong = "another certificate to who asks for a name that is not there: for other.example"
        self.assertIn(wrong, notes(report))

    async def test_what_is_chosen_of_alpn(self) -> None:
        made = certificate(self.folder, "one", HOST)
        with self.serving(made, "-alpn", "smtp") as port:
            report = await looked_at(self.plan(port, made))
        self.assertIn('chooses "smtp" when that is offered (ALPN)', notes(report))

    async def test_a_wrong_name_that_is_fatal(self) -> None:
        made = certificate(self.folder, "one", HOST)
        by_name = (
            "-servername",
            HOST,
            "-cert2",
            str(made.chain),
            "-key2",
            str(made.key),
            "-servername_fatal",
        )
        with self.serving(made, *by_name) as port:
            report = await looked_at(self.plan(port, made))
        self.assertEqual(problems(report), [])
        self.assertIn(
            "refuses a name that is not there: the server knows no wrong-name.invalid", notes(report)[0]
        )

    async def test_an_old_server(self) -> None:
        made = certificate(self.folder, "one", HOST)
        with self.serving(made, "-tls1", "-cipher", "ALL:@SECLEVEL=0") as port:
            ours = Ours("mail.example.org", Outbound(made.root), SystemClock(), 10.0, 10.0)
            there = There(HOST, "127.0.0.1", port, implicit=True)
            for policy in (Opportunistic(), Verify()):
                with self.assertRaises(NotGoodEnough) as caught:
                    await opened(there, [policy], ours)
                self.assertIn("the server speaks no TLS 1.2 or later", caught.exception.record.words)

    async def test_another_authority(self) -> None:
        made = certificate(self.folder, "one", HOST, by=Authority("Somebody else"))
        with self.serving(made) as port:
            other = certificate(self.folder, "two", HOST)
            report = await looked_at(self.plan(port, other))
        (found,) = problems(report)
        self.assertTrue(found.startswith('issuer "Somebody else" of the certificate is unknown'), found)
