"""Two hundred varied messages, read by real programs: byte for byte what was put in."""

import hashlib
import imaplib
import poplib
import ssl
from collections import Counter
from collections.abc import Iterable
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
    return message if not message or message.endswith((b"\n", b"\r\n")) else message + b"\r\n"


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


@needs("curl")
class CurlTests(Program):
    def test_it_reads_by_imap(self) -> None:
        login = self.reader.login()
        for number in range(1, 201, 7):
            self.assertEqual(clients.curl(login, f"INBOX;MAILINDEX={number}"), self.corpus[number - 1])

    def test_it_reads_by_pop3(self) -> None:
        login = self.reader.login()
        for number in range(1, 201, 7):
            self.assertEqual(clients.curl(login, str(number), scheme="pop3s"), ended(self.corpus[number - 1]))


@needs("mbsync")
class MbsyncTests(Program):
    def test_it_reads(self) -> None:
        near = clients.mbsync(self.reader.login(), self.folder)
        self.assertEqual(digests(clients.messages(near)), digests(map(unix, self.corpus)))


@needs("fetchmail")
class FetchmailTests(Program):
    def test_it_reads_by_pop3(self) -> None:
        got = clients.fetchmail(self.reader.login(), self.folder, protocol="pop3")
        self.assertEqual(digests(got), digests(unix(ended(m)) for m in self.corpus))

    def test_it_reads_by_imap(self) -> None:
        got = clients.fetchmail(self.reader.login(), self.folder, protocol="imap")
        self.assertEqual(digests(got), digests(map(unix, self.corpus)))


@needs("getmail")
class GetmailTests(Program):
    def test_it_reads_by_imap(self) -> None:
        got = clients.getmail(self.reader.login(), self.folder, protocol="imap")
        self.assertEqual(digests(got), digests(map(unix, self.corpus)))

    def test_it_reads_by_pop3(self) -> None:
        got = clients.getmail(self.reader.login(), self.folder, protocol="pop3")
        self.assertEqual(digests(got), digests(map(unix, self.corpus)))


@needs("mutt", "script")
class MuttTests(Program):
    def test_it_reads(self) -> None:
        got = clients.mutt(self.reader.login(), self.folder)
        self.assertEqual(digests(got), digests(map(unix, self.corpus)))


@needs("dovecot")
class DovecotTests(Program):
    def test_it_reads_the_maildir(self) -> None:
        dovecot = Dovecot(self.folder, self.host.maildir(self.reader))
        dovecot.start()
        self.addCleanup(dovecot.stop)
        imap = imaplib.IMAP4("127.0.0.1", dovecot.port)
        self.addCleanup(imap.logout)
        imap.login("anybody", "secret")
        imap.select("INBOX", readonly=True)
        _, answer = imap.fetch("1:*", "(BODY.PEEK[])")
        self.assertEqual(digests(item[1] for item in answer if isinstance(item, tuple)), digests(self.corpus))
