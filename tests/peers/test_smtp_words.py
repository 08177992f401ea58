"""Real programs speak what SMTP has beyond its base: LMTP, UTF-8 addresses, reports; and chunks of ours."""

import smtplib
import socket
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.kit.clock import SystemClock
from mailtwist.mail.address import Address
from mailtwist.protocols.smtp.extension import Dialect, Protocol
from mailtwist.protocols.smtp.limits import Limits
from mailtwist.protocols.smtp.server import ESMTPServer
from tests.loopback import listening
from tests.peers.programs import needs, run
from tests.protocols.smtp.scene import Scene

MESSAGE = b"Subject: words\r\n\r\n.a dot\r\nthe end\r\n"


class Served(TestCase):
    """`talk` gives a port to a client in a thread."""

    timeout = 120

    def served(self, protocol: Protocol = "smtp", limits: Limits | None = None) -> int:
        self.scene = Scene()

        def made() -> ESMTPServer:
            server: Any = ESMTPServer()
            server.clock, server.host = SystemClock(), "mx.example.org"
            server.portal, server.limits = self.scene.portal(), limits or Limits()
            server.dialect = Dialect.installed(protocol=protocol)
            return server

        return listening(self, made)

    async def talk(self, work: Any, *args: Any, **how: Any) -> Any:
        return await deferToThread(work, self.served(**how), *args)

    def mail(self) -> Any:
        (mail,) = self.scene.mails
        return mail


