"""The player of dialogues: it passes what is right, and fails what is not."""

from twisted.protocols.basic import LineReceiver
from twisted.trial.unittest import TestCase

from mailtwist.testing.transcript import WAYS, Player, parsed
from mailtwist.testing.wire import Wire


class Parrot(LineReceiver):
    """Answers each line; DATA is answered with 354 and wants a line more."""

    def connectionMade(self) -> None:
        self.sendLine(b"220 parrot")
        self.seen: list[bytes] = []

    def lineReceived(self, line: bytes) -> None:
        self.seen.append(line)
        if line == b"QUIT":
            self.sendLine(b"221 bye")
            self.transport.loseConnection()
        elif line == b"DATA":
            self.sendLine(b"354 go on")
        elif line == b"MANY":
            self.sendLine(b"one\r\ntwo\r\nthree")
        else:
            self.sendLine(b"250 " + line)


class TranscriptTests(TestCase):
    async def played(self, text: str, way: str = "line_by_line") -> list[Wire]:
        wires: list[Wire] = []

        def connect(number: int) -> Wire:
            wires.append(Wire(Parrot()))
            return wires[-1]

        await Player(parsed(text), connect, lambda: None).play(way)
        return wires

    async def test_a_right_dialogue_passes_in_all_ways(self) -> None:
        text = (
            "# greets\nS: 220 ...\nC: a\nS: 250 a\nC: MANY\nS: one\nS: ...\nS: three\n"
            "C: \\x41\\\\\nS: 250 A\\\\\nC: DATA\nS: 354 ...\nC: QUIT\nS: 221 bye\nS: <closed>\n"
        )
        for way in WAYS:
            await self.played(text, way)

    async def test_a_wrong_answer_fails(self) -> None:
        for text in (
            "S: 220 ...\nC: a\nS: 250 b\n",
            "S: 220 ...\nC: a\n",
            "S: 220 ...\nC: a\nS: 250 a\nS: 250 a\n",
            "S: 220 ...\nC: a\nS: 250 a\nS: <closed>\n",
        ):
            for way in WAYS:
                with self.assertRaises(AssertionError, msg=text):
                    await self.played(text, way)

    async def test_pipelined_sends_up_to_the_mandatory_wait(self) -> None:
        pieces: list[bytes] = []

        class Watched(Wire):
            def send(self, data: bytes) -> None:
                pieces.append(data)
                super().send(data)

        text = "S: 220 ...\nC: a\nS: 250 a\nC: DATA\nS: 354 ...\nC: b\nS: 250 b\nC: c\nS: 250 c\n"
        order: list[str] = []
        wire = Watched(Parrot())
        read = wire.read
        wire.read = lambda: order.append(f"read after {len(pieces)}") or read()
        await Player(parsed(text), lambda n: wire, lambda: None).play("pipelined")
        self.assertEqual(pieces, [b"a\r\n", b"DATA\r\n", b"b\r\n", b"c\r\n"])
        self.assertNotIn("read after 1", order)
        self.assertNotIn("read after 3", order)

    async def test_two_connections_are_two(self) -> None:
        wires = await self.played("S: 220 ...\nS2: 220 ...\nC2: x\nS2: 250 x\nC: y\nS: 250 y\n", "pipelined")
        self.assertEqual([w.protocol.seen for w in wires], [[b"y"], [b"x"]])

    def test_what_is_not_a_step_is_named_by_line(self) -> None:
        with self.assertRaisesRegex(ValueError, "transcript:2: not a step"):
            parsed("S: hello\nX: what\n")
