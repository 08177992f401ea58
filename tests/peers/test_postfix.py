"""A real Postfix hands mail over by LMTP, as tap-examples/behind-postfix.ini and .cf say."""

import json
import re
import smtplib
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.server import RunningServer
from tests.peers.postfix import Postfix
from tests.peers.programs import needs, run

EXAMPLES = Path(__file__).parent.parent.parent / "tap-examples"
MESSAGE = (
    b"From: x@elsewhere.example\r\nTo: ann@example.org\r\nSubject: hello\r\n"
    b"Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMessage-Id: <1@elsewhere.example>\r\n\r\n"
) + b"It works.\r\n" * 500
FROM = "x@elsewhere.example"


@needs("postfix", "swaks")
class Behind(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.postfix = Postfix((EXAMPLES / "behind-postfix.cf").read_text())
        self.addCleanup(self.postfix.stop)
        ini = (EXAMPLES / "behind-postfix.ini").read_text()
        for path, ours in (
            ("/var/spool/postfix/mailtwist/lmtp", str(self.postfix.socket)),
            ("/var/lib/mailtwist", "state"),
        ):
            self.assertIn(path, ini)
            ini = ini.replace(path, ours)
        ini = re.sub(r"(?ms)^\[tls:public\].*?(?=^\[)", "[tls:public]\ntype = self_signed\n", ini)
        ini = re.sub(r"(?m)^(type = (?:imap|pop3))$", r"\1\nlisten = 127.0.0.1:0", ini)
        self.server = RunningServer(Path(self.mktemp()), ini)
        self.server.start()
        self.addCleanup(self.server.stop)
        for name in ("ann", "bob"):
            self.server.command("user", "add", name, "--password-stdin", typed="secret\n")
        self.server.command("user", "quota", "bob", "2 KiB")
        self.postfix.start()

    def mails(self, name: str) -> list[bytes]:
        accounts = json.loads(self.server.command("user", "list", "--json"))
        (account,) = (one["account"] for one in accounts if one["name"] == f"{name}@example.org")
        maildir = self.server.folder / "state" / "mail" / account
        return [path.read_bytes() for path in sorted(maildir.glob("cur/*"))]

    def send(self, *to: str, data: bytes = MESSAGE) -> dict[str, tuple[int, bytes]]:
        """Whom Postfix refused."""
        with smtplib.SMTP("127.0.0.1", self.postfix.port, timeout=60) as client:
            return client.sendmail(FROM, [f"{name}@example.org" for name in to], data)

    def test_one_is_there_one_is_full_and_one_is_nobody(self) -> None:
        refused = self.send("ann+list", "nobody", "bob")
        self.assertEqual(list(refused), ["nobody@example.org"])
        self.assertEqual(refused["nobody@example.org"][0], 550)
        self.assertIn(b"No such recipient here", refused["nobody@example.org"][1])
        sent = self.postfix.line(r"to=<ann\+list@example\.org>.*dsn=2\.0\.0, status=sent")
        self.assertIn("250 2.0.0 Taken as ", sent)
        full = self.postfix.line(r"to=<bob@example\.org>.*dsn=4\.2\.2, status=deferred")
        self.assertIn("452 4.2.2 The mailbox is full", full)
        (text,) = self.mails("ann")
        self.assertTrue(text.endswith(MESSAGE))
        self.assertTrue(
            text.startswith(f"Return-Path: <{FROM}>\r\nDelivered-To: ann+list@example.org\r\n".encode())
        )
        self.assertRegex(
            text, rb"Received: from front\.example\.test by mail\.example\.org \(mailtwist\)\s+with LMTP\s"
        )
        self.assertEqual(self.mails("bob"), [])

    def test_an_alias_made_while_both_run_is_taken(self) -> None:
        self.server.command("alias", "add", "abuse", "ann")
        self.assertEqual(self.send("abuse"), {})
        self.postfix.line(r"to=<abuse@example\.org>.*status=sent")
        self.assertEqual(len(self.mails("ann")), 1)

    def test_a_mail_that_is_refused_only_when_it_is_there_goes_back(self) -> None:
        """Postfix has asked who is there, and takes fewer Received lines for a circle than it may."""
        self.assertEqual(self.send("ann", data=b"Received: x\r\n" * 100 + MESSAGE), {})
        self.postfix.line(r"to=<ann@example\.org>.*dsn=5\.4\.6, status=bounced \(.*554 5\.4\.6 ")
        self.assertEqual(self.mails("ann"), [])

    def test_swaks_speaks_lmtp_to_the_same_socket(self) -> None:
        file = self.postfix.folder / "message"
        file.write_bytes(MESSAGE.removesuffix(b"\r\n"))  # it adds a line end
        to = "ann@example.org,bob@example.org,nobody@example.org"
        done = run(
            "swaks", "--socket", self.postfix.socket, "--protocol", "LMTP", "--from", FROM, "--to", to,
            "--data", f"@{file}", ok=range(256),
        )  # fmt: skip
        said = done.stdout.decode("utf-8", "replace")
        self.assertRegex(said, r"<\*\* 550 5\.1\.1 ")
        self.assertRegex(said, r"(?s)<-  250 2\.0\.0 Taken as .*<\*\* 452 4\.2\.2 The mailbox is full")
        self.assertTrue(self.mails("ann")[0].endswith(MESSAGE))
