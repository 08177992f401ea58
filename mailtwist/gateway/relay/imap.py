"""The relay of IMAP: one command at a time, and no octet of a literal before the server asks for it."""

from collections.abc import Callable
from typing import Any

from mailtwist.gateway.relay.imap_lines import LONGEST, Here, Line, ServerLines
from mailtwist.gateway.relay.imap_text import (
    MOST,
    Announced,
    Opening,
    announced,
    opening,
    program,
    tag_of,
    unasked,
)
from mailtwist.gateway.relay.imap_words import OURS, carried
from mailtwist.gateway.relay.joined import Bounds, Joined, Script
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.protocols.client import Call
from mailtwist.protocols.ends import Transport
from mailtwist.protocols.errors import LineTooLong, Malformed

REFUSED = Event("relay.refused", "{command} is not passed on", "debug")
ASTRAY = Event("relay.astray", "{where}: {why}", "warn")

IN_FLIGHT = 100
"""Commands that the server owes an answer; more are not read."""

LATE = 4096
"""Octets of our own that wait for the end of something the server says; then no command is read."""

BAD = 20
"""Commands in a row that made no sense; then BYE."""

_CAPABILITY = b"CAPABILITY "


class ImapRelay(Joined):
    """What is known of the two sides: the tags in flight; and of the command under way, while it is sent,
    whether the server has asked for its literal, and is owed the rest of it; or has answered it already."""

    __slots__ = (
        *("_lines", "_carried", "_allow", "_heard_program", "_flying", "_late", "_bad", "_said_bye"),
        *("_tag", "_asked", "_tells", "_literal", "_owes", "_answered", "_idling", "_why"),
    )

    def __init__(
        self,
        client: Transport,
        call: Call,
        clock: Clock,
        bounds: Bounds,
        id: str = "",
        *,
        offered: tuple[str, ...],
        allow: frozenset[str] = frozenset(),
        heard: Callable[[str], object] = lambda program: None,
    ) -> None:
        """`offered` are the words of CAPABILITY after login, `allow` names of further commands in upper case;
        `heard` is told what the client calls itself."""
        self._lines = ServerLines()
        self._carried = carried(offered, allow)
        self._allow = allow
        self._heard_program = heard
        self._flying: list[bytes] = []
        self._late = b""
        self._bad = 0
        self._tag = b""
        self._asked: bool | None = False
        self._said_bye = self._tells = self._literal = self._owes = self._answered = self._idling = False
        self._why = ""
        super().__init__(client, call, clock, bounds, id)

    # -- what the server says
    def from_server(self, data: bytes) -> None:
        pieces = []
        for piece in self._lines.feed(data):
            pieces.append(self._said(piece) if type(piece) is not bytes else piece)
            if self._why or (piece is Here.BOUNDARY and self._at_once):
                break
        self.to_client(b"".join(pieces) if len(pieces) > 1 else pieces[0])
        if self._why:
            ASTRAY.log(where=self._call.where, why=self._why, connection=self.id)
            self.end("The server behind is not understood", away=True)
        elif self._late and self.boundary:
            self.to_client(self._said(Here.BOUNDARY))

    def _said(self, piece: Any) -> bytes:
        """What the client hears of it."""
        if piece is Here.BOUNDARY:
            late, self._late = self._late, b""
            self._lines.wanted = self._at_once
            return late
        if piece.startswith(b"+"):
            return self._go_ahead(piece)
        if piece.startswith(b"* "):
            return self._untagged(piece)
        return self._tagged(piece)

    def _go_ahead(self, line: Line) -> bytes:
        """A client that has not been waiting for it must not hear it: it could be waiting for another one."""
        if self._asked is not None or not line.endswith(b"\n"):
            self._why = "a + that nobody waits for, or without an end"
            return b""
        self._asked = True
        self._owes = self._literal
        return line if self._tells else b""

    def _tagged(self, line: Line) -> bytes:
        tag = line.partition(b" ")[0]
        if tag in self._flying:
            self._flying.remove(tag)
        if tag == self._tag:
            self._answered = True
            if self._owes:  # what does it take the rest of it for?
                self._why = "an answer in the middle of a command"
            elif self._asked is None:
                self._asked = False
        return self._with_our_words(line, line.find(b" ") + 1)

    def _untagged(self, line: Line) -> bytes:
        head = line[2:14].upper()
        if head.startswith(b"BYE"):
            self._said_bye = True
        elif head.startswith(_CAPABILITY):
            return self._learned(line, 2, len(line) - 2)
        return self._with_our_words(line, 2)

    def _with_our_words(self, line: Line, status: int) -> bytes:
        """`[CAPABILITY ...]` is ours to say, wherever it is said."""
        start = line.find(b"[", status, status + 12)
        if start < 0 or not line[start + 1 : start + 13].upper().startswith(_CAPABILITY):
            return line
        end = line.find(b"]", start)
        end = len(line) - 2 if end < 0 else end
        return self._learned(line, start + 1, end)

    def _learned(self, line: Line, start: int, end: int) -> bytes:
        """The line, with what is ours from `start` to `end`."""
        if len(line) > LONGEST:  # what is made of them is kept for others
            self._why = "too many capabilities"
            return b""
        words = line[start + len(_CAPABILITY) : end].decode("ascii", "replace").split()
        self._carried = carried(tuple(words), self._allow)
        return b"%b%b%b" % (line[:start], self._carried.said, line[end:])

    # -- what is put in
    @property
    def boundary(self) -> bool:
        return self._lines.boundary

    @property
    def busy(self) -> bool:
        return bool(self._flying) and not self._idling

    @property
    def crowded(self) -> bool:
        return len(self._flying) >= IN_FLIGHT or len(self._late) >= LATE

    def finish(self, *, at_once: bool = False) -> None:
        self._lines.wanted = self._lines.wanted or at_once
        super().finish(at_once=at_once)

    def last_words(self, words: str, away: bool) -> bytes:
        if self._said_bye:
            return b""
        code = "[UNAVAILABLE] " if away else ""
        return b"%b* BYE %b%b\r\n" % (self._late, code.encode("ascii"), words.encode("ascii", "replace"))

    def _ours(self, octets: bytes) -> None:
        if self.boundary:
            self.to_client(octets)
        else:
            self._late += octets
            self._lines.wanted = True

    def _refuse(self, tag: bytes, words: str) -> None:
        self._ours(b"%b BAD %b\r\n" % (tag or b"*", words.encode("ascii", "replace")))
        self._bad += 1
        if self._bad == BAD:
            raise Malformed("Too many commands that make no sense")

    # -- what the client says
    def script(self) -> Script:
        while True:
            self.inside = False
            try:
                line = yield self.command
            except LineTooLong as error:
                self._refuse(b"", str(error))
            else:
                self.inside = True
                yield from self._take(line)

    def _take(self, line: bytes) -> Script:
        found = opening(line)
        if found is None:
            self._refuse(tag_of(line), "Expected a tag and a command")
            yield from self._skip(line)
            return
        try:
            literal = announced(found.text, first=True)
            take = self._way(found, literal)
        except Malformed as error:
            REFUSED.log(command=found.name, connection=self.id)
            self._refuse(found.tag, str(error))
            yield from self._skip(line)
            return
        self._bad = 0
        if (more := take(found, literal)) is not None:
            yield from more

    def _way(self, found: Opening, literal: Announced | None) -> Callable[..., Script | None]:
        ours = found.name in OURS and not found.by_uid
        if not ours and found.said.partition(b" ")[2].decode("ascii") not in self._carried.commands:
            raise Malformed("Unknown command, or not passed on")
        if literal is not None and (ours or found.name == "IDLE"):
            raise Malformed("Expected no literal")
        if ours:
            return self._answer
        if literal is not None:
            return self._with_literals
        return self._idle if found.name == "IDLE" else self._plain

    def _plain(self, found: Opening, literal: None) -> None:
        self._flying.append(found.tag)
        self.to_server(b"%b%b\r\n" % (found.said, found.text))

    def _answer(self, found: Opening, literal: None) -> None:
        if found.name == "ID":
            self._heard_program(program(found.text))
            said = b'ID ("name" "mailtwist")'
        else:
            said = self._carried.said
        self._ours(b"* %b\r\n%b OK %b completed\r\n" % (said, found.tag, found.name.encode("ascii")))

    def _with_literals(self, found: Opening, literal: Announced | None) -> Script:
        yield self.quiet
        self._begin(found.tag, literal=True)
        said = found.said
        while literal is not None:
            self._ask(b"%b%b{%d}\r\n" % (said, literal.before, literal.size), tells=literal.waits)
            if not (yield self._granted):
                if not literal.waits:
                    yield from self._drop(literal.size)
                break
            yield from self.passed(literal.size)
            rest = yield self.line
            said, literal = b"", announced(rest, first=False)
        else:
            self.to_server(rest + b"\r\n")
        self._owes = False
        self._tag = b""

    def _idle(self, found: Opening, literal: None) -> Script:
        yield self.quiet
        self._begin(found.tag, literal=False)
        self._ask(found.said + b"\r\n", tells=True)
        self._idling = yield self._granted
        self.inside = False
        while self._idling:
            line = yield self._line_or_answer
            if line is False:
                break
            if line.upper() == b"DONE":
                self.to_server(b"DONE\r\n")
                break
            self._refuse(tag_of(line), "Expected DONE")
            yield from self._skip(line)
        self._idling = False
        self._tag = b""

    def _begin(self, tag: bytes, *, literal: bool) -> None:
        self._tag = tag
        self._literal = literal
        self._answered = False
        self._flying.append(tag)

    def _ask(self, said: bytes, *, tells: bool) -> None:
        self._asked, self._tells = None, tells
        self.to_server(said)

    def _granted(self) -> bool | None:
        """The server has asked for what comes next, or has answered instead."""
        return self._asked

    def _line_or_answer(self) -> bytes | bool | None:
        return False if self._answered else self.line()

    def _skip(self, line: bytes) -> Script:
        """What the client sends behind a line that is not passed on goes nowhere."""
        while (size := unasked(line)) is not None:
            yield from self._drop_literal(size)
            line = yield self.line

    def _drop(self, size: int) -> Script:
        yield from self._drop_literal(size)
        yield from self._skip((yield self.line))

    def _drop_literal(self, size: int) -> Script:
        if size > MOST:
            raise Malformed("The literal is too big")
        yield from self.dropped(size)
