"""Real programs read two hundred messages through the gateway: what they get is what they get without it."""

import imaplib
import poplib
import re
import ssl
from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.corpus import messages
from tests.gateway.whole import before_dovecot
from tests.peers import clients
from tests.peers.clients import Login
from tests.peers.host import Person
from tests.peers.programs import needs
from tests.peers.reading import digests

Read = Callable[[Login, Path], list[bytes]]


@needs("dovecot")
class Reading(SynchronousTestCase):
    """What the tests of one program share."""

    timeout = 600
    corpus = messages(200)

    def setUp(self) -> None:
        self.gateway = before_dovecot()
        self.dovecot = self.gateway.home
        self.reader: Person = self.gateway.person("reader")
        if not self.dovecot.messages(self.reader.address):
            self.dovecot.put(self.reader.address, self.corpus)
        self.folder = Path(self.mktemp()).resolve()

    def assertSame(self, read: Read, own: bytes = b"") -> None:
        """`own` are the lines that the program adds, which are not the same twice."""
        mine = re.compile(own or rb"\Z")
        direct = self.dovecot.login(self.reader.address, self.reader.password)
        through, without = (
            [mine.sub(b"", message) for message in read(login, self.folder / name)]
            for name, login in (("through", self.reader.login()), ("without", direct))
        )
        self.assertGreater(len(through), 150)
        self.assertEqual(digests(through), digests(without))


def by_imaplib(login: Login, folder: Path) -> list[bytes]:
    tls = ssl.create_default_context(cafile=str(login.certificate))
    with imaplib.IMAP4_SSL("localhost", login.ports["imaps"], ssl_context=tls) as imap:
        imap.login(login.user, login.secret)
        imap.select("INBOX", readonly=True)
        _, answer = imap.fetch("1:*", "(BODY.PEEK[])")
        return [item[1] for item in answer if isinstance(item, tuple)]


def by_poplib(login: Login, folder: Path) -> list[bytes]:
    tls = ssl.create_default_context(cafile=str(login.certificate))
    pop = poplib.POP3_SSL("localhost", login.ports["pop3s"], context=tls)
    pop.user(login.user)
    pop.pass_(login.secret)
    got = [b"".join(line + b"\r\n" for line in pop.retr(n + 1)[1]) for n in range(pop.stat()[0])]
    pop.quit()
    return got


class PythonTests(Reading):
    def test_imaplib(self) -> None:
        self.assertSame(by_imaplib)
        self.assertEqual(digests(by_imaplib(self.reader.login(), self.folder)), digests(self.corpus))

    def test_poplib(self) -> None:
        self.patch(poplib, "_MAXLINE", 10_000_000)
        self.assertSame(by_poplib)


@needs("curl")
class CurlTests(Reading):
    def test_imap(self) -> None:
        self.assertSame(
            lambda login, folder: [
                clients.curl(login, f"INBOX;MAILINDEX={number}") for number in range(1, 201)
            ]
        )

    def test_pop3(self) -> None:
        self.assertSame(
            lambda login, folder: [
                clients.curl(login, str(number), scheme="pop3s") for number in range(1, 201)
            ]
        )


@needs("mbsync")
class MbsyncTests(Reading):
    def test_it_reads(self) -> None:
        self.assertSame(
            lambda login, folder: clients.messages(clients.mbsync(login, folder)), rb"(?m)^X-TUID: .*\n"
        )


@needs("fetchmail")
class FetchmailTests(Reading):
    def test_imap(self) -> None:
        self.assertSame(lambda login, folder: clients.fetchmail(login, folder, protocol="imap"), RECEIVED)

    def test_pop3(self) -> None:
        self.assertSame(lambda login, folder: clients.fetchmail(login, folder, protocol="pop3"), RECEIVED)


RECEIVED = (
    rb"(?m)^Received: from .* by .* with [A-Z0-9]+ \(fetchmail.*\n(?:[ \t].*\n)*"
    rb"|^Subject: Headerless mail from .*\n"  # in which it says where it has it from
)


@needs("getmail")
class GetmailTests(Reading):
    def test_imap(self) -> None:
        self.assertSame(lambda login, folder: clients.getmail(login, folder, ok=(0, 127)))

    def test_pop3(self) -> None:
        self.assertSame(lambda login, folder: clients.getmail(login, folder, protocol="pop3", ok=(0, 127)))


@needs("mutt")
class MuttTests(Reading):
    def test_it_reads(self) -> None:
        self.assertSame(clients.mutt)


@needs("offlineimap")
class OfflineimapTests(Reading):
    def test_it_reads(self) -> None:
        self.assertSame(
            lambda login, folder: clients.messages(clients.offlineimap(login, folder)),
            rb"(?m)^X-OfflineIMAP: .*\n",
        )


del Reading
