"""Mail of any octets, and mail for people beyond ASCII: what goes in by SMTP comes out by IMAP."""

import imaplib
import re
import smtplib
import socket
from base64 import b64encode
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.auth.names import canonical
from mailtwist.testing.inside import Enrolled, ServerInside
from tests.app.clients import unverified
from tests.app.test_mail import INI

TRACE = re.compile(rb"\AReturn-Path: <(.*?)>\r\nDelivered-To: (.*?)\r\nReceived: (?:.*\r\n)(?:[ \t].*\r\n)*")
JUERGEN = "jürgen@bücher.example"


class MailWords(TestCase):
    timeout = 120

    async def setUp(self) -> None:
        self.server = ServerInside(Path(self.mktemp()), INI)
        await self.server.start()
        self.addCleanup(self.server.stop)
        self.phone = await self.server.add(canonical(JUERGEN))

    def read(self, phone: Enrolled) -> bytes:
        with imaplib.IMAP4_SSL("127.0.0.1", self.server.port("imaps"), ssl_context=unverified()) as imap:
            imap.authenticate("PLAIN", lambda _: f"\0{JUERGEN}\0{phone.password}@{phone.code()}".encode())
            imap.select("INBOX")
            return bytes(imap.fetch("1", "(BODY.PEEK[])")[1][0][1])

    async def test_a_binary_message_keeps_every_octet(self) -> None:
        octets = b"Subject: b\r\nContent-Transfer-Encoding: binary\r\n\r\n" + bytes(range(256)) + b"\n\r\r"

        def bring() -> bytes:
            with socket.create_connection(("127.0.0.1", self.server.port("mx"))) as client:
                said = client.makefile("rb")
                client.sendall(b"EHLO me\r\nMAIL FROM:<> BODY=BINARYMIME SMTPUTF8\r\n")
                client.sendall(f"RCPT TO:<{JUERGEN}>\r\n".encode())
                client.sendall(b"BDAT 20\r\n%bBDAT %d LAST\r\n" % (octets[:20], len(octets) - 20))
                client.sendall(octets[20:] + b"QUIT\r\n")
                return said.read()

        heard = await deferToThread(bring)
        self.assertIn(b"\r\n250 2.0.0 Taken as ", heard, heard)
        self.assertEqual(TRACE.sub(b"", await deferToThread(self.read, self.phone)), octets)

    async def test_somebody_beyond_ascii_writes_to_himself(self) -> None:
        def send() -> None:
            port = self.server.port("submissions")
            with smtplib.SMTP_SSL("127.0.0.1", port, context=unverified()) as client:
                client.ehlo()
                secret = f"\0{JUERGEN}\0{self.phone.password}@{self.phone.code()}".encode()
                code, said = client.docmd("AUTH PLAIN", b64encode(secret).decode())
                assert code == 235, said
                text = f"From: Jürgen <{JUERGEN}>\r\nSubject: grüße\r\n\r\nhallo\r\n".encode()
                client.sendmail(JUERGEN, [JUERGEN.upper()], text, ["SMTPUTF8", "BODY=8BITMIME"])

        await deferToThread(send)
        got = await deferToThread(self.read, self.phone)
        found = TRACE.match(got)
        assert found is not None, got
        self.assertEqual(found[1].decode(), "jürgen@xn--bcher-kva.example")
        self.assertIn("Subject: grüße\r\n".encode(), got)
        self.assertRegex(got, rb"with UTF8SMTPSA ")
