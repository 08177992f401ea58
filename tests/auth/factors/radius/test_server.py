"""One RADIUS server: what is sent to it, what it is believed, and when it is left alone."""

import errno
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailtwist.auth.factors.radius import server as server_module
from mailtwist.auth.factors.radius.packets import Answer, Code, Fact, Question
from mailtwist.auth.factors.radius.server import IDLE, REST, SOURCES, Server, Silent
from mailtwist.auth.factors.radius.source import IDENTIFIERS, Source, Waiting
from mailtwist.config.secret import Secret
from mailtwist.kit.spawn import started
from mailtwist.testing.clock import ManualClock
from tests.auth.factors.radius.peer import SECRET, Peer
from tests.auth.factors.radius.wire import ACCEPT, REJECT, Asked, answer
from tests.hearing import heard

FACTS = [(Fact.USER_NAME, b"ann")]


class ServerCase(TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.peer = Peer()
        self.peer.right.add(("ann", "271828"))
        self.peer.listen()
        self.addCleanup(self.peer.close)
        self.server = self.made()

    def made(self, port: int = 0, status: bool = True) -> Server:
        secret = Secret(SECRET.decode())
        made = Server("r", "127.0.0.1", port or self.peer.port, secret, self.clock, status=status)
        self.addCleanup(made.stop)
        return made

    def ask(self, code: str = "271828", failover: float = 3.0, seconds: float = 10.0, **how: Any) -> Any:
        """What becomes of it: an `Answer`, a `Silent`, or None so far."""
        return Result(self.server.ask(FACTS, code, failover, seconds, **how))

    async def until(self, true: Any) -> None:
        """Datagrams have their turn until it is true."""
        for _ in range(2000):
            if true():
                return
            await turn()
        self.fail("it never came to that")

    async def pass_by(self, seconds: float) -> None:
        """Time passes in small steps, and what is sent meanwhile arrives."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            for _ in range(3):
                await turn()


class Result:
    def __init__(self, work: Any) -> None:
        self.value: Any = None
        self.waiting = started(work)
        self.waiting.addCallbacks(self._came, self._failed)

    def _came(self, value: Any) -> None:
        self.value = value

    def _failed(self, failure: Any) -> None:
        self.value = failure.value


async def turn() -> None:
    """The reactor's."""
    from twisted.internet import reactor

    waiting: Deferred[None] = Deferred()
    turning: Any = reactor
    turning.callLater(0.0005, waiting.callback, None)
    await waiting


class AskingTests(ServerCase):
    async def test_yes_and_no(self) -> None:
        right, wrong = self.ask(), self.ask("111111")
        await self.until(lambda: right.value and wrong.value)
        self.assertEqual((right.value, wrong.value), (Answer(Code.ACCEPT), Answer(Code.REJECT)))
        self.assertIs(self.peer.asked[0].signed, True)

    async def test_a_question_is_sent_again_as_it_was(self) -> None:
        self.peer.says = self.peer.silence
        self.ask()
        await self.pass_by(9)
        self.assertGreaterEqual(len(self.peer.asked), 4)
        self.assertEqual(len({one.octets for one in self.peer.asked}), 1)
        self.assertEqual(len({one.port for one in self.peer.asked}), 1)

    async def test_pauses_become_longer(self) -> None:
        self.peer.says = self.peer.silence
        self.ask(seconds=100.0)
        seen = []
        for _ in range(60):
            await self.pass_by(1)
            seen.append(len(self.peer.asked))
        self.assertTrue(5 <= seen[-1] <= 8, seen)

    async def test_an_answer_to_the_second_is_taken(self) -> None:
        self.peer.says = lambda it: [] if len(self.peer.asked) < 2 else self.peer.truth(it)
        result = self.ask()
        await self.pass_by(1.5)
        await self.until(lambda: result.value)
        self.assertEqual(result.value.code, Code.ACCEPT)

    async def test_duplicates_late_ones_and_garbage_change_nothing(self) -> None:
        def says(it: Asked) -> list[bytes]:
            lies = [answer(it, ACCEPT, signed=False), answer(it, ACCEPT, secret=b"another")]
            lies += [answer(it, ACCEPT, identifier=it.identifier ^ 1), b"", b"\2", b"x" * 5000]
            lies += [answer(it, REJECT)[:size] for size in range(0, 38, 5)]
            lies += [answer(it, REJECT, raw=b"\x12\0"), answer(it, REJECT, raw=b"\x12\1")]
            return [*lies, answer(it, REJECT), answer(it, REJECT), answer(it, ACCEPT, signed=False)]

        self.peer.says = says
        results = [self.ask() for _ in range(5)]
        await self.until(lambda: all(result.value for result in results))
        self.assertEqual({result.value.code for result in results}, {Code.REJECT})
        port = self.peer.asked[0].port
        for one in self.peer.asked:
            self.peer.send(answer(one, ACCEPT), port)
        self.peer.says = self.peer.truth
        again = self.ask("111111")
        await self.until(lambda: again.value)
        self.assertEqual(again.value.code, Code.REJECT)

    async def test_forged_answers_are_silence(self) -> None:
        for lie in (
            lambda it: [answer(it, ACCEPT, signed=False)],
            lambda it: [answer(it, ACCEPT, secret=b"")],
            lambda it: [answer(it, REJECT, signed=False), answer(it, ACCEPT, signed=False)],
            lambda it: [bytes([ACCEPT]) + answer(it, REJECT)[1:]],
            lambda it: [it.octets],
        ):
            self.peer.says = lie
            self.peer.lives = False
            result = self.ask()
            await self.pass_by(10.2)
            self.assertIsInstance(result.value, Silent)
            self.assertIs(result.value.lives, False)
            self.assertIn("that can be believed; one", result.value.why)

    async def test_what_comes_from_another_port_is_not_read(self) -> None:
        other = Peer()
        other.listen()
        self.addCleanup(other.close)

        def elsewhere(it: Asked) -> list[bytes]:
            other.send(answer(it, ACCEPT), it.port)
            return []

        self.peer.says = elsewhere
        self.peer.lives = False
        result = self.ask()
        await self.pass_by(10.2)
        self.assertIsInstance(result.value, Silent)
        self.assertNotIn("believed", result.value.why)

    async def test_a_flood_of_garbage_is_told_once_in_a_while(self) -> None:
        self.peer.says = lambda it: [answer(it, ACCEPT, signed=False)] * 150
        events = heard(self)
        result = self.ask()
        await self.pass_by(9)
        told = [event for event in events if event.get("event_id") == "radius.dropped"]
        self.assertEqual(len(told), 1)
        self.assertIn("no Message-Authenticator", told[0]["why"])
        await self.pass_by(2)
        self.assertIsInstance(result.value, Silent)

    async def test_who_waits_no_more_leaves_nothing_behind(self) -> None:
        self.peer.says = self.peer.silence
        result = self.ask()
        await self.until(lambda: self.peer.asked)
        result.waiting.cancel()
        before = len(self.peer.asked)
        await self.pass_by(IDLE + 1)
        self.assertEqual((len(self.peer.asked), len(self.server.sources)), (before, 0))


class DeadTests(ServerCase):
    async def test_nobody_there_is_known_at_once(self) -> None:
        await self.peer.close()
        result = self.ask()
        await self.until(lambda: result.value)
        self.assertIn("refused", result.value.why)
        self.assertIs(self.server.awake, False)

    async def test_no_way_there_is_known_at_once(self) -> None:
        self.server = Server("r", "255.255.255.255", 1, Secret("s"), self.clock)
        result = self.ask()
        await self.until(lambda: result.value)
        self.assertIsInstance(result.value, Silent)

    async def test_a_host_that_the_kernel_gives_up_is_known_at_once(self) -> None:
        self.peer.says = self.peer.silence
        result = self.ask()
        await self.until(lambda: self.peer.asked)
        source: Any = self.server.sources[0]
        real = source._socket

        class Gone:
            fileno = real.fileno
            close = real.close

            def recv(self, size: int) -> bytes:
                source._socket = real
                raise OSError(errno.EHOSTUNREACH, "No route to host")

        source._socket = Gone()
        source.doRead()
        await self.until(lambda: result.value)
        self.assertIn("No route to host", result.value.why)

    async def test_silence_is_asked_whether_it_lives_and_waited_for_no_longer(self) -> None:
        self.peer.says, self.peer.lives = self.peer.silence, False
        result = self.ask(last=False)
        await self.pass_by(2.8)
        self.assertEqual((self.peer.probes, result.value), (0, None))
        await self.pass_by(2)
        self.assertGreater(self.peer.probes, 0)
        self.assertIsInstance(result.value, Silent)
        self.assertEqual((result.value.lives, self.server.awake), (False, False))

    async def test_who_lives_is_waited_for(self) -> None:
        self.peer.says = self.peer.silence
        result = self.ask(last=False)
        await self.pass_by(8)
        self.assertIsNone(result.value)
        self.peer.says = self.peer.truth
        self.peer.send(answer(self.peer.asked[0], ACCEPT), self.peer.asked[0].port)
        await self.until(lambda: result.value)
        self.assertEqual(result.value.code, Code.ACCEPT)

    async def test_who_lives_and_has_no_answer_is_not_left_alone(self) -> None:
        self.peer.says = self.peer.silence
        result = self.ask()
        await self.pass_by(10.2)
        self.assertEqual((result.value.lives, self.server.awake), (True, True))

    async def test_an_answer_while_it_is_probed_is_taken_at_once(self) -> None:
        self.peer.says, self.peer.lives = self.peer.silence, False
        result = self.ask(last=False)
        await self.pass_by(3.3)
        self.assertGreater(self.peer.probes, 0)
        self.peer.send(answer(self.peer.asked[0], REJECT), self.peer.asked[0].port)
        await self.until(lambda: result.value)
        self.assertEqual(result.value.code, Code.REJECT)

    async def test_answers_to_others_show_that_it_lives(self) -> None:
        self.server = self.made(status=False)
        self.peer.says = lambda it: [] if it.password == "000000" else self.peer.truth(it)
        slow = self.ask("000000", last=False)
        await self.pass_by(1)
        other = self.ask()
        await self.until(lambda: other.value)
        await self.pass_by(7)
        self.assertEqual((slow.value, self.peer.probes), (None, 0))
        await self.pass_by(3)
        self.assertIs(slow.value.lives, True)

    async def test_who_answered_others_and_died_is_left(self) -> None:
        self.peer.says = lambda it: [] if it.password == "000000" else self.peer.truth(it)
        slow = self.ask("000000", last=False)
        other = self.ask()
        await self.until(lambda: other.value)
        self.peer.lives = False
        await self.pass_by(5)
        self.assertEqual((slow.value.lives, self.server.awake), (False, False))

    async def test_without_status_server_nothing_else_is_asked(self) -> None:
        self.server = self.made(status=False)
        self.peer.says = self.peer.silence
        result = self.ask(last=False)
        await self.pass_by(3.2)
        self.assertEqual((self.peer.probes, result.value.lives), (0, False))

    async def test_after_a_rest_one_alone_finds_out(self) -> None:
        self.peer.says, self.peer.lives = self.peer.silence, False
        self.ask(last=False)
        await self.pass_by(5)
        self.assertIs(self.server.awake, False)
        self.clock.advance(REST)
        self.assertIs(self.server.awake, True)
        trying = self.ask()
        self.assertIs(self.server.awake, False)
        self.peer.says = self.peer.truth
        await self.pass_by(1.5)
        await self.until(lambda: trying.value)
        self.assertEqual((trying.value.code, self.server.awake), (Code.ACCEPT, True))


class ManyTests(ServerCase):
    async def test_300_at_once_are_told_apart(self) -> None:
        self.peer.says = self.peer.silence
        self.peer.right = {(f"u{number}", str(number)) for number in range(0, 300, 2)}
        results = [
            Result(self.server.ask([(Fact.USER_NAME, f"u{number}".encode())], str(number), 3.0, 60.0))
            for number in range(300)
        ]
        await self.pass_by(2.5)  # the kernel has no room for so many at once
        self.assertEqual(self.peer.different, 300)
        self.assertEqual(len(self.server.sources), 2)
        self.assertEqual(len({one.port for one in self.peer.asked}), 2)
        for one in {one.authenticator: one for one in reversed(self.peer.asked)}.values():
            self.peer.send(self.peer.truth(one)[0], one.port)
            await turn()
        await self.until(lambda: all(result.value for result in results))
        said = [result.value.code for result in results]
        self.assertEqual(said, [Code.ACCEPT, Code.REJECT] * 150)

    async def test_ports_that_nobody_uses_are_given_back_and_others_come(self) -> None:
        ports = set()
        for _ in range(5):
            result = self.ask()
            await self.until(lambda: result.value)
            ports.add(self.peer.asked[-1].port)
            self.clock.advance(IDLE)
            self.assertEqual(len(self.server.sources), 0)
        self.assertGreater(len(ports), 1)

    async def test_identifiers_rest_as_long_as_there_are_others(self) -> None:
        for _ in range(IDENTIFIERS):
            result = self.ask()
            await self.until(lambda: result.value)
        self.assertEqual(len({one.identifier for one in self.peer.asked}), IDENTIFIERS)

    async def test_who_ends_late_takes_nobodys_identifier(self) -> None:
        source = Source("127.0.0.1", self.peer.port, self.clock, lambda: None, lambda why: None)
        self.addCleanup(source.close)

        def asked() -> Waiting:
            return source.ask(lambda id: Question(id, Secret(SECRET.decode()), FACTS, "271828"))

        first = asked()
        first.over(Answer(Code.REJECT))
        others = [asked() for _ in range(IDENTIFIERS)]
        first.end()
        self.assertIs(source.full, True)
        for other in others:
            other.end()
        self.assertIs(source.idle, True)

    async def test_there_is_an_end(self) -> None:
        self.patch(server_module, "SOURCES", 1)
        self.peer.says = self.peer.silence
        results = [self.ask(seconds=60.0) for _ in range(IDENTIFIERS + 1)]
        self.assertIn(f"{IDENTIFIERS} questions wait", results[-1].value.why)
        self.assertIs(self.server.awake, True)
        self.assertEqual([result.value for result in results[:-1]], [None] * IDENTIFIERS)
        self.assertGreater(SOURCES, 1)
        for result in results[:-1]:
            result.waiting.cancel()
