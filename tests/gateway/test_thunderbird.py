"""What Thunderbird says, from login to IDLE: the answers are those that it gets without a gateway."""

import base64
import re

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.corpus import messages
from tests.backends.server import Server
from tests.gateway.whole import before_dovecot
from tests.peers.programs import needs
from tests.process.talk import Talker, deliver

HEADER = (
    b"From To Cc Bcc Resent-Message-ID Subject Date Message-ID Priority X-Priority References Newsgroups"
    b" In-Reply-To Content-Type Reply-To"
)
SENT = (
    b"Message-ID: <6f4c@inside.test>\r\nDate: Thu, 1 Jan 2026 12:00:00 +0100\r\nMIME-Version: 1.0\r\n"
    b"User-Agent: Mozilla Thunderbird\r\nSubject: Gr\xc3\xbc\xc3\x9fe\r\nFrom: Ann <ann@inside.test>\r\n"
    b"Content-Type: text/plain; charset=UTF-8; format=flowed\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    b"Hallo,\r\n.\r\nein Text mit {5}\r\na OK fertig\r\n"
)
NEW = b"From: x@elsewhere.example\r\nMessage-Id: <new@x>\r\nSubject: new\r\n\r\nnew\r\n"

Said = bytes | tuple[bytes, bytes]
"""A command, maybe with a literal behind it, which is sent without being asked for."""

OPENED: tuple[Said, ...] = (
    b'ID ("name" "Thunderbird" "version" "128.5.0esr")',
    b"namespace",
    b'list (subscribed) "" "*" return (special-use)',
    b'list "" "INBOX"',
    b'lsub "" "*"',
    b'list "" "*"',
    b'create "Sent"',
    b'subscribe "Sent"',
    b'create "Trash"',
    b'subscribe "Trash"',
    b'STATUS "Sent" (UIDNEXT MESSAGES UNSEEN RECENT)',
    b'select "INBOX" (CONDSTORE)',
    b"UID fetch 1:* (FLAGS)",
    b"UID fetch 1:20 (UID RFC822.SIZE FLAGS BODY.PEEK[HEADER.FIELDS (%b)])" % HEADER,
    b"UID fetch 1:20 (UID RFC822.SIZE BODY.PEEK[])",
    b"UID fetch 5 (BODYSTRUCTURE)",
    b"UID fetch 5 (BODY.PEEK[HEADER] BODY.PEEK[1.MIME] BODY.PEEK[1])",
    b"UID fetch 7 (UID RFC822.SIZE BODY[]<0.1024>)",
    b"UID fetch 7 (UID RFC822.SIZE BODY[]<1024.20000>)",
    b"uid store 2:4 +Flags (\\Seen)",
    b"uid store 4 +Flags (\\Deleted \\Seen)",
    b"uid store 5 +FLAGS.SILENT (NonJunk $label1)",
    b'uid copy 2 "Trash"',
    b'uid move 3 "Trash"',
    b"uid expunge 4",
    (b'append "Sent" (\\Seen)', SENT),
    b'select "Sent" (CONDSTORE)',
    b"UID SEARCH UNDELETED HEADER Message-ID <6f4c@inside.test>",
    b"UID fetch 1 (UID RFC822.SIZE BODY.PEEK[])",
    b"close",
    b'select "INBOX" (CONDSTORE)',
    b"noop",
)
OTHERWISE = re.compile(
    rb" \(\d+\.\d+ .*secs.*?\)| \(\d+\.\d+ sec\)|(?<=UIDVALIDITY )\d+|(?<=UID )\d{9,}|(?<=MODSEQ )\(?\d+|"
    rb"(?<=COPYUID )\d+|(?<=APPENDUID )\d+|(?<=MAILBOXID )\(\S+\)|\d+(?=-\d+-\d+@)"
)
"""What is not the same for two people, or at two times."""


def spoken(talker: Talker, user: str, secret: str) -> list[list[bytes]]:
    """The answers to what Thunderbird says, from the login on."""
    talker.line()
    talker.imap(b"capability")
    talker.send(b"t authenticate PLAIN\r\n")
    assert talker.line().startswith(b"+"), "no prompt"
    talker.send(base64.b64encode(f"\0{user}\0{secret}".encode()) + b"\r\n")
    answer = talker.answer(b"t")
    assert answer[-1].startswith(b"OK "), answer
    return [_said(talker, one) for one in OPENED]


def _said(talker: Talker, one: Said) -> list[bytes]:
    told = talker.imap(one) if isinstance(one, bytes) else talker.imap(*one)
    return [OTHERWISE.sub(b"", line) for line in told]


def idle(talker: Talker, server: Server, user: str) -> list[bytes]:
    """What is told in IDLE while a mail comes to `server`, and the answer to DONE."""
    talker.send(b"i IDLE\r\n")
    assert talker.line().startswith(b"+"), "no IDLE"
    with Talker(server.ports["lmtp"]) as lmtp:
        lmtp.smtp()
        lmtp.smtp(b"LHLO client.example.net")
        answer = deliver(lmtp, "x@elsewhere.example", [user], NEW)
        assert answer.startswith(b"250 "), answer
    told = []
    while not (line := talker.line()).endswith(b" EXISTS"):
        told.append(line)
    talker.send(b"DONE\r\n")
    return [*told, line, talker.answer(b"i")[-1][:2]]


@needs("dovecot")
class DovecotTests(SynchronousTestCase):
    timeout = 600

    def test_its_dialogue_with_dovecot(self) -> None:
        gateway = before_dovecot()
        through, direct = gateway.person("thunderbird"), gateway.person("thunderbird-direct")
        for person in (through, direct):
            gateway.home.put(person.address, messages(20))
        with (
            Talker(gateway.server.port("imaps"), tls=True) as ours,
            Talker(gateway.home.ports["imaps"], tls=True) as theirs,
        ):
            got = spoken(ours, through.address, through.secret)
            wanted = spoken(theirs, direct.address, direct.password)
            for command, mine, other in zip(OPENED[1:], got[1:], wanted[1:], strict=True):
                self.assertEqual(mine, other, command)
            refused = [one for one, answer in zip(OPENED, wanted, strict=True) if answer[-1][:2] != b"OK"]
            self.assertEqual(refused, [])
            self.assertEqual(idle(ours, gateway.home, through.address), [b"* 19 EXISTS", b"OK"])
            self.assertTrue(ours.imap(b"logout")[-1].startswith(b"OK "))
            self.assertEqual(ours.rest(), b"")
