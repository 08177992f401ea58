"""A test is a dialogue: `C:` and `S:` lines in a file, played in three ways that must not differ.

    # a comment; `@ key value` lines at the top set the scene
    C: a LOGIN ann secret        sent with CRLF; a `\\` at the end sends it without
    S: a OK ...                  `...` matches any text within a line
    S: ...                       any number of lines
    S: <closed>                  the server has closed
    C2: / S2:                    a second connection (up to 9)
    --                           the client waits here before it goes on

`\\xff`, `\\r`, `\\n`, `\\t` and `\\\\` are escapes.  Played line by line, octet by octet, and with all that
may be sent before the next mandatory wait at once (STARTTLS, a synchronising literal, IDLE, DATA, SASL).
"""

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from inspect import isawaitable
from pathlib import Path
from typing import Any, ClassVar, Literal

from twisted.trial.unittest import TestCase

from mailtwist.testing.wire import Wire

Way = Literal["line_by_line", "octet_by_octet", "pipelined"]
WAYS: tuple[Way, ...] = ("line_by_line", "octet_by_octet", "pipelined")

_STEP = re.compile(r"([CS])([1-9]?):(?: (.*))?")
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[rnt\\])")
_PLAIN = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}
_MUST_WAIT = re.compile(rb"(?i)(?:\S+ )?(?:STARTTLS|STLS|IDLE|DATA|AUTH(?:ENTICATE)? \S.*)|.*\{\d+\}")
_ASKED = re.compile(rb"(?:\+ |\+$|334|354)")


@dataclass(frozen=True)
class Step:
    """One line of a dialogue.  `side` is C, S or W (wait); `number` the line in the file."""

    side: Literal["C", "S", "W"]
    connection: int
    text: bytes
    number: int


@dataclass(frozen=True)
class Transcript:
    name: str
    steps: tuple[Step, ...]
    scene: dict[str, str] = field(default_factory=dict)


def parsed(text: str, name: str = "transcript") -> Transcript:
    """ValueError names the line that is not a step."""
    steps, scene = [], dict[str, str]()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("@ "):
            key, _, value = line[2:].partition(" ")
            scene[key] = value.strip()
            continue
        steps.append(_step(line, number, name))
    return Transcript(name, tuple(steps), scene)


def _step(line: str, number: int, name: str) -> Step:
    if line.strip() == "--":
        return Step("W", 0, b"", number)
    found = _STEP.fullmatch(line)
    if found is None:
        raise ValueError(f"{name}:{number}: not a step: {line!r}")
    side: Literal["C", "S"] = "C" if found[1] == "C" else "S"
    return Step(side, int(found[2] or 1), (found[3] or "").encode(), number)


def _octets(text: bytes) -> bytes:
    return _ESCAPE.sub(lambda m: _PLAIN.get(m[1]) or bytes([int(m[1][1:], 16)]), text)


def _pattern(text: bytes) -> re.Pattern[bytes]:
    return re.compile(b".*?".join(re.escape(_octets(piece)) for piece in text.split(b"...")), re.DOTALL)


