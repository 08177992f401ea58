"""One client: its commands are read, run one after the other, and answered.  rfc3501#2.2 rfc3501#5.5"""

from collections.abc import Mapping
from typing import Any

from mailtwist.kit.events import Event
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.errors import Closed, Malformed, Unframed
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.changes import REV2, Selected
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.extension import Dialect
from mailtwist.protocols.imap.frames import Announced, Bounds, Frame, Frames, Opening, Refused, TooBig
from mailtwist.protocols.imap.host import Host
from mailtwist.protocols.imap.limits import Limits
from mailtwist.protocols.imap.replies import refusal, status
from mailtwist.protocols.sasl.exchange import Credentials, Foreign, Mechanism
from mailtwist.store.api import Account, Mailbox

FAILED = Event("imap.command_failed", "{command}: {trouble}", "warn")

AT_A_STRETCH = 500
"""Changes that are told before other connections have their turn."""

_STATES = {"unauth": State.NOT_AUTHENTICATED, "auth": State.AUTHENTICATED, "select": State.SELECTED}
_UTF8_NAMES = frozenset({"UTF8=ACCEPT", "IMAP4REV2"})


class _Table:
    """A command that a subclass has in a table of twisted.mail's kind."""

    def __init__(self, entry: Any) -> None:
        self.entry = entry

    def streams(self, before: bytes) -> bool:
        return False


_Kind = type[Command] | _Table | None


