"""IMAP programs through a whole gateway, before a real Dovecot."""

import imaplib
import ssl
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.dovecot import Dovecot
from tests.gateway.whole import Gateway, before_dovecot
from tests.peers import clients
from tests.peers.programs import needs

MAIL = [
    b"Subject: tags\r\n\r\na1 OK done\r\n+ go on\r\n* BYE {5}\r\n",
    b"Subject: octets\r\n\r\nh\xe4\xff\r\n",
    b"Subject: long\r\n\r\n" + b"0123456789abcdef\r\n" * 60_000,
    *(b"Subject: %d\r\n\r\n%b\r\n" % (n, b"x" * n) for n in range(40)),
]
MINE = b"Subject: mine\r\n\r\nx UNAUTHENTICATE\r\n"


def lf(messages: list[bytes]) -> list[bytes]:
    return sorted(one.replace(b"\r\n", b"\n") for one in messages)


class Through:
    """A session of imaplib's, in implicit TLS."""

    def session(self, gateway: Gateway, name: str) -> imaplib.IMAP4_SSL:
        login = gateway.person(name).login()
        tls = ssl.create_default_context(cafile=str(login.certificate))
        imap = imaplib.IMAP4_SSL("localhost", login.ports["imaps"], ssl_context=tls, timeout=60)
        self.addCleanup(imap.shutdown)  # type: ignore[attr-defined]
        imap.login(login.user, login.secret)
        return imap


@needs("dovecot", "mbsync")
class ThroughTheGateway(Through, SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.gateway = before_dovecot()

    def test_every_message_is_what_is_there(self) -> None:
        imap = self.session(self.gateway, "whole")
        self.gateway.home.put("whole@inside.test", MAIL)
        imap.select("INBOX")
        said = imap.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])")[1]
        self.assertEqual(lf([one[1] for one in said if isinstance(one, tuple)]), lf(MAIL))

    def test_mail_is_put_there_by_either_kind_of_literal(self) -> None:
        imap = self.session(self.gateway, "append")
        self.assertIn("LITERAL+", imap.capability()[1][0].decode().split())
        imap.append("INBOX", "(\\Seen)", None, MINE)
        imap.send(b"z1 APPEND INBOX {%d+}\r\n%b\r\nz2 NOOP\r\n" % (len(MINE), MINE))
        self.assertRegex(imap.readline(), rb"\Az1 OK \[APPENDUID ")
        self.assertRegex(imap.readline(), rb"\Az2 OK ")
        self.assertEqual(imap.append("None", None, None, MINE)[0], "NO")
        self.assertEqual(lf(self.gateway.home.messages("append@inside.test")), lf([MINE, MINE]))

    def test_idle_hears_of_new_mail(self) -> None:
        imap = self.session(self.gateway, "idle")
        imap.select("INBOX")
        imap.send(b"z1 IDLE\r\n")
        self.assertRegex(imap.readline(), rb"\A\+ ")
        other = self.session(self.gateway, "idle")
        other.append("INBOX", None, None, MINE)
        self.assertEqual(imap.readline(), b"* 1 EXISTS\r\n")
        imap.readline()
        imap.send(b"DONE\r\n")
        self.assertRegex(imap.readline(), rb"\Az1 OK ")

    def test_a_sync_program_takes_and_gives(self) -> None:
        folder = Path(self.mktemp())
        person = self.gateway.person("sync")
        login = person.login()
        clients.mbsync(login, folder)
        self.gateway.home.put(person.address, MAIL)
        inbox = clients.mbsync(login, folder)
        self.assertEqual(len(clients.messages(inbox)), len(MAIL))
        (inbox / "new" / "1.mine").write_bytes(MINE.replace(b"\r\n", b"\n"))
        clients.mbsync(login, folder)
        there = [one for one in self.gateway.home.messages(person.address) if b"Subject: mine" in one]
        self.assertEqual(len(there), 1)

    def test_nobody_becomes_somebody_else(self) -> None:
        imap = self.session(self.gateway, "stays")
        for said in (b"UNAUTHENTICATE", b"LOGIN a b", b"STARTTLS", b"COMPRESS DEFLATE", b"NOOP {3-}"):
            imap.send(b"z1 " + said + b"\r\n")
            self.assertRegex(imap.readline(), rb"\Az1 BAD ")
        self.assertEqual(imap.noop()[0], "OK")


@needs("dovecot")
class ServersThatDie(Through, SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        self.dovecot = Dovecot("dies")
        self.addCleanup(self.dovecot.stop)
        self.dovecot.start()
        self.gateway = Gateway(self.dovecot)
        self.addCleanup(self.gateway.end)

    def test_in_peace_they_leave_a_bye_and_in_an_answer_nothing(self) -> None:
        idle, busy = (self.session(self.gateway, name) for name in ("idle", "busy"))
        self.dovecot.put("busy@inside.test", [b"Subject: x\r\n\r\n" + b"0123456789abcdef\r\n" * 3_000_000])
        busy.select("INBOX")
        busy.send(b"z1 FETCH 1 BODY[]\r\n")
        self.assertIn(b"{54000014}", busy.readline())
        self.dovecot.kill()
        self.assertRegex(idle.readline(), rb"\A\* BYE \[UNAVAILABLE\] ")
        with self.assertRaises((imaplib.IMAP4.abort, OSError, ssl.SSLError)):
            left = 54_000_014
            while piece := busy.read(min(left, 1 << 20)):
                left -= len(piece)
            self.assertGreater(left, 0)
            raise imaplib.IMAP4.abort