class SmtplibTests(Served):
    async def test_lmtp_with_an_answer_for_each(self) -> None:
        def work(port: int) -> Any:
            with smtplib.LMTP("127.0.0.1", port) as client:
                client.ehlo_or_helo_if_needed()
                client.mail("a@b.example")
                for to in ("pat@foo.edu", "nobody@foo.edu", "green@foo.edu"):
                    client.rcpt(to)
                client.putcmd("data")
                client.getreply()
                client.send(MESSAGE.replace(b"\r\n.", b"\r\n..") + b".\r\n")
                return [client.getreply()[0] for _ in range(2)]

        self.assertEqual(await self.talk(work, protocol="lmtp"), [250, 452])
        self.assertEqual((self.mail().message, self.mail().protocol), (MESSAGE, "LMTP"))

    async def test_utf8_in_addresses_and_header(self) -> None:
        message = EmailMessage(policy=SMTPUTF8)
        message["From"], message["To"] = "müller@bücher.example", "用户@example.org"
        message["Subject"] = "grüße"
        message.set_content("hällo\n", cte="8bit")

        def work(port: int) -> None:
            with smtplib.SMTP("127.0.0.1", port) as client:
                client.send_message(message)

        await self.talk(work)
        envelope = self.mail().envelope
        self.assertEqual((envelope.utf8, envelope.body), (True, "8BITMIME"))
        self.assertEqual(envelope.sender, Address("müller", "xn--bcher-kva.example"))
        self.assertEqual(envelope.recipients[0].address, Address("用户", "example.org"))
        self.assertIn("Subject: grüße\r\n".encode(), self.mail().message)
        self.assertEqual(self.mail().protocol, "UTF8SMTP")

    async def test_what_a_report_is_to_say(self) -> None:
        def work(port: int) -> Any:
            with smtplib.SMTP("127.0.0.1", port) as client:
                options = (["RET=HDRS", "ENVID=QQ314159"], ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;c+2Bd@e"])
                return client.sendmail("a@b.example", ["c@d.example"], MESSAGE, *options)

        self.assertEqual(await self.talk(work), {})
        envelope = self.mail().envelope
        self.assertEqual((envelope.ret, envelope.envid), ("HDRS", "QQ314159"))
        self.assertEqual(envelope.recipients[0].orcpt.address, "c+d@e")

    async def test_too_big_is_known_before(self) -> None:
        def work(port: int) -> Any:
            with smtplib.SMTP("127.0.0.1", port) as client:
                try:
                    client.sendmail("a@b.example", ["c@d.example"], MESSAGE + b"x" * 2000)
                except smtplib.SMTPSenderRefused as error:
                    return error.smtp_code

        self.assertEqual(await self.talk(work, limits=Limits(message=1000)), 552)

    async def test_vrfy_help_noop_expn(self) -> None:
        def work(port: int) -> Any:
            with smtplib.SMTP("127.0.0.1", port) as client:
                client.ehlo()
                help = client.help()
                return [client.vrfy("ann")[0], client.expn("all")[0], client.noop()[0], b"BDAT" in help]

        self.assertEqual(await self.talk(work), [252, 502, 250, True])


class ChunkTests(Served):
    """No program at hand sends chunks to a stranger, so this one is ours."""

    async def test_a_megabyte_of_any_octets(self) -> None:
        octets = bytes(range(256)) * 4096

        def work(port: int) -> bytes:
            with socket.create_connection(("127.0.0.1", port)) as client:
                said = client.makefile("rb")
                client.sendall(b"EHLO me\r\nMAIL FROM:<a@b> BODY=BINARYMIME\r\nRCPT TO:<c@d>\r\n")
                for at in range(0, len(octets), 100_000):
                    piece = octets[at : at + 100_000]
                    client.sendall(b"BDAT %d\r\n%b" % (len(piece), piece))
                client.sendall(b"BDAT 0 LAST\r\nQUIT\r\n")
                return said.read()

        heard = await self.talk(work)
        self.assertTrue(heard.endswith(b"250 2.0.0 Taken as m1\r\n221 2.0.0 Goodbye\r\n"), heard[-200:])
        self.assertEqual(self.mail().message, octets)


@needs("swaks")
class SwaksTests(Served):
    def swaks(self, port: int, *extra: str) -> str:
        body = Path(self.mktemp())
        body.write_bytes(MESSAGE)
        done = run(
            "swaks", "--server", "127.0.0.1", "--port", str(port), "--helo", "me.example",
            "--from", "a@b.example", "--data", f"@{body}", *extra, ok=range(256),
        )  # fmt: skip
        return done.stdout.decode("utf-8", "replace")

    async def test_lmtp(self) -> None:
        said = await self.talk(self.swaks, "--protocol", "LMTP", "--to", "one@x.example", protocol="lmtp")
        self.assertIn("LHLO me.example", said)
        self.assertIn("250 2.0.0 Taken as m1", said)
        self.assertIn(b".a dot\r\nthe end\r\n", self.mail().message)

    async def test_a_pipeline(self) -> None:
        said = await self.talk(self.swaks, "--pipeline", "--to", "one@x.example,two@x.example")
        self.assertIn("250 2.0.0 Taken as m1", said)
        self.assertEqual(len(self.mail().envelope.recipients), 2)

    async def test_who_must_wait_and_who_may_not_come_late(self) -> None:
        said = await self.talk(self.swaks, "--to", "one@x.example", limits=Limits(greet_delay=0.3))
        self.assertIn("250 2.0.0 Taken as m1", said)


@needs("curl")
class CurlTests(Served):
    def curl(self, port: int, sender: str, to: str, *extra: str) -> str:
        done = run(
            "curl", "--silent", "--show-error", "--verbose", "--mail-from", sender, "--mail-rcpt", to,
            "--upload-file", "-", *extra, f"smtp://127.0.0.1:{port}/me.example",
            stdin=MESSAGE, ok=range(256), env={"LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        return done.stderr.decode("utf-8", "replace")

    async def test_utf8_in_addresses(self) -> None:
        said = await self.talk(self.curl, "<müller@bücher.example>", "<jörg@example.org>")
        self.assertIn("SMTPUTF8", said)
        envelope = self.mail().envelope
        self.assertEqual(envelope.sender, Address("müller", "xn--bcher-kva.example"))
        self.assertEqual(
            (envelope.recipients[0].address, envelope.utf8), (Address("jörg", "example.org"), True)
        )

    async def test_who_exists(self) -> None:
        def work(port: int) -> str:
            done = run(
                "curl", "--silent", "--mail-rcpt", "ann", f"smtp://127.0.0.1:{port}/me.example",
                ok=range(256),
            )  # fmt: skip
            return done.stdout.decode()

        self.assertIn("252 2.0.0 Cannot say", await self.talk(work))
