"""One connection to Redis: answers in any pieces, of any octets."""

from typing import Any

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.state.api import StateAway
from mailtwist.state.redis.link import ErrorReply, Link
from mailtwist.state.redis.place import Server
from mailtwist.testing.clock import ManualClock

ANSWERS = (
    (b":7\r\n", 7),
    (b"+OK\r\n", "OK"),
    (b"$3\r\n\r\n\xff\r\n", b"\r\n\xff"),
    (b"$0\r\n\r\n", b""),
    (b"$-1\r\n", None),
    (b"$1\r\n7\r\n", b"7"),
    (b"*3\r\n:1\r\n$2\r\nab\r\n$-1\r\n", [1, b"ab", None]),
    (b"*2\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n*0\r\n", [[b"a", b"b"], []]),
    (b"*0\r\n", []),
)


class LinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.heard: list[bytes] = []
        self.link = Link(self.clock, 2.0, self.heard.append, Server("here", 1))
        self.transport = StringTransport()
        self.link.makeConnection(self.transport)

    def asked(self) -> Any:
        return started(self.link.ask(b"ASK"))

    def test_answers_are_the_same_in_any_pieces(self) -> None:
        whole = b"".join(octets for octets, _ in ANSWERS) * 3
        for size in (1, 2, 7, len(whole)):
            asked = [self.asked() for _ in ANSWERS * 3]
            for at in range(0, len(whole), size):
                self.link.dataReceived(whole[at : at + size])
            answers = [self.successResultOf(one) for one in asked]
            self.assertEqual(answers, [answer for _, answer in ANSWERS] * 3)
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_an_error_is_the_answer_of_its_own_question(self) -> None:
        first, second = self.asked(), self.asked()
        self.link.dataReceived(b"-NOPERM no\r\n:1\r\n")
        self.assertEqual(str(self.failureResultOf(first, ErrorReply).value), "NOPERM no")
        self.assertEqual(self.successResultOf(second), 1)

    def test_what_is_published_is_no_answer(self) -> None:
        asked = self.asked()
        self.link.dataReceived(b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\n\xff \r\n:1\r\n")
        self.assertEqual((self.heard, self.successResultOf(asked)), ([b"\xff "], 1))

    def test_no_answer_in_time_ends_the_connection(self) -> None:
        first = self.asked()
        self.clock.advance(1.5)
        second = self.asked()
        self.clock.advance(0.5)
        self.assertTrue(self.transport.disconnecting)
        from twisted.internet.error import ConnectionDone
        from twisted.python.failure import Failure

        self.link.connectionLost(Failure(ConnectionDone()))
        for one in (first, second):
            self.assertIn("no answer in 2 s", self.failureResultOf(one, StateAway).value.detail)
        self.failureResultOf(self.asked(), StateAway)
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    def test_octets_of_something_else_end_the_connection(self) -> None:
        http = b"HTTP/1.1 400\r\n\r\n$x\r\n"
        for octets in (b"\xff\xfe\r\n", http, b"*x\r\n", b":x\r\n*2\r\n$x\r\n", b"x" * 70000):
            self.setUp()
            asked = self.asked()
            asked.addErrback(lambda failure: failure.trap(StateAway))
            self.link.dataReceived(octets)
            self.clock.advance(2)
            self.assertTrue(self.transport.disconnecting, octets[:20])