class Player:
    """One dialogue, played.  `connect(number)` gives the wire of a new connection; `settle` lets things
    happen while the answer is not there yet."""

    def __init__(
        self,
        transcript: Transcript,
        connect: Callable[[int], Wire | Awaitable[Wire]],
        settle: Callable[[], object],
    ) -> None:
        self._transcript = transcript
        self._connect = connect
        self._settle = settle
        self._wires: dict[int, Wire] = {}
        self._heard: dict[int, bytearray] = {}
        self._skipping: set[int] = set()
        self._log: list[bytes] = []

    async def play(self, way: Way) -> None:
        """AssertionError, with the dialogue as it went, where it differs."""
        for group in _groups(self._transcript.steps, way):
            for step in (s for s in group if s.side == "C"):
                await self._say(step, way)
            for step in (s for s in group if s.side == "S"):
                await self._expect(step)
        for number in self._wires:
            await self._nothing_left(number)

    async def _wire(self, number: int) -> Wire:
        if number not in self._wires:
            wire = self._connect(number)
            self._wires[number] = wire if isinstance(wire, Wire) else await wire
            self._heard[number] = bytearray()
        return self._wires[number]

    async def _say(self, step: Step, way: Way) -> None:
        wire = await self._wire(step.connection)
        unended = step.text.endswith(b"\\") and not step.text.endswith(b"\\\\")
        data = _octets(step.text[:-1]) if unended else _octets(step.text) + b"\r\n"
        self._log.append(b"C: " + data)
        for piece in [bytes([b]) for b in data] if way == "octet_by_octet" else [data]:
            wire.send(piece)

    async def _expect(self, step: Step) -> None:
        wire = await self._wire(step.connection)
        if step.text == b"...":
            self._skipping.add(step.connection)
        elif step.text == b"<closed>":
            await self._until(step, lambda: wire.disconnecting or wire.disconnected)
        else:
            await self._expect_line(step)

    async def _expect_line(self, step: Step) -> None:
        wanted = _pattern(step.text)
        skipping = step.connection in self._skipping
        while True:
            line = await self._line(step)
            if wanted.fullmatch(line):
                self._skipping.discard(step.connection)
                return
            if not skipping:
                raise self._differs(step, f"the server said {line!r}")

    async def _line(self, step: Step) -> bytes:
        heard = self._heard[step.connection]
        wire = self._wires[step.connection]

        def arrived() -> bool:
            heard.extend(wire.read())
            return b"\r\n" in heard

        await self._until(step, arrived)
        line, _, rest = bytes(heard).partition(b"\r\n")
        heard[:] = rest
        self._log.append(b"S: " + line)
        return line

    async def _until(self, step: Step, true: Callable[[], bool]) -> None:
        for _ in range(2000):
            if true():
                return
            waited = self._settle()
            if isawaitable(waited):
                await waited
        raise self._differs(step, f"the server said no more than {bytes(self._heard[step.connection])!r}")

    async def _nothing_left(self, number: int) -> None:
        self._heard[number].extend(self._wires[number].read())
        left = bytes(self._heard[number])
        if left and number not in self._skipping:
            last = self._transcript.steps[-1]
            raise self._differs(last, f"connection {number} said more than expected: {left!r}")

    def _differs(self, step: Step, how: str) -> AssertionError:
        went = b"\n".join(self._log[-30:]).decode("utf-8", "backslashreplace")
        where = f"{self._transcript.name}:{step.number}"
        return AssertionError(f"{where}: expected {step.text.decode()!r}, but {how}\n{went}")


def _groups(steps: tuple[Step, ...], way: Way) -> Iterator[list[Step]]:
    """What is sent before anything is awaited, and what is then awaited."""
    group: list[Step] = []
    for step in steps:
        if group and step.side != "S" and _ends(group, step, way):
            yield group
            group = []
        if step.side != "W":
            group.append(step)
    if group:
        yield group


def _ends(group: list[Step], step: Step, way: Way) -> bool:
    """The client waits between `group` and `step`."""
    if way != "pipelined" or step.side == "W" or any(s.connection != step.connection for s in group):
        return any(s.side == "S" for s in group) or step.side == "W" or _other(group, step)
    said = [n for n, s in enumerate(group) if s.side == "C"]
    if not said:
        return True  # the greeting
    answers = [s for s in group[said[-1] + 1 :] if s.side == "S"]
    asked = bool(answers) and _ASKED.match(answers[-1].text) is not None
    return asked or bool(answers and _MUST_WAIT.fullmatch(group[said[-1]].text))


def _other(group: list[Step], step: Step) -> bool:
    return any(s.connection != step.connection for s in group)


class TranscriptCase(TestCase):
    """Subclass it, name the `folder` with `*.chat` files, and say how to `connect`; each file becomes three
    tests."""

    folder: ClassVar[Path | None] = None

    def __init_subclass__(cls, **kw: Any) -> None:
        super().__init_subclass__(**kw)
        if cls.folder is None:
            return
        files = sorted(cls.folder.glob("*.chat"))
        if not files:
            raise ValueError(f"no transcripts in {cls.folder}")
        for file in files:
            for way in WAYS:
                setattr(cls, f"test_{file.stem}_{way}", _test(file, way))

    def connect(self, transcript: Transcript) -> Callable[[int], Wire | Awaitable[Wire]]:
        """A new scene for one playing of `transcript`: what makes its connections."""
        raise NotImplementedError

    def settle(self) -> object:
        """Lets time pass a little; may be awaitable."""
        raise NotImplementedError


def _test(file: Path, way: Way) -> Callable[[TranscriptCase], Awaitable[None]]:
    async def test(self: TranscriptCase) -> None:
        transcript = parsed(file.read_text(), file.name)
        await Player(transcript, self.connect(transcript), self.settle).play(way)

    test.__doc__ = f"{file.name}, {way.replace('_', ' ')}"
    return test
