"""A POP3 client that has logged in, and its maildrop at a server behind: each command is read, and passes or
is refused; several may be on their way at a time."""

from mailtwist.gateway.relay.joined import Bounds, Joined, Script
from mailtwist.gateway.relay.pop3_answers import Answers
from mailtwist.gateway.relay.pop3_commands import Table
from mailtwist.gateway.relay.steps import OUT_OF_STEP, OutOfStep
from mailtwist.kit.clock import Clock
from mailtwist.protocols.client import Call
from mailtwist.protocols.ends import Transport
from mailtwist.protocols.errors import Malformed, Unframed
from mailtwist.protocols.pop3.replies import err

MOST_IN_FLIGHT = 100
"""Commands that wait for their answers, with those that we answer ourselves behind them."""

MOST_BAD = 20
"""Commands in a row that did not pass; then the connection ends."""


class Pop3Relay(Joined):
    """`table` says what passes."""

    __slots__ = ("_answers", "_table")

    def __init__(
        self, client: Transport, call: Call, clock: Clock, bounds: Bounds, id: str, table: Table
    ) -> None:
        self._answers = Answers()
        self._table = table
        super().__init__(client, call, clock, bounds, id)

    def script(self) -> Script:
        bad = 0
        while bad < MOST_BAD:
            try:
                name, arguments = self._table.command((yield self.command))
            except Unframed:
                raise
            except Malformed as error:
                bad += 1
                self.to_client(self._answers.ours(err(str(error))))
                continue
            bad = 0
            self._take(name, arguments)
            if name == b"QUIT":
                yield self.quiet
                return
        raise Unframed("Too many commands that make no sense")

    def _take(self, name: bytes, arguments: bytes) -> None:
        if name == b"CAPA":
            self.to_client(self._answers.ours(self._table.capa))
            return
        self._answers.asked(lines=self._table.kinds[name].has_lines(arguments))
        self.to_server(name + b" " * bool(arguments) + arguments + b"\r\n")

    @property
    def crowded(self) -> bool:
        return self._answers.queued >= (MOST_IN_FLIGHT if self._table.pipelines else 1)

    def from_server(self, data: bytes) -> None:
        try:
            heard = self._answers.passed(data)
        except OutOfStep as error:
            OUT_OF_STEP.log(where=self._call.where, why=error.detail, connection=self.id)
            self.end(error.public, away=True)
            return
        self.to_client(heard)
        if self._answers.goodbye:
            self.end()

    @property
    def boundary(self) -> bool:
        return self._answers.between

    @property
    def busy(self) -> bool:
        return self._answers.waiting > 0

    def last_words(self, words: str, away: bool) -> bytes:
        return err(words, "SYS/TEMP" if away else "") if words else b""
