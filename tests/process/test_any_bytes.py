"""Whatever is sent to the ports: an answer or an end, never a traceback; then a login still works."""

import os
import random
import select
from base64 import b64encode

from twisted.trial.unittest import SynchronousTestCase

from tests.process.site import USER, Site, site
from tests.process.talk import Talker

PACE = 20
ROUNDS = 600 if os.environ.get("SOAK") == "full" else 40
"""Connections per port."""

SEED = int(os.environ.get("SEED", "20260801"))
PLAIN = b64encode(b"\0nobody\0x")
PIECES = (
    *(b"", b" ", b"\r\n", b"\r", b"\n", b"\0", b"\xff\xfe", b"\xc3\xa4", b'"', b"\\", b"a" * 300),
    *(b"{3}\r\n", b"{3+}\r\nabc", b"{0+}\r\n", b"{99999999999}\r\n", b"&AOQ-", b"<1.99999999999>"),
    *b"( ) * % 1 1:* *:4294967295 0 4294967296 INBOX &&& < > @ . .. = + - ~ NIL [] <0.0>".split(),
)
WORDS = {
    "imap": b"""CAPABILITY NOOP LOGOUT ID NAMESPACE SELECT EXAMINE CREATE DELETE RENAME SUBSCRIBE LSUB LIST
        UNSUBSCRIBE STATUS APPEND CHECK CLOSE UNSELECT EXPUNGE SEARCH FETCH STORE COPY MOVE UID IDLE DONE
        AUTHENTICATE LOGIN STARTTLS FLAGS ENVELOPE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS BODY[1.2.MIME]
        RFC822.SIZE RETURN INTERNALDATE +FLAGS.SILENT \\Deleted \\Seen ALL OR NOT SINCE 1-Jan-2026 SUBJECT
        CHARSET UTF-8 MESSAGES UIDNEXT""".split(),
    "pop3": b"USER PASS APOP STLS CAPA AUTH PLAIN STAT LIST UIDL RETR TOP DELE NOOP RSET QUIT 1 2 -1".split(),
    "smtp": b"""EHLO HELO MAIL FROM: RCPT TO: DATA RSET NOOP QUIT VRFY EXPN HELP STARTTLS AUTH PLAIN BDAT
        SIZE=9 BODY=8BITMIME SMTPUTF8 <> <postmaster>""".split(),
}
OPENINGS = {
    "imap": (
        *(b"a ", b"a UID ", b"a FETCH 1:* (", b"a UID SEARCH ", b"a STORE 1 ", b"a APPEND INBOX "),
        *(b'a LIST "" ', b"a SELECT ", b"a STATUS INBOX (", b"a CREATE ", b"a RENAME INBOX "),
    ),
    "pop3": (b"RETR ", b"TOP 1 ", b"AUTH PLAIN " + PLAIN, b"LIST ", b""),
    "smtp": (
        *(b"MAIL FROM:<a@example.net>", b"RCPT TO:<%b>" % USER.encode(), b"RCPT TO:", b"MAIL FROM:"),
        *(b"DATA\r\n", b""),
    ),
}


def line(protocol: str, by: random.Random) -> bytes:
    """Something like a command, more or less."""
    if by.random() < 0.05:
        return by.randbytes(by.randrange(1, 3000))
    pieces = [by.choice(OPENINGS[protocol])]
    for _ in range(by.randrange(6)):
        pieces.append(by.choice(WORDS[protocol]) if by.random() < 0.6 else by.choice(PIECES))
        pieces.append(b" " if by.random() < 0.8 else b"")
    return b"".join(pieces) + (b"\r\n" if by.random() < 0.95 else b"")


class AnyBytes(SynchronousTestCase):
    def setUp(self) -> None:
        self.site: Site = site("any-bytes", PACE)

    def sends_anything(self, service: str, protocol: str, begun: bool, tls: bool = False) -> None:
        by = random.Random(f"{SEED} {service} {begun}")
        for _ in range(ROUNDS):
            talker = self.talker(service, begun, tls)
            lines = [line(protocol, by) for _ in range(by.randrange(1, 30))]
            try:
                for one in lines:
                    talker.send(one)
                    if by.random() < 0.3:
                        drink(talker)
                drink(talker)
            except OSError:
                pass  # the server has ended it
            talker.reset() if by.random() < 0.5 else talker.close()
        self.site.healthy()

    def talker(self, service: str, begun: bool, tls: bool) -> Talker:
        if begun and service == "imap":
            return self.site.imap(b"INBOX")
        if begun and service == "pop3":
            return self.site.pop3()
        if begun and service == "smtp":
            return self.site.smtp()
        return self.site.connect(service, tls=tls)

    def test_imap_before_login(self) -> None:
        self.sends_anything("imap", "imap", False)

    def test_imap_with_a_mailbox(self) -> None:
        with self.site.imap() as imap:
            for number in range(3):
                imap.imap(
                    b"APPEND INBOX", b"Subject: %d\r\nContent-Type: multipart/mixed\r\n\r\n--\r\n" % number
                )
        self.sends_anything("imap", "imap", True)

    def test_imap_under_tls(self) -> None:
        self.sends_anything("imaps", "imap", False, tls=True)

    def test_what_is_no_tls(self) -> None:
        self.sends_anything("imaps", "imap", False)

    def test_pop3_before_login(self) -> None:
        self.sends_anything("pop3", "pop3", False)

    def test_pop3_with_a_maildrop(self) -> None:
        self.sends_anything("pop3", "pop3", True)

    def test_smtp(self) -> None:
        self.sends_anything("smtp", "smtp", True)

    def test_submission(self) -> None:
        self.sends_anything("submission", "smtp", False)


def drink(talker: Talker) -> None:
    """What is there to be read is read; nobody waits."""
    while select.select([talker.socket], [], [], 0.01)[0]:
        if not talker.socket.recv(65536):
            raise ConnectionResetError
