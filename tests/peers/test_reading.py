"""Two hundred varied messages, read by real programs: byte for byte what was put in."""

import hashlib
import imaplib
import poplib
import re
import ssl
from email import message_from_bytes, policy
from pathlib import Path

from imapclient import IMAPClient
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.corpus import messages
from tests.peers import clients, node_clients, terminal_clients
from tests.peers.dovecot import Dovecot
from tests.peers.host import Person, shared_host
from tests.peers.programs import needs
from tests.peers.reading import Program, digests, ended, quoted, rewritten, unix, without_utf8


class PythonTests(SynchronousTestCase):
    timeout = 600
    corpus = messages(200)

    def setUp(self) -> None:
        self.host = shared_host()
        self.reader: Person = self.host.person("reader", fill=self.corpus)
        self.folder = Path(self.mktemp()).resolve()

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.host.certificate))

    def test_imaplib(self) -> None:
        login = self.reader.login()
        with imaplib.IMAP4_SSL("localhost", login.ports["imaps"], ssl_context=self.tls()) as imap:
            imap.login(login.user, login.secret)
            imap.select("INBOX", readonly=True)
            _, answer = imap.fetch("1:*", "(BODY.PEEK[])")
            got = [item[1] for item in answer if isinstance(item, tuple)]
        self.assertEqual(
            [hashlib.sha256(m).hexdigest() for m in got], [hashlib.sha256(m).hexdigest() for m in self.corpus]
        )

    def test_imaplib_in_pieces(self) -> None:
        """BODY[HEADER] and BODY[TEXT] make the whole, and so do partial fetches."""
        login = self.reader.login()
        with imaplib.IMAP4_SSL("localhost", login.ports["imaps"], ssl_context=self.tls()) as imap:
            imap.login(login.user, login.secret)
            imap.select("INBOX", readonly=True)
            for number in range(1, 201, 13):
                whole = self.corpus[number - 1]
                _, answer = imap.fetch(str(number), "(BODY.PEEK[HEADER] BODY.PEEK[TEXT])")
                self.assertEqual(b"".join(item[1] for item in answer if isinstance(item, tuple)), whole)
                got = b""
                while True:
                    _, answer = imap.fetch(str(number), f"(BODY.PEEK[]<{len(got)}.1000>)")
                    piece = b"".join(item[1] for item in answer if isinstance(item, tuple))
                    got += piece
                    if len(piece) < 1000:
                        break
                self.assertEqual(got, whole)

    def test_imapclient(self) -> None:
        login = self.reader.login()
        with IMAPClient("localhost", login.ports["imaps"], ssl_context=self.tls()) as imap:
            imap.login(login.user, login.secret)
            imap.select_folder("INBOX", readonly=True)
            got = imap.fetch(imap.search(), ["BODY.PEEK[]", "ENVELOPE", "BODYSTRUCTURE", "RFC822.SIZE"])
        self.assertEqual([one[b"BODY[]"] for _, one in sorted(got.items())], self.corpus)
        self.assertEqual([one[b"RFC822.SIZE"] for _, one in sorted(got.items())], [*map(len, self.corpus)])

    def test_poplib(self) -> None:
        login = self.reader.login()
        self.patch(poplib, "_MAXLINE", 10_000_000)
        for utf8, given in ((True, ended), (False, without_utf8)):
            pop = poplib.POP3_SSL("localhost", login.ports["pop3s"], context=self.tls())
            self.addCleanup(pop.close)
            if utf8:
                pop.utf8()
            pop.user(login.user)
            pop.pass_(login.secret)
            self.assertEqual(pop.stat()[0], 200)
            got = [b"".join(line + b"\r\n" for line in pop.retr(n)[1]) for n in range(1, 201)]
            pop.quit()
            self.assertEqual(digests(got), digests(map(given, self.corpus)))


@needs("curl")
class CurlTests(Program):
    def test_it_reads_by_imap(self) -> None:
        login = self.reader.login()
        for number in range(1, 201):
            self.assertEqual(clients.curl(login, f"INBOX;MAILINDEX={number}"), self.corpus[number - 1])

    def test_it_reads_by_pop3(self) -> None:
        login = self.reader.login()
        for number in range(1, 201):
            # Of a message without an octet (poplib gets none) curl prints a line end of its own.
            wanted = without_utf8(self.corpus[number - 1]) or b"\r\n"
            self.assertEqual(clients.curl(login, str(number), scheme="pop3s"), wanted)


