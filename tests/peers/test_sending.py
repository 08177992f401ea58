"""Real programs submit mail with `password@code`; what arrives is what was sent, below our trace lines."""

import imaplib
import re
import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.corpus import messages, smtp_exact
from tests.peers import clients, node_clients, terminal_clients
from tests.peers.host import Person, shared_host
from tests.peers.programs import needs

TRACE = re.compile(
    rb"\AReturn-Path: [^\r\n]*\r\nDelivered-To: [^\r\n]*\r\n"
    rb"Received: (?:[^\r\n]*\r\n)(?:[ \t][^\r\n]*\r\n)*"
)


def sendable(message: bytes) -> bool:
    """No program changes it (swaks ends a body at a last dot, and wants one), and no server takes it for one
    that goes round in circles."""
    whole = message.startswith(b"Date:") and re.search(rb"\r\n\r\n.*[^.\r\n]\r\n\Z", message, re.DOTALL)
    return bool(whole) and not re.search(rb"(?m)^(Received|Bcc):", message)


class Sending(SynchronousTestCase):
    """What the tests of one sending program share."""

    timeout = 600
    corpus = [message for message in messages(200) if smtp_exact(message) and sendable(message)]

    def setUp(self) -> None:
        self.host = shared_host()
        self.sender: Person = self.host.person("sender")
        self.folder = Path(self.mktemp()).resolve()

    def read(self, message: bytes) -> EmailMessage:
        return message_from_bytes(message, policy=default)

    def lines(self, part: EmailMessage | None) -> list[str]:
        """What somebody wrote; programs put empty lines around it."""
        assert part is not None
        return [line for line in part.get_content().splitlines() if line]

    def taken(self, person: Person, mailbox: str = "INBOX", *, trace: bool = True) -> list[bytes]:
        """What is in a mailbox of `person`, in order, without our trace lines; it is empty afterwards."""
        login = person.login()
        tls = ssl.create_default_context(cafile=str(self.host.certificate))
        with imaplib.IMAP4_SSL("localhost", login.ports["imaps"], ssl_context=tls) as imap:
            imap.login(login.user, login.secret)
            imap.select(mailbox)
            _, answer = imap.fetch("1:*", "(BODY.PEEK[])")
            got = [item[1] for item in answer if isinstance(item, tuple)]
            imap.store("1:*", "+FLAGS.SILENT", "\\Deleted")
            imap.expunge()
        for message in got:
            self.assertEqual(TRACE.match(message) is not None, trace)
        return [TRACE.sub(b"", message, count=1) for message in got]


@needs("curl")
class CurlTests(Sending):
    def test_it_sends_by_implicit_tls(self) -> None:
        reader = self.host.person("curl-reader")
        for message in self.corpus[:40]:
            clients.curl_send(self.sender.login(), self.sender.address, reader.address, message)
        self.assertEqual(self.taken(reader), self.corpus[:40])

    def test_it_sends_by_starttls(self) -> None:
        reader = self.host.person("curl-starttls-reader")
        clients.curl_send(
            self.sender.login(), self.sender.address, reader.address, self.corpus[0], scheme="smtp"
        )
        self.assertEqual(self.taken(reader), self.corpus[:1])


@needs("swaks")
class SwaksTests(Sending):
    def test_it_sends_and_authenticates(self) -> None:
        reader = self.host.person("swaks-reader")
        for message in self.corpus[:20]:
            said = clients.swaks(
                self.sender.login(), self.sender.address, reader.address, message, self.folder
            )
            self.assertIn("235 2.7.0", said)
        self.assertEqual(self.taken(reader), self.corpus[:20])

    def test_login_and_plain_are_offered_under_tls_only(self) -> None:
        me = self.sender
        extra = ("--auth", "LOGIN")
        said = clients.swaks(me.login(), me.address, me.address, self.corpus[0], self.folder, *extra)
        before, _, after = said.partition("TLS started")
        self.assertNotIn("AUTH", before)
        self.assertIn("250-AUTH PLAIN LOGIN", after.replace("<~  ", ""))
        self.taken(self.sender)

    def test_mail_for_other_domains_is_refused_clearly(self) -> None:
        said = clients.swaks(
            self.sender.login(),
            self.sender.address,
            "somebody@elsewhere.example",
            self.corpus[0],
            self.folder,
            ok=range(256),
        )
        self.assertRegex(said, r"<~\* 550 5\.7\.1 ")


@needs("msmtp")
class MsmtpTests(Sending):
    def test_it_sends(self) -> None:
        reader = self.host.person("msmtp-reader")
        for message in self.corpus[:20]:
            unix = message.replace(b"\r\n", b"\n")
            clients.msmtp(self.sender.login(), self.sender.address, reader.address, unix, self.folder)
        self.assertEqual(self.taken(reader), self.corpus[:20])

    def test_a_wrong_code_is_a_clear_no(self) -> None:
        login = self.sender.login(f"{self.sender.password}@{self.sender.wrong_code()}")
        said = clients.msmtp(login, self.sender.address, self.sender.address, b"x\n", self.folder, ok=(77,))
        self.assertIn("535 5.7.8 Authentication failed", said)


@needs("node")
class NodemailerTests(Sending):
    def test_it_sends_by_implicit_tls_and_by_starttls(self) -> None:
        reader = self.host.person("nodemailer-reader")
        wanted = [node_clients.raw(self.sender.address, reader.address, one) for one in self.corpus[:40]]
        for some, implicit in ((wanted[:20], True), (wanted[20:], False)):
            answers = node_clients.nodemailer(self.sender.login(), some, implicit=implicit)
            self.assertTrue(all(answer.startswith("250 2.0.0 ") for answer in answers), answers)
        self.assertEqual(self.taken(reader), self.corpus[:40])

    def test_what_it_writes_itself(self) -> None:
        mail = {
            "from": self.sender.address,
            "to": self.sender.address,
            "subject": "Grüße ✉",
            "text": ".\n..\nGrüße\n",
            "html": "<p>Grüße</p>",
            "attachments": [{"filename": "größe.txt", "content": "ß" * 1000}],
        }
        node_clients.nodemailer(self.sender.login(), [mail])
        (got,) = map(self.read, self.taken(self.sender))
        self.assertEqual(got["subject"], "Grüße ✉")
        self.assertEqual(self.lines(got.get_body(("plain",))), [".", "..", "Grüße"])
        (file,) = got.iter_attachments()
        self.assertEqual((file.get_filename(), file.get_content()), ("größe.txt", "ß" * 1000))


@needs("aerc", "tmux")
class AercTests(Sending):
    def test_it_sends_and_keeps_a_copy(self) -> None:
        me = self.sender
        terminal_clients.aerc_send(me.login(), me.address, "by aerc", "one\n.\nFrom here\n", self.folder)
        (got,) = map(self.read, self.taken(me))
        (copy,) = map(self.read, self.taken(me, "Sent", trace=False))
        for message in (got, copy):
            self.assertEqual(message["subject"], "by aerc")
            self.assertEqual(self.lines(message.get_body()), ["one", ".", "From here"])


@needs("alpine", "tmux")
class AlpineTests(Sending):
    def test_it_sends(self) -> None:
        me = self.sender
        terminal_clients.alpine_send(me.login(), me.address, "by alpine", "one\n.\nFrom here\n", self.folder)
        (got,) = map(self.read, self.taken(me))
        self.assertEqual(got["subject"], "by alpine")
        self.assertEqual(self.lines(got), ["one", ".", "From here"])