class Connection:
    """What commands see (`door.Session`), and the turns that they are run in."""

    def __init__(self, host: Host) -> None:
        self.client: dict[str, str | None] = {}
        self.enabled: set[str] = set()
        self._host = host
        self._frames = Frames(host.lines, lambda: self.go_on("Go on"))
        self._out: list[bytes] = []
        self._size = 0
        self._selected: Selected | None = None
        self._incoming: Announced | None = None
        self._tag = b""
        self._fitted: tuple[Account, Dialect] | None = None
        self._failed = self._bad = 0
        self._idling = False
        self.ending = False

    # -- turns
    async def turn(self, line: bytes) -> None:
        """The command that begins with `line` is answered; `Malformed` when only BYE is left."""
        early = self.state is State.NOT_AUTHENTICATED
        bounds = Bounds.of(self.limits, early=early, unasked=self.dialect.unasked)
        self._tag = b""
        try:
            frame = await self._frames.read(line, bounds, self._find)
        except Refused as refused:
            self._answer_bad(refused.tag, refused, refused.code)
        else:
            await self._take(frame)
        self.flush()

    def crashed(self) -> None:
        """A bug: the client hears of one, and nothing more."""
        self.write(status(self._tag, b"NO" if self._tag else b"BYE", "Internal error", "SERVERBUG"))
        self.flush()

    def farewell(self) -> None:
        """The service ends, or the login does."""
        if self._host.dismissed:
            self.bye("Your login is over, log in again")
        else:
            self.bye("The server is going down", "UNAVAILABLE")
        self.close()

    async def _take(self, frame: Frame) -> None:
        opening = frame.opening
        kind = self._find(opening)
        self._tag = opening.tag
        self._incoming = frame.announced
        try:
            answer = await self._answer(kind, frame)
        except (TooBig, Unframed):
            raise
        except Malformed as error:
            self._answer_bad(opening.tag, error)
        except Trouble as trouble:
            await self._answer_no(kind, opening, trouble)
        else:
            self.flush()
            if answer is not None and answer.then is not None:
                answer.then()
        if frame.announced is not None:
            self.flush()
            await frame.announced.drop()

    async def _answer(self, kind: _Kind, frame: Frame) -> Answer | None:
        """None: a table of a subclass answers by itself."""
        if isinstance(kind, _Table):
            await self._host.run_entry(frame, kind.entry)
            return None
        assert kind is not None
        self._host.ours()
        arguments = Arguments(frame.text, frame.literals, self.dialect, utf8_names=self.utf8_names)
        command = kind.parse(arguments, by_uid=frame.opening.by_uid)
        self._bad = 0
        answer = await command.run(self)
        await self._tell_before_the_answer(kind, frame.opening)
        self.write(status(frame.opening.tag, b"OK", answer.words, answer.code))
        return answer

    async def _answer_no(self, kind: _Kind, opening: Opening, trouble: Trouble) -> None:
        if trouble.temporary:
            FAILED.log(command=opening.name, trouble=str(trouble))
        await self._tell_before_the_answer(kind, opening)
        code, words = refusal(trouble)
        self.write(status(opening.tag, b"NO", words, code))
        self._enough(self._failed, self.limits.failed_logins, "Too many failed logins")

    async def _tell_before_the_answer(self, kind: _Kind, opening: Opening) -> None:
        numbers = isinstance(kind, type) and kind.by_numbers and not opening.by_uid
        await self.tell_changes(expunged=not numbers)

    def _find(self, opening: Opening) -> _Kind:
        if not opening.by_uid and (entry := self._host.entry(opening.name)) is not None:
            return _Table(entry)
        commands = self.dialect.commands
        kind = commands.get(opening.name)
        if opening.by_uid and (kind is None or not kind.takes_uid):
            kind = commands.get(f"UID {opening.name}")
        return kind if kind is not None and self.state in kind.states else None

    def _answer_bad(self, tag: bytes, error: Malformed, code: str = "") -> None:
        self.write(status(tag, b"BAD", str(error), code))
        self._bad += 1
        self._enough(self._bad, self.limits.bad_commands, "Too many commands that make no sense", "CLIENTBUG")

    def _enough(self, count: int, limit: int, words: str, code: str = "") -> None:
        if count >= limit:
            self.bye(words, code)
            self.close()

    # -- output
    def write(self, octets: bytes) -> None:
        self._out.append(octets)
        self._size += len(octets)

    def untagged(self, words: bytes) -> None:
        self.write(b"* %b\r\n" % words)

    def bye(self, words: str, code: str = "") -> None:
        """The last that the client hears (rfc3501#7.1.5)."""
        self.write(status(b"", b"BYE", words, code))

    def flush(self) -> None:
        """What was written is in order with whatever is said after it."""
        if self._out:
            octets = b"".join(self._out)
            self._out.clear()
            self._size = 0
            self._host.lines.write(octets)

    async def drained(self) -> None:
        if self._size >= self.limits.batch:
            self.flush()
            await self._host.lines.drained()

    @property
    def takes_files(self) -> bool:
        return self._host.lines.takes_files

    async def send_file(self, file: int, start: int, count: int) -> int:
        self.flush()
        return await self._host.lines.send_file(file, start, count)

    def now(self) -> float:
        return self._host.clock.now()

    async def breathe(self) -> None:
        await self._host.lines.pause(0)

    async def tell_changes(self, *, expunged: bool = True) -> None:
        if self._selected is not None:
            for told, words in enumerate(self._selected.changes(expunged=expunged), 1):
                self.untagged(words)
                await self.drained()
                if told % AT_A_STRETCH == 0:
                    await self.breathe()

    def cut(self) -> None:
        self._out.clear()
        self._host.cut()

    # -- input
    def go_on(self, words: str = "") -> None:
        self.write(f"+ {words}\r\n".encode("ascii"))
        self.flush()

    async def answer(self) -> bytes:
        return await self._host.lines.line(self.limits.answer)

    async def answer_or_change(self) -> bytes | None:
        self.flush()
        await self._host.lines.drained()
        if self.ending:
            self.farewell()
            raise Closed
        if self._selected is not None and self._selected.waiting:
            return None
        self._idling = True
        self._host.look_in(self.limits.look_time, self._look)
        try:
            return await self._host.lines.line_or_told(self.limits.answer, self.limits.idle_command_time)
        finally:
            self._idling = False
            self._host.stop_looking()

    async def _look(self) -> None:
        try:
            if self._selected is not None:
                await self._selected.mailbox.refresh()
        except Trouble as trouble:
            FAILED.log(command="IDLE", trouble=str(trouble))
        if self._idling:
            self._host.look_in(self.limits.look_time, self._look)

    @property
    def incoming(self) -> Announced | None:
        return self._incoming

    # -- what the session has reached
    @property
    def state(self) -> State:
        return _STATES[self._host.state]

    @property
    def tag(self) -> bytes:
        return self._tag

    @property
    def rev2(self) -> bool:
        return REV2 in self.enabled

    @property
    def limits(self) -> Limits:
        return self._host.limits

    @property
    def utf8_names(self) -> bool:
        return not self.enabled.isdisjoint(_UTF8_NAMES)

    @property
    def may_sign_in(self) -> bool:
        return self._host.may_sign_in

    @property
    def may_start_tls(self) -> bool:
        return self._host.may_start_tls

    @property
    def mechanisms(self) -> Mapping[str, Mechanism]:
        return self._host.mechanisms

    @property
    def capabilities(self) -> list[str]:
        return self._host.words()

    @property
    def account(self) -> Account:
        return self._host.belongs_to

    @property
    def dialect(self) -> Dialect:
        """What of the service's dialect the account can do."""
        if self.state is State.NOT_AUTHENTICATED:
            return self._host.dialect
        account = self.account
        if self._fitted is None or self._fitted[0] is not account:
            self._fitted = account, self._host.dialect.fitting(account)
        return self._fitted[1]

    @property
    def selected(self) -> Selected:
        assert self._selected is not None, "for a command of the selected state"
        return self._selected

    # -- changes of state
    async def sign_in(self, credentials: Credentials | Foreign) -> None:
        try:
            await self._host.log_in(credentials)
        except Trouble as trouble:
            if not trouble.temporary:
                self._failed += 1
            raise
        self._failed = 0

    async def select(self, mailbox: Mailbox, *, read_only: bool) -> Selected:
        await self.unselect()
        self._selected = Selected(mailbox, read_only=read_only, changed=self._changed, enabled=self.enabled)
        self._host.chosen(mailbox)
        return self._selected

    def _changed(self) -> None:
        if self._idling:
            self._host.tell_soon()

    async def unselect(self) -> None:
        if self._selected is not None:
            left, self._selected = self._selected, None
            self._host.chosen(None)
            left.leave()
            await left.mailbox.close()

    def introduced(self, fields: dict[str, str | None]) -> None:
        if not self.client:  # only the first counts
            self.client = fields
            self._host.heard(self.program)

    @property
    def program(self) -> str:
        """What the client calls itself."""
        return " ".join(filter(None, (self.client.get("name"), self.client.get("version"))))

    @property
    def hops(self) -> int:
        """Through how many gateways it has come, as it says by ID: the first one says 4, each takes one away,
        and whoever is told 1 is in a circle."""
        left = self.client.get("x-proxy-ttl") or ""
        return 5 - int(left) if left in ("1", "2", "3", "4") else 0

    def start_tls(self) -> None:
        self.client.clear()
        self._host.begin_tls()

    def close(self) -> None:
        self.flush()
        self._host.hang_up()
