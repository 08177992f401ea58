"""A whole server from an ini text: mail goes in, mail comes out, and nothing gets lost on the way."""

import re
import smtplib
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.testing.files import FullDisk
from mailtwist.testing.inside import ServerInside
from tests.app.clients import bring, read_imaps, read_pop3s, send, unverified

INI = """
[server]
hostname = mail.example.org
state = state

[login]
refusal = 0.1
quantum = 0.1

[directory:people]
type = sqlite
hash_memory = 8 KiB
hash_passes = 1

[factor:totp]

[store:mail]
type = maildir

[tls:own]
type = self_signed

[target:mailboxes]
type = mailbox
store = mail

[service:mx]
type = smtp
listen = 127.0.0.1:0
tls = own

[service:submission]
listen = 127.0.0.1:0
tls = own

[service:submissions]
type = submission
listen = 127.0.0.1:0
tls = own
tls_mode = implicit

[service:imaps]
type = imap
listen = 127.0.0.1:0
tls = own
tls_mode = implicit
store = mail

[service:pop3s]
type = pop3
listen = 127.0.0.1:0
tls = own
tls_mode = implicit
store = mail
"""
ANN, BOB = "ann@example.org", "bob@example.org"
MESSAGE = b"From: ann@example.org\r\nSubject: hello\r\n\r\nIt works.\r\n.dots too\r\n"
TRACE = re.compile(
    rb"Return-Path: <([^>]*)>\r\nDelivered-To: bob@example\.org\r\n"
    rb"Received: from \S+\s+\(\[127\.0\.0\.1\]\)\s+by mail\.example\.org "
)


class Mail(TestCase):
    async def setUp(self) -> None:
        self.files = FullDisk(None)
        self.server = ServerInside(Path(self.mktemp()), INI, files=self.files)
        self.addCleanup(self.server.stop)
        await self.server.start()
        self.ann, self.bob = await self.server.add(ANN), await self.server.add(BOB)

    def port(self, service: str) -> int:
        return self.server.port(service)

    async def refused(self, call, *args) -> tuple[int, bytes]:
        """What the server said no with."""
        error = await self.assertFailure(deferToThread(call, *args), smtplib.SMTPException)
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            return next(iter(error.recipients.values()))
        return error.smtp_code, error.smtp_error

    async def test_what_ann_sends_bob_reads_by_imap_and_by_pop(self) -> None:
        await deferToThread(send, self.port("submission"), ANN, self.ann.secret, MESSAGE, [BOB])
        by_imap = await deferToThread(read_imaps, self.port("imaps"), BOB, self.bob.secret)
        by_pop = await deferToThread(read_pop3s, self.port("pop3s"), BOB, self.bob.secret)
        self.assertEqual(by_imap, by_pop)
        (text,) = by_imap
        self.assertTrue(text.endswith(b"\r\n" + MESSAGE))
        trace = text.removesuffix(MESSAGE)
        self.assertEqual(TRACE.match(trace)[1], b"ann@example.org")
        self.assertRegex(trace, rb"\swith ESMTPSA (?:\(TLSv1\.3\) )?id ")

    async def test_strangers_bring_mail_for_us_alone(self) -> None:
        await deferToThread(bring, self.port("mx"), "x@elsewhere.example", [BOB], MESSAGE)
        (text,) = await deferToThread(read_imaps, self.port("imaps"), BOB, self.bob.secret)
        self.assertTrue(text.endswith(MESSAGE))
        self.assertRegex(text, rb"\swith ESMTP\s+id ")
        for recipient, status in (("nobody@example.org", b"5.1.1"), ("x@elsewhere.example", b"5.7.1")):
            said = await self.refused(bring, self.port("mx"), "y@elsewhere.example", [recipient], MESSAGE)
            self.assertEqual((said[0], said[1][:5]), (550, status))

    async def test_postmaster_is_never_refused(self) -> None:
        await deferToThread(bring, self.port("mx"), "", ["postmaster@example.org"], MESSAGE)

    async def test_nobody_can_log_in_on_port_25(self) -> None:
        def try_it() -> tuple[bool, int]:
            with smtplib.SMTP("127.0.0.1", self.port("mx"), timeout=30) as client:
                client.starttls(context=unverified())
                client.ehlo()
                return client.has_extn("auth"), client.docmd("AUTH", "PLAIN AGEAYg==")[0]

        offered, code = await deferToThread(try_it)
        self.assertFalse(offered)
        self.assertIn(code, (502, 503, 504, 530))

    async def test_submission_wants_a_login(self) -> None:
        code, _ = await self.refused(bring, self.port("submission"), ANN, [BOB], MESSAGE)
        self.assertEqual(code, 530)

    async def test_submission_with_tls_from_the_start(self) -> None:
        def submit() -> None:
            port = self.port("submissions")
            with smtplib.SMTP_SSL("127.0.0.1", port, context=unverified(), timeout=30) as client:
                client.login(ANN, self.ann.secret)
                client.sendmail(ANN, [BOB], MESSAGE)

        await deferToThread(submit)
        self.assertEqual(len(await deferToThread(read_imaps, self.port("imaps"), BOB, self.bob.secret)), 1)

    async def test_mail_for_the_rest_of_the_world_hears_why_not(self) -> None:
        args = self.port("submission"), ANN, self.ann.secret, MESSAGE, ["x@elsewhere.example"]
        code, words = await self.refused(send, *args)
        self.assertEqual(code, 550)
        self.assertIn(b"cannot be sent yet", words)

    async def test_nobody_sends_in_anothers_name(self) -> None:
        code, words = await self.refused(
            send, self.port("submission"), ANN, self.ann.secret, MESSAGE, [BOB], BOB
        )
        self.assertEqual((code, words[:5]), (550, b"5.7.1"))

    async def test_a_full_disk_is_452_and_nothing_is_lost(self) -> None:
        await deferToThread(bring, self.port("mx"), "x@elsewhere.example", [BOB], MESSAGE)
        self.files.allowed = 0
        said = await self.refused(bring, self.port("mx"), "x@elsewhere.example", [ANN, BOB], MESSAGE)
        self.assertEqual((said[0], said[1][:5]), (452, b"4.3.1"))
        self.files.allowed = None
        self.assertEqual(len(await deferToThread(read_imaps, self.port("imaps"), BOB, self.bob.secret)), 1)
        self.assertEqual(await deferToThread(read_imaps, self.port("imaps"), ANN, self.ann.secret), [])
        await deferToThread(bring, self.port("mx"), "x@elsewhere.example", [ANN, BOB], MESSAGE)
        self.assertEqual(len(await deferToThread(read_imaps, self.port("imaps"), BOB, self.bob.secret)), 2)

    async def test_a_disk_that_fills_at_any_moment_gives_both_or_none(self) -> None:
        for allowed in range(12):
            self.files.allowed = allowed
            try:
                await deferToThread(bring, self.port("mx"), "x@elsewhere.example", [ANN, BOB], MESSAGE)
                taken = True
            except smtplib.SMTPException:
                taken = False
            self.files.allowed = None
            counts = [
                len(await deferToThread(read_imaps, self.port("imaps"), name, phone.secret))
                for name, phone in ((ANN, self.ann), (BOB, self.bob))
            ]
            self.assertEqual(counts[0], counts[1], f"after {allowed} calls")
            if taken:
                self.assertGreater(counts[0], 0)
