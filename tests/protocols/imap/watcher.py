"""A client that believes what it is told, and nothing else: what it knows of its mailbox."""

import re
from dataclasses import dataclass

from tests.protocols.imap.asking import answers
from tests.protocols.imap.scene import Scene

_COUNT = re.compile(rb"\* (\d+) (EXISTS|EXPUNGE|RECENT)\r\n")
_FETCH = re.compile(rb"\* (\d+) FETCH ")
_LINE = re.compile(rb"[^\r\n]*\r\n")
_SEARCH = re.compile(rb"\* SEARCH((?: \d+)*)(?: \(MODSEQ (\d+)\))?\r\n")
_ESEARCH = re.compile(rb'\* ESEARCH \(TAG "t\d+"\)(?: UID)?(?: ALL ([\d:,]+))?(?: MODSEQ (\d+))?\r\n')
BY_NUMBERS = (b"FETCH", b"STORE", b"SEARCH")


@dataclass
class Seen:
    """None is not known."""

    uid: int | None = None
    flags: frozenset[str] | None = None
    modseq: int | None = None


class Watcher:
    """One session.  `kind` is "rev1", "rev2", "condstore" (asked for with ENABLE), "reader" (EXAMINE)."""

    def __init__(self, scene: Scene, kind: str) -> None:
        self.scene = scene
        self.kind = kind
        self.aware = kind == "condstore"
        self.idling = False
        self.messages: list[Seen] = []
        self.found: list[int] = []
        self.fetched = 0
        """FETCH answers since the last command."""
        self.wire = scene.wire()
        self._tag = 0
        self.wire.send(b"l LOGIN ann secret\r\n")
        if kind in ("rev2", "condstore"):
            self.wire.send(b"l ENABLE %b\r\n" % (b"IMAP4rev2" if kind == "rev2" else b"CONDSTORE"))
        self.wire.read()
        self.select()

    def select(self) -> None:
        self.messages = []
        self.ask(b"EXAMINE INBOX" if self.kind == "reader" else b"SELECT INBOX")
        self.learn()

    def learn(self) -> None:
        """All that can be known."""
        self.ask(b"UID FETCH 1:* (FLAGS%b)" % (b" MODSEQ" if self.aware else b""))

    def ask(self, command: bytes) -> bytes:
        """The tagged answer, without its tag; what was told before it is known."""
        assert not self.idling
        self._tag += 1
        self.fetched = 0
        tag = b"t%d " % self._tag
        self.wire.send(tag + command + b"\r\n")
        heard = b""
        for _ in range(1000):
            heard += self.wire.read()
            last = heard[:-2].rpartition(b"\r\n")[2]
            if last.startswith(tag):
                self._hear(heard[: len(heard) - len(last) - 2], command)
                return last.removeprefix(tag)
            self.scene.clock.advance(0)
        raise AssertionError(f"no answer to {command!r}: {heard!r}")

    def idle(self) -> None:
        self.wire.send(b"i IDLE\r\n")
        self.idling = True
        self.listen()

    def done(self) -> None:
        self.listen()
        self.wire.send(b"DONE\r\n")
        self.idling = False
        assert self.wire.read() == b"i OK IDLE completed\r\n"

    def listen(self) -> None:
        """What is said in IDLE is known."""
        if self.idling:
            self.scene.clock.advance(0)
            self._hear(self.wire.read(), b"IDLE")

    # -- reading
    def _hear(self, heard: bytes, command: bytes) -> None:
        at = 0
        while at < len(heard):
            if (count := _COUNT.match(heard, at)) is not None:
                self._count(int(count[1]), count[2], command)
                at = count.end()
            elif _FETCH.match(heard, at) is not None:
                end = self._end_of_fetch(heard, at)
                self._fetch(heard[at:end], command)
                at = end
            else:
                line = _LINE.match(heard, at)
                assert line is not None, heard[at:]
                self._other(line[0])
                at = line.end()

    def _end_of_fetch(self, heard: bytes, at: int) -> int:
        """Answers are told apart by reading: a literal may hold anything."""
        end = heard.index(b"\r\n", at) + 2
        while (literal := re.search(rb"\{(\d+)\}\r\n\Z", heard[at:end])) is not None:
            end = heard.index(b"\r\n", end + int(literal[1])) + 2
        return end

    def _count(self, number: int, what: bytes, command: bytes) -> None:
        if what == b"EXISTS":
            assert number >= len(self.messages), "EXISTS takes nothing away"
            self.messages += [Seen() for _ in range(number - len(self.messages))]
        elif what == b"RECENT":
            assert self.kind != "rev2", "rev2 knows no RECENT"
        else:
            assert not command.startswith(BY_NUMBERS), f"EXPUNGE during {command!r}"
            del self.messages[number - 1]

    def _fetch(self, heard: bytes, command: bytes) -> None:
        ((number, items),) = answers(heard)
        self.fetched += 1
        seen = self.messages[number - 1]
        if b"UID" in items:
            assert seen.uid in (None, items[b"UID"]), "the number is another message's"
            seen.uid = items[b"UID"]  # type: ignore[assignment]
        if b"FLAGS" in items:
            flags = frozenset(flag.decode() for flag in items[b"FLAGS"])  # type: ignore[union-attr, misc]
            assert self.kind != "rev2" or "\\Recent" not in flags
            seen.flags = flags - {"\\Recent"}
        if b"MODSEQ" in items:
            (modseq,) = items[b"MODSEQ"]  # type: ignore[misc]
            assert self.aware, "nobody asked for mod-sequences"
            assert isinstance(modseq, int) and modseq >= (seen.modseq or 0), "mod-sequences grow"
            seen.modseq = modseq
        if b"FETCH" not in command:  # nobody asked
            assert b"UID" in items or self.kind in ("rev1", "reader"), items
            assert (b"MODSEQ" in items) == self.aware, items

    def _other(self, line: bytes) -> None:
        if (found := _SEARCH.fullmatch(line)) is not None:
            self.found = [int(number) for number in found[1].split()]
        elif (found := _ESEARCH.fullmatch(line)) is not None:
            ranges = [part.split(b":") for part in (found[1] or b"").split(b",") if part]
            self.found = [n for one in ranges for n in range(int(one[0]), int(one[-1]) + 1)]
