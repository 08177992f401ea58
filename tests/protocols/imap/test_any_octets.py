"""Any octets in any state: they are parsed, or the peer is blamed; however they come, it is the same."""

from collections.abc import Sequence
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import whole
from mailtwist.testing.wire import Wire
from tests.protocols.imap.scene import Scene

STATES: dict[str, Sequence[bytes]] = {
    "not_authenticated": (),
    "authenticated": (b"l LOGIN ann secret\r\n",),
    "selected": (b"l LOGIN ann secret\r\n", b"m SELECT INBOX\r\n"),
    "examined": (b"l LOGIN ann secret\r\n", b"m EXAMINE INBOX\r\n"),
    "idling": (b"l LOGIN ann secret\r\n", b"m SELECT INBOX\r\n", b"n IDLE\r\n"),
    "answering": (b"l AUTHENTICATE PLAIN\r\n",),
    "in_a_literal": (b"l LOGIN ann secret\r\n", b"m APPEND INBOX {20}\r\n"),
}

NAMES = [name.encode() for name in whole().commands]
WORDS = [
    *(b"a " + name + b" " for name in NAMES),
    *(b"a UID " + name + b" " for name in (b"FETCH", b"STORE", b"SEARCH", b"COPY", b"MOVE")),
    *b"INBOX inbox Sent ann secret PLAIN DONE * = NIL () ( ) (\\Seen) (kw) +FLAGS FLAGS.SILENT".split(),
    *b"1:* 1 2:3 * 99 0 4294967295 99999999999 1,,2 (FLAGS) BODY[] BODY.PEEK[1.2.HEADER]<0.5>".split(),
    *b'ENVELOPE BODYSTRUCTURE (MESSAGES) ALL UNSEEN OR NOT HEADER CHARSET "" "x" "\\" "\\\\"'.split(),
    *b"{5+} {5} {-1} {99999999999999999999} {9999999+} (((( \xff\x00 AGFubgBzZWNyZXQ= &Jjo- &Jjo".split(),
    b"\r\n",
    b"\r\n",
    b"\r\n",
    b" ",
    b"\n",
    b"\r",
    b"a LOGIN ann secret\r\n",
    b"a SELECT INBOX\r\n",
    b"a APPEND Sent {3+}\r\nabc\r\n",
    b"{3}\r\nabc",
    b"{3+}\r\nabc",
]

octets = st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=8)), max_size=14).map(b"".join)


class AnyOctets(SynchronousTestCase):
    def hear(self, state: str, pieces: Sequence[bytes]) -> bytes:
        scene = Scene()
        wire = scene.wire()
        for line in STATES[state]:
            wire.send(line)
        wire.read()
        heard = b""
        for piece in pieces:
            wire.send(piece)
            heard += wire.read()
        scene.clock.advance(3600)
        heard += wire.read()
        self.assertTrue(wire.disconnecting, "nobody waits for ever")
        wire.hang_up()
        self.assertEqual([failure.getTraceback() for failure in self.flushLoggedErrors()], [])
        self.assertEqual(scene.clock.reactor.getDelayedCalls(), [])
        self.assertEqual(scene.inbox._listeners, {})
        self.assertLessEqual(len(scene.realm.left), 1)
        return heard

    def check(self, state: str, data: bytes) -> None:
        whole_heard = self.hear(state, [data])
        self.assertEqual(self.hear(state, [data[n : n + 1] for n in range(len(data))]), whole_heard)

    def test_planted_bugs_are_found(self) -> None:
        """What the tests below look for, they find."""
        noop = whole().commands["NOOP"]

        async def broken(self: Any, session: Session) -> Any:
            raise KeyError("planted")

        self.patch(noop, "run", broken)
        with self.assertRaises(AssertionError):
            self.check("selected", b"a NOOP\r\n")
        send = Wire.send
        self.patch(Wire, "send", lambda wire, data: send(wire, b"*" if len(data) == 1 else data))
        with self.assertRaises(AssertionError):
            self.check("selected", b"a CHECK\r\n")


def _in(state: str) -> Any:
    @settings(deadline=None, max_examples=60)
    @given(octets)
    @example(b"a {3+}\r\nabc")
    @example(b"\xff\x00\r\n")
    @example(b"a LOGIN {5+}")
    @example(b"a LOGIN ann {3+}\r\n\x00\r\n\r\n")
    def test(self: AnyOctets, data: bytes) -> None:
        self.check(state, data)

    test.__doc__ = f"{state.replace('_', ' ')}"
    return test


for _state in STATES:
    setattr(AnyOctets, f"test_{_state}", _in(_state))
