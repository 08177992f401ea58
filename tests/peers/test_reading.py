"""Two hundred varied messages, read by real programs: byte for byte what was put in."""

import email
import hashlib
import imaplib
import poplib
import re
import ssl
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.corpus import messages
from tests.peers import clients
from tests.peers.dovecot import Dovecot
from tests.peers.host import Person, shared_host
from tests.peers.programs import needs


def digests(octets: Iterable[bytes]) -> Counter[str]:
    return Counter(hashlib.sha256(message).hexdigest() for message in octets)


def unix(message: bytes) -> bytes:
    """As a program stores it that has LF lines."""
    return message.replace(b"\r\n", b"\n")


def ended(message: bytes) -> bytes:
    """As POP3 gives it, which cannot say that the last line has no end (rfc1939#3)."""
    return message if not message or message.endswith(b"\n") else message + b"\r\n"


def orderly(message: bytes) -> bool:
    """A header, an empty line and a body with ended lines.  What is less, some programs refuse or repair."""
    head, empty, body = message.partition(b"\r\n\r\n")
    fields = all(re.match(rb"[!-9;-~]+:|[ \t]", line) for line in head.split(b"\r\n"))
    return bool(empty and body) and fields and message.endswith(b"\r\n")


def rewritten(message: bytes) -> bool:
    """Python's `email` writes it otherwise than it was."""
    return email.message_from_bytes(message).as_bytes() != message


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

    def test_poplib(self) -> None:
        login = self.reader.login()
        pop = poplib.POP3_SSL("localhost", login.ports["pop3s"], context=self.tls())
        self.addCleanup(pop.close)
        poplib._MAXLINE = 10_000_000
        pop.user(login.user)
        pop.pass_(login.secret)
        self.assertEqual(pop.stat()[0], 200)
        got = [b"".join(line + b"\r\n" for line in pop.retr(n)[1]) for n in range(1, 201)]
        pop.quit()
        self.assertEqual(digests(got), digests(map(ended, self.corpus)))


class Program(SynchronousTestCase):
    """What the tests of one reading program share."""

    timeout = 600
    corpus = messages(200)

    def setUp(self) -> None:
        self.host = shared_host()
        self.reader: Person = self.host.person("reader", fill=self.corpus)
        self.folder = Path(self.mktemp()).resolve()

    def assertRead(self, got: Iterable[bytes], but: Callable[[bytes], bool] = lambda message: False) -> None:
        """All that is orderly came through as it was, `but` for what this program always changes."""
        wanted = [unix(message) for message in self.corpus if orderly(message)]
        wanted = [message for message in wanted if not but(message)]
        self.assertGreater(len(wanted), 120)
        self.assertEqual(digests(wanted) - digests(got), Counter())


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
            wanted = ended(self.corpus[number - 1]) or b"\r\n"
            self.assertEqual(clients.curl(login, str(number), scheme="pop3s"), wanted)


@needs("mbsync")
class MbsyncTests(Program):
    def test_it_reads(self) -> None:
        near = clients.mbsync(self.reader.login(), self.folder)
        self.assertRead(
            re.sub(rb"(?m)^X-TUID: .*\n", b"", message, count=1) for message in clients.messages(near)
        )


@needs("fetchmail")
class FetchmailTests(Program):
    def test_it_reads_by_pop3(self) -> None:
        self.assertRead(clients.fetchmail(self.reader.login(), self.folder, protocol="pop3"))

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
        self.assertRead(self.read("pop3"), but=rewritten)


@needs("mutt")
class MuttTests(Program):
    """mutt notes the size of what it copies."""

    def test_it_reads(self) -> None:
        got = clients.mutt(self.reader.login(), self.folder)
        self.assertRead(
            re.sub(rb"Content-Length: \d+\nLines: \d+\n", b"", message, count=1) for message in got
        )


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
