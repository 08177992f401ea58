"""Any octets in any state: they are a command, or the peer is told that they are none; nothing else."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.smtp.commands.noop import Noop
from mailtwist.protocols.smtp.extension import Dialect
from mailtwist.protocols.smtp.limits import Limits
from mailtwist.testing.wire import Wire
from tests.protocols.smtp.scene import PLAIN_ANN, Scene

WORDS = (
    "EHLO HELO MAIL RCPT DATA RSET NOOP QUIT VRFY HELP STARTTLS AUTH EXPN PLAIN LOGIN me FROM: TO: <> <a@b> "
    'FROM:<a@b> TO:<c@d> TO:<nobody@d> TO:<"a\\" b"@[IPv6:::1]> FROM:<@x,@y:a@b> SIZE=5 SIZE=x BODY=8BITMIME '
    "AUTH=<> X=Y AGFubgBzZXNhbWU= YW5u = * . .. S: x -1 99999999999999999999 "
    "BDAT LAST 0 1 7 100 LHLO SMTPUTF8 BODY=BINARYMIME RET=HDRS ENVID=a+20b NOTIFY=NEVER "
    "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b ORCPT=utf-8;\\x{FC}@b <@a,@b:c@[x:y]> "
    "FROM:<\u00fc@\u00fc> TO:<\u7528\u6237@\u4f8b\u5b50.\u5e7f\u544a>"
).split(" ")
WORD = st.sampled_from([*(word.encode() for word in WORDS), b"", b"\xff\xfe", b"\0", b"x" * 3000])
LINE = st.lists(WORD, max_size=4).map(b" ".join)
PIECE = st.one_of(
    LINE.map(lambda line: line + b"\r\n"),
    LINE,
    st.binary(max_size=20),
    st.sampled_from([b"\r\n", b"\n", b"\r", b".\r\n", b"\r\n.\r\n", b"\n.\n"]),
)
PIECES = st.lists(PIECE, max_size=12)

LIMITS = Limits(message=5000, useless=10_000)
EHLO = b"EHLO me\r\n"
STATES = {
    "new": (b"", {}),
    "in clear": (EHLO, {}),
    "greeted": (EHLO, {"tls": True}),
    "submission": (EHLO, {"tls": True, "strangers": False, "login_required": True}),
    "within AUTH": (EHLO + b"AUTH LOGIN\r\n", {"tls": True}),
    "logged in": (EHLO + PLAIN_ANN + b"\r\n", {"tls": True}),
    "with a sender": (EHLO + b"MAIL FROM:<a@b>\r\n", {}),
    "with a recipient": (EHLO + b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n", {}),
    "within BDAT": (EHLO + b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 20\r\nS: x\r\n", {}),
    "between chunks": (EHLO + b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 6\r\nS: x\r\n", {}),
    "binary": (EHLO + b"MAIL FROM:<a@b> BODY=BINARYMIME\r\nRCPT TO:<c@d>\r\n", {}),
    "LMTP": (
        b"LHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<split@d>\r\n",
        {"dialect": Dialect.installed(protocol="lmtp")},
    ),
    "within DATA": (EHLO + b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nS: x\r\n", {}),
}
REPLY = re.compile(rb"(?:([2-5]\d\d)-[ -~]*\r\n)*([2-5]\d\d) [ -~]*\r\n")


def replies(heard: bytes) -> list[int]:
    """The codes; AssertionError where it is not a sequence of replies."""
    found, at = [], 0
    while at < len(heard):
        reply = REPLY.match(heard, at)
        assert reply and reply[1] in (None, reply[2]), heard[at : at + 80]
        found.append(int(reply[2]))
        at = reply.end()
    return found


class AnyOctets(SynchronousTestCase):
    def tried(self, state: str, pieces: list[bytes]) -> None:
        before, how = STATES[state]
        scene = Scene()
        wire = scene.connect(limits=LIMITS, **how)
        wire.send(before)
        wire.read()
        for piece in pieces:
            wire.send(piece)
        heard = replies(wire.read())
        if wire.disconnecting:
            self.assertIn(heard[-1], (221, 421, 521, 552))
        else:
            self.still_there(wire)
        self.assertTrue(scene.over())
        self.assertEqual(self.flushLoggedErrors(), [])
        for transfer in scene.mails:
            if transfer.envelope.body == "BINARYMIME":
                continue
            self.assertEqual(transfer.message.count(b"\r\n"), transfer.message.count(b"\n"))

    def still_there(self, wire: Wire) -> None:
        """Whatever was half said ends, be it a login, a message or a chunk, and then the client is
        understood; or a chunk was too big to wait for its end."""
        wire.send(b"\r\n.\r\n*\r\n" + b"NOOP\r\n" * 2500)
        heard = replies(wire.read())
        self.assertTrue(wire.disconnecting or heard[-1] == 250, heard)
        if wire.disconnecting:
            self.assertIn(heard[-1], (221, 421, 503, 521, 552))  # 503 to a chunk that nobody wanted

    @settings(deadline=None, max_examples=60)
    @given(PIECES)
    def test_before_ehlo(self, pieces: list[bytes]) -> None:
        self.tried("new", pieces)

    @settings(deadline=None, max_examples=60)
    @given(PIECES)
    def test_in_clear(self, pieces: list[bytes]) -> None:
        self.tried("in clear", pieces)

    @settings(deadline=None, max_examples=60)
    @given(PIECES)
    def test_after_ehlo(self, pieces: list[bytes]) -> None:
        self.tried("greeted", pieces)

    @settings(deadline=None, max_examples=40)
    @given(PIECES)
    def test_submission(self, pieces: list[bytes]) -> None:
        self.tried("submission", pieces)

    @settings(deadline=None, max_examples=40)
    @given(PIECES)
    def test_within_auth(self, pieces: list[bytes]) -> None:
        self.tried("within AUTH", pieces)

    @settings(deadline=None, max_examples=60)
    @given(PIECES)
    def test_logged_in(self, pieces: list[bytes]) -> None:
        self.tried("logged in", pieces)

    @settings(deadline=None, max_examples=60)
    @given(PIECES)
    def test_with_a_sender(self, pieces: list[bytes]) -> None:
        self.tried("with a sender", pieces)

    @settings(deadline=None, max_examples=60)
    @given(PIECES)
    def test_with_a_recipient(self, pieces: list[bytes]) -> None:
        self.tried("with a recipient", pieces)

    @settings(deadline=None, max_examples=60)
    @given(PIECES)
    def test_within_data(self, pieces: list[bytes]) -> None:
        self.tried("within DATA", pieces)

    @settings(deadline=None, max_examples=60)
    @given(PIECES)
    def test_within_a_chunk(self, pieces: list[bytes]) -> None:
        self.tried("within BDAT", pieces)

    @settings(deadline=None, max_examples=60)
    @given(PIECES)
    def test_between_chunks(self, pieces: list[bytes]) -> None:
        self.tried("between chunks", pieces)

    @settings(deadline=None, max_examples=60)
    @given(PIECES)
    def test_a_binary_message(self, pieces: list[bytes]) -> None:
        self.tried("binary", pieces)

    @settings(deadline=None, max_examples=60)
    @given(PIECES)
    def test_lmtp(self, pieces: list[bytes]) -> None:
        self.tried("LMTP", pieces)

    def test_a_planted_bug_turns_it_red(self) -> None:
        async def run(command: Noop, session: object) -> None:
            raise KeyError("planted")

        self.patch(Noop, "run", run)
        red = 0
        for state in STATES:
            try:
                self.tried(state, [b"\r\n.\r\n*\r\n", b"NOOP\r\n"])
            except AssertionError:
                red += 1
        self.assertEqual(red, len(STATES))