@needs("mbsync")
class MbsyncTests(Program):
    def test_it_reads(self) -> None:
        near = clients.mbsync(self.reader.login(), self.folder)
        self.assertRead(
            re.sub(rb"(?m)^X-TUID: .*\n", b"", message, count=1) for message in clients.messages(near)
        )


@needs("offlineimap")
class OfflineimapTests(Program):
    """offlineimap reads messages with CRLF lines and writes them anew with LF, by Python's `email`."""

    def test_it_reads(self) -> None:
        near = clients.offlineimap(self.reader.login(), self.folder)
        self.assertRead(clients.messages(near), but=self.changed)

    def changed(self, message: bytes) -> bool:
        rules = policy.default.clone(cte_type="8bit", utf8=True, refold_source="none")
        read = message_from_bytes(message.replace(b"\n", b"\r\n"), policy=rules)
        return read.as_bytes(policy=rules) != message


@needs("fetchmail")
class FetchmailTests(Program):
    def test_it_reads_by_pop3(self) -> None:
        got = clients.fetchmail(self.reader.login(), self.folder, protocol="pop3")
        self.assertRead(got, given=without_utf8)

    def test_it_reads_by_imap(self) -> None:
        self.assertRead(clients.fetchmail(self.reader.login(), self.folder, protocol="imap"))


@needs("getmail")
class GetmailTests(Program):
    """getmail adds lines of its own, and writes messages anew with Python's `email`."""

    def read(self, protocol: str) -> list[bytes]:
        # By IMAP it says that messages without an octet are none, and ends with 127.
        got = clients.getmail(self.reader.login(), self.folder, protocol=protocol, ok=(0, 127))
        own = re.compile(rb"(?m)\AReturn-Path: .*\n|^X-getmail-retrieved-from-mailbox: .*\n")
        return [own.sub(b"", unix(message)) for message in got]

    def test_it_reads_by_imap(self) -> None:
        self.assertRead(self.read("imap"), but=rewritten)

    def test_it_reads_by_pop3(self) -> None:
        self.assertRead(self.read("pop3"), but=rewritten, given=without_utf8)


class Mutt(Program):
    """mutt notes the size of what it copies."""

    def read(self, program: str) -> None:
        got = clients.mutt(self.reader.login(), self.folder, program=program)
        own = re.compile(rb"Content-Length: \d+\nLines: \d+\n")
        self.assertRead(own.sub(b"", message, count=1) for message in got)


@needs("mutt")
class MuttTests(Mutt):
    def test_it_reads(self) -> None:
        self.read("mutt")


@needs("neomutt")
class NeomuttTests(Mutt):
    def test_it_reads(self) -> None:
        self.read("neomutt")


@needs("aerc", "tmux")
class AercTests(Program):
    """Read from the mbox that it exports."""

    def test_it_reads(self) -> None:
        self.assertRead(terminal_clients.aerc_read(self.reader.login(), self.folder), but=quoted)


@needs("alpine", "tmux")
class AlpineTests(Program):
    """Read from the mbox that it saves to."""

    def test_it_reads(self) -> None:
        self.assertRead(terminal_clients.alpine_read(self.reader.login(), self.folder), but=quoted)


@needs("node")
class ImapflowTests(Program):
    def test_it_reads(self) -> None:
        seen = node_clients.imapflow(self.reader.login())
        self.assertEqual([one["source"] for one in seen["messages"]], self.corpus)
        self.assertIn("Grüße sample-5 ✉", [one.get("subject") for one in seen["messages"]])


@needs("dovecot")
class DovecotTests(Program):
    def test_it_reads_the_maildir(self) -> None:
        dovecot = Dovecot(self.host.maildir(self.reader))
        dovecot.start()
        self.addCleanup(dovecot.stop)
        imap = imaplib.IMAP4("127.0.0.1", dovecot.port)
        self.addCleanup(imap.logout)
        imap.login("anybody", "secret")
        imap.select("INBOX", readonly=True)
        _, answer = imap.fetch("1:*", "(BODY.PEEK[])")
        self.assertEqual(digests(item[1] for item in answer if isinstance(item, tuple)), digests(self.corpus))
