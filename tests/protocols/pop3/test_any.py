"""Any octets in any state: they are a command, or the peer is told that they are none; nothing else."""

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.pop3.commands.stat import Stat
from mailtwist.testing.wire import Wire
from tests.protocols.pop3.scene import LOGIN, Scene

WORDS = (
    "USER PASS APOP AUTH CAPA STLS STAT LIST UIDL RETR TOP DELE RSET NOOP QUIT LAST UTF8 LANG "
    "PLAIN LOGIN ann de en-GB "
    "AGFubgBzZWMgcmV0IA== YW5u = * 0 1 2 3 4 -1 999999999 99999999999999999999 1.5"
).split(" ")
WORD = st.sampled_from(
    [*(word.encode() for word in WORDS), b"sec ret ", b"", b"\xff\xfe", b"\0", b"x" * 3000]
)
LINE = st.lists(WORD, max_size=4).map(b" ".join)
PIECE = st.one_of(
    LINE.map(lambda line: line + b"\r\n"),
    LINE,
    st.binary(max_size=20),
    st.sampled_from([b"\r\n", b"\n", b"\r"]),
)
PIECES = st.lists(PIECE, max_size=12)

STATES = {
    "in clear": (b"", {"tls": False}),
    "before login": (b"", {}),
    "after USER": (b"USER ann\r\n", {}),
    "within AUTH": (b"AUTH PLAIN\r\n", {}),
    "logged in": (LOGIN, {}),
}
LISTS = re.compile(
    rb"\+OK (Capability|Unique-ID|Language l|Top of|Mechanisms|\d+ messages \(|\d+ octets\r"
    rb"|Liste der|Anfang der|\d+ Nachrichten \(|\d+ Byte\r)"
)
WORDS_OF_ONE = rb"[ -~\xc2-\xf4\x80-\xbf]+"  # LANG changes them
REPLY = re.compile(rb"(\+OK( %b)?|-ERR %b|\+ [A-Za-z0-9+/=]*)\r\n" % (WORDS_OF_ONE, WORDS_OF_ONE))
UNDERSTOOD = (b"+OK Capability list follows\r\n", "+OK Liste der Fähigkeiten\r\n".encode())


def replies(heard: bytes) -> list[bytes]:
    """First lines of the answers; AssertionError where it is not a sequence of answers."""
    found, at = [], 0
    while at < len(heard):
        reply = REPLY.match(heard, at)
        assert reply, heard[at : at + 80]
        found.append(reply[0])
        at = reply.end()
        if LISTS.match(reply[0]):
            at = at if heard.startswith(b".\r\n", at) else heard.index(b"\r\n.\r\n", at) + 2
            at += 3
    return found


class AnyOctets(SynchronousTestCase):
    def tried(self, state: str, pieces: list[bytes]) -> None:
        before, how = STATES[state]
        scene = Scene()
        wire = scene.greeted(**how)
        wire.send(before)
        wire.read()
        for piece in pieces:
            wire.send(piece)
        self.judged(wire, b"".join(pieces), replies(wire.read()))
        wire.hang_up()
        self.assertEqual(scene.clock.reactor.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])
        scene.logged_in().hang_up()  # nobody left a lock behind
        self.assertEqual(scene.realm.out, [b"ann"] * len(scene.realm.out))

    def judged(self, wire: Wire, said: bytes, heard: list[bytes]) -> None:
        if wire.disconnecting:
            self.assertTrue(heard[-1].startswith(b"-ERR") or heard[-1] == b"+OK Bye\r\n", heard)
            return
        if not wire.secured:
            self.assertEqual(len(heard), said.count(b"\r\n"))
        wire.send(b"\r\n")  # what comes with STLS is dropped
        wire.send(b"CAPA\r\nCAPA\r\nCAPA\r\n")  # half an AUTH LOGIN takes two, the third is understood
        self.assertTrue(wire.disconnecting or replies(wire.read())[-1] in UNDERSTOOD)

    @settings(deadline=None, max_examples=60)
    @example([b"STLS\r\n", b"AUTH LOGIN"])
    @example([b"STLS"])
    @example([b"LANG de\r\n"])
    @given(PIECES)
    def test_in_clear(self, pieces: list[bytes]) -> None:
        self.tried("in clear", pieces)

    @settings(deadline=None, max_examples=60)
    @given(PIECES)
    def test_before_login(self, pieces: list[bytes]) -> None:
        self.tried("before login", pieces)

    @settings(deadline=None, max_examples=40)
    @given(PIECES)
    def test_after_user(self, pieces: list[bytes]) -> None:
        self.tried("after USER", pieces)

    @settings(deadline=None, max_examples=40)
    @given(PIECES)
    def test_within_auth(self, pieces: list[bytes]) -> None:
        self.tried("within AUTH", pieces)

    @settings(deadline=None, max_examples=100)
    @given(PIECES)
    def test_logged_in(self, pieces: list[bytes]) -> None:
        self.tried("logged in", pieces)

    def test_a_planted_bug_turns_it_red(self) -> None:
        async def run(command: Stat, door: object) -> None:
            raise KeyError("planted")

        self.patch(Stat, "run", run)
        red = 0
        for state in STATES:
            try:
                self.tried(state, [b"CAPA\r\n", b"STAT\r\n"])
            except AssertionError:
                red += 1
        self.assertEqual(red, 1)  # STAT is understood in one of the states
