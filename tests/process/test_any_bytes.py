"""Whatever is sent to the ports: an answer or an end, never a traceback; then a login still works."""

import os
import random
import re
import select

from twisted.trial.unittest import SynchronousTestCase

from tests.process.site import Site, site
from tests.process.talk import Talker

PACE = 20
ROUNDS = 600 if os.environ.get("SOAK") == "full" else 100
"""Connections per port."""

SEED = int(os.environ.get("SEED", "20260801"))
PIECES = (
    *(b"", b" ", b"\r\n", b"\r", b"\n", b"\0", b"\xff\xfe", b"\xc3\xa4", b'"', b"\\", b"a" * 300),
    *(b"{3}\r\n", b"{3+}\r\nabc", b"{0+}\r\n", b"{99999999999}\r\n", b"&AOQ-", b"<1.99999999999>"),
    *b"( ) * % 1 1:* *:4294967295 0 4294967296 INBOX &&& < > @ . .. = + - ~ NIL [] <0.0>".split(),
)
NUMBERS = b"0 2 * 1:* 4294967295 4294967296 18446744073709551616 -1 1.1 007".split()
DIALOGUE = {
    "imap": b"""\
a CAPABILITY
a ID ("name" "x" "version" NIL)
a LOGIN nobody "x y"
a AUTHENTICATE PLAIN AG5vYm9keQB4
a NAMESPACE
a SELECT INBOX
a EXAMINE "Archive"
a CREATE "a/b" (USE (\\Drafts))
a DELETE a/b
a RENAME INBOX x/y
a SUBSCRIBE "&AOQ-"
a LIST (SUBSCRIBED) "" ("*" "%") RETURN (CHILDREN)
a LSUB "" "*"
a STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN RECENT)
a APPEND INBOX (\\Seen Mine) "17-Jul-1996 02:44:25 -0700" {3+}\r\nabc
a FETCH 1:* (FLAGS UID ENVELOPE BODYSTRUCTURE INTERNALDATE RFC822.SIZE)
a FETCH 1,2:3 (BODY.PEEK[HEADER.FIELDS (Subject "To")]<0.100> BODY[1.MIME] BODY[1.2] BODY[TEXT] RFC822.HEADER)
a UID FETCH 1:4 FULL
a STORE 1:2 +FLAGS.SILENT (\\Deleted Mine)
a UID STORE 1:* FLAGS ()
a SEARCH CHARSET UTF-8 OR (SINCE 1-Jan-2026 NOT SEEN) HEADER Subject "1" UID 1:9 LARGER 5 BODY {1+}\r\nx
a UID SEARCH 1:* KEYWORD Mine NOT NOT (OR ANSWERED TEXT x) SENTON 1-Feb-1994
a COPY 1 Archive
a UID MOVE 2:3 Archive
a EXPUNGE
a UID EXPUNGE 1:3
a IDLE\r\nDONE
a CLOSE""",
    "pop3": b"""\
USER x
PASS x y
APOP x y
AUTH PLAIN AG5vYm9keQB4
STAT
LIST 1
LIST
UIDL 1
RETR 1
TOP 1 2
DELE 1
RSET""",
    "smtp": b"""\
EHLO client.example.net
HELO [127.0.0.1]
MAIL FROM:<a.b@example.net> SIZE=999 BODY=8BITMIME
MAIL FROM:<"a b"@[IPv6:::1]>
RCPT TO:<@x.example,@y.example:ann@example.test>
RCPT TO:<ann@example.test> NOTIFY=NEVER
RCPT TO:<postmaster>
DATA
Subject: x\r\n\r\n..x\r\n.
BDAT 9\r\nSubject: \r\nBDAT 4 LAST\r\nx\r\n\r
BDAT 0 LAST
MAIL FROM:<m\xc3\xbcller@b\xc3\xbccher.example> SMTPUTF8 BODY=BINARYMIME RET=HDRS ENVID=a+20b AUTH=<>
RCPT TO:<ann@example.test> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;\\x{FC}@x
AUTH LOGIN\r\nbm9ib2R5\r\neA==
VRFY <ann@example.test>
EXPN staff SMTPUTF8
HELP MAIL
NOOP x""",
    "lmtp": b"""\
LHLO front.example.net
MAIL FROM:<a.b@example.net> SIZE=999 BODY=8BITMIME SMTPUTF8
MAIL FROM:<>
RCPT TO:<ann+detail@example.test> NOTIFY=NEVER
RCPT TO:<"ann+/../x"@example.test>
RCPT TO:<\xc3\xa4nn+\xc3\xa4@EXAMPLE.test>
RCPT TO:<+@example.test>
RCPT TO:<postmaster>
DATA
Return-Path: <x>\r\n y\r\nReceived: x\r\n\r\n..x\r\n.
BDAT 5 LAST\r\nx: y\r
RSET""",
}
MESSAGE = b"""\
Subject: =?utf-8?q?=C3=A4?= 1\r
From: "a" <a@example.net>, b: c@example.net, d@example.net;\r
Content-Type: multipart/mixed; boundary=x\r
\r
--x\r
Content-Type: message/rfc822\r
\r
Subject: within\r
\r
text\r
--x--\r
"""
COMMANDS = {name: re.split(rb"(?<!\r)\n", text) for name, text in DIALOGUE.items()}
TOKEN = re.compile(rb"[A-Za-z]+|[0-9]+|\s+|.", re.DOTALL)


def line(protocol: str, by: random.Random) -> bytes:
    """A command with something wrong in it, as a rule."""
    if by.random() < 0.02:
        return by.randbytes(by.randrange(1, 3000))
    tokens = TOKEN.findall(by.choice(COMMANDS[protocol]))
    for _ in range(by.choice((0, 1, 1, 2, 3))):
        at = by.randrange(len(tokens) or 1)
        how = by.randrange(4)
        if how == 0 or not tokens:
            del tokens[at : at + 1 + by.randrange(2)]
        elif how == 1:
            tokens.insert(at, by.choice(tokens) * by.choice((1, 1, 2, 50)))
        else:
            tokens[at] = by.choice(NUMBERS if tokens[at].isdigit() else PIECES)
    return b"".join(tokens) + (b"\r\n" if by.random() < 0.98 else b"")


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
        """`begun`: as far into a session as it goes."""
        if not begun:
            return self.site.connect(service, tls=tls)
        if service == "imap":
            imap = self.site.imap(b"INBOX")
            imap.imap(b"APPEND INBOX", MESSAGE)
            return imap
        if service == "pop3":
            return self.site.pop3()
        smtp = self.site.smtp() if service == "smtp" else self.lmtp()
        smtp.smtp(b"MAIL FROM:<a@example.net>")
        smtp.smtp(b"RCPT TO:<ann@example.test>")
        return smtp

    def lmtp(self) -> Talker:
        lmtp = self.site.connect("lmtp")
        lmtp.smtp()
        lmtp.smtp(b"LHLO front.example.net")
        return lmtp

    def test_imap_before_login(self) -> None:
        self.sends_anything("imap", "imap", False)

    def test_imap_with_a_mailbox(self) -> None:
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

    def test_lmtp(self) -> None:
        self.sends_anything("lmtp", "lmtp", True)


def drink(talker: Talker) -> None:
    """What is there to be read is read; nobody waits."""
    while select.select([talker.socket], [], [], 0.01)[0]:
        if not talker.socket.recv(65536):
            raise ConnectionResetError
