"""Messages that arrive: all that wait for an account go into their mailboxes together.  Blocks."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mailtwist.kit.files import NewFile, disk_trouble
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import Flags
from mailtwist.store.api import Stored
from mailtwist.store.maildir.filenames import Facts, base_of, joined
from mailtwist.store.maildir.ground import Box, Ground
from mailtwist.store.maildir.look import changed_by_us, is_current
from mailtwist.store.maildir.messages import letters_of
from mailtwist.store.maildir.rows import Row, add

Undo = list[Callable[[], object]]  # of a transaction


@dataclass(frozen=True, slots=True)
class Letter:
    """A message for the mailbox `name`.  `path` is a synced file of its own, named by `new_maker`; or it is
    where one is to be, of `octets`.  `crlf_size` is what `size` would be if each LF had a CR; `received`
    None is now."""

    name: str
    path: Path
    octets: Sequence[bytes] | None
    size: int
    crlf_size: int
    flags: Flags = frozenset()
    received: float | None = None
    zone: int = 0


Outcome = Stored | Exception


@dataclass
class _Filled:
    """A mailbox that gets messages.  `current`: the index told what is in its folder."""

    box: Box
    cur: Path
    current: bool
    rows: list[Row] = field(default_factory=list)


class _Filling:
    """What one transaction puts where."""

    def __init__(self, ground: Ground, undo: Undo) -> None:
        self._ground = ground
        self._undo = undo
        self._names: dict[str, _Filled] = {}
        self._filled: dict[int, _Filled] = {}  # by UIDVALIDITY: a mailbox may have been given by two names
        self._octets = self._messages = 0

    def put(self, letter: Letter) -> Stored:
        """The file has its name in cur."""
        ground, filled = self._ground, self._mailbox(letter.name)
        box = filled.box
        ground.limits.must_have_room(ground.index, self._octets + letter.size, self._messages + 1)
        letters = letters_of(ground, box, letter.flags)
        ground.reserve(box, 1)
        uid, exact = box.uid_next, letter.size != letter.crlf_size
        facts = Facts(letter.size, letter.crlf_size, box.uid_validity, uid, letter.zone, exact)
        base = base_of(letter.path.name, facts)
        place = filled.cur / joined(base, letters)
        received = _received(letter)
        ground.files.rename(letter.path, place)
        self._undo.append(partial(ground.files.unlink, place))
        row = Row(uid, base, letters, letter.size, letter.size, received, letter.zone, box.modseq + 1)
        filled.rows.append(row)
        box.uid_next = uid + 1
        self._octets, self._messages = self._octets + letter.size, self._messages + 1
        return Stored(box.uid_validity, uid)

    def finish(self) -> None:
        """The folders are synced, and the index knows."""
        ground = self._ground
        for filled in self._filled.values():
            if filled.rows:
                ground.files.sync_folder(filled.cur)
                filled.box.modseq += 1
                add(ground, filled.box, filled.rows)
                changed_by_us(ground, filled.box, filled.current)
            ground.save(filled.box)

    def _mailbox(self, name: str) -> _Filled:
        if name not in self._names:
            box = self._ground.named(name)
            filled = _Filled(box, self._ground.cur(box), is_current(self._ground, box))
            self._names[name] = self._filled.setdefault(box.uid_validity, filled)
        return self._names[name]


def deliver(ground: Ground, letters: Sequence[Letter]) -> list[Outcome]:
    """The messages are in their mailboxes and on the disk: their files have their names there, the folders
    are synced, then the UIDs are committed.  Where that was not possible, the error; then nothing is left."""
    try:
        outcomes = _on_disk(ground, letters)
        with ground.transaction(lasting=False) as undo:
            filling = _Filling(ground, undo)
            placed = [
                _placed(filling, letter) if error is None else error
                for letter, error in zip(letters, outcomes, strict=True)
            ]
            filling.finish()
    except BaseException:
        _discard(ground, letters)
        raise
    _discard(
        ground, [letter for letter, one in zip(letters, placed, strict=True) if isinstance(one, Exception)]
    )
    return placed


def _on_disk(ground: Ground, letters: Sequence[Letter]) -> list[Exception | None]:
    """Each is in a synced file with the right date; or why not."""
    now = ground.clock.now()
    new = [
        NewFile(letter.path, letter.octets, now if letter.received is None else letter.received)
        for letter in letters
        if letter.octets is not None
    ]
    created = iter(ground.files.create_together(new) if new else ())
    errors: list[Exception | None] = []
    for letter in letters:
        error = next(created) if letter.octets is not None else _dated(ground, letter)
        errors.append(disk_trouble(error) if error else None)
    return errors


def _dated(ground: Ground, letter: Letter) -> OSError | None:
    try:
        if letter.received is not None:
            ground.files.set_time(letter.path, letter.received)
            ground.files.sync(letter.path)
    except OSError as error:
        return error
    return None


def _placed(filling: _Filling, letter: Letter) -> Outcome:
    try:
        return filling.put(letter)
    except Trouble as trouble:
        return trouble
    except OSError as error:
        return disk_trouble(error)


def _discard(ground: Ground, letters: Sequence[Letter]) -> None:
    for letter in letters:
        with suppress(OSError):
            ground.files.unlink(letter.path)


def _received(letter: Letter) -> float:
    """What the file tells, now and later; but dates that its file system cannot hold are known to the index
    alone."""
    told = os.stat(letter.path).st_mtime
    return told if letter.received is None or abs(told - letter.received) < 1 else letter.received
