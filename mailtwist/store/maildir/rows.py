"""Messages as the index knows them: read, added, changed, dropped.  Blocks; changing is for transactions."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter

from mailtwist.store.api import Entry
from mailtwist.store.maildir.filenames import joined
from mailtwist.store.maildir.ground import Box, Ground
from mailtwist.store.maildir.keywords import Keywords

GONE_KEPT = 20_000  # expunged UIDs remembered per mailbox, at least half of it
_AT_A_TIME = 500


@dataclass(slots=True)
class Row:
    """`stored` is the size of the file, `size` the size it is read with (they differ when it has LFs to be
    read as CRLF)."""

    uid: int
    base: str
    letters: str
    size: int
    stored: int
    received: float
    zone: int
    modseq: int

    def entry(self, keywords: Keywords) -> Entry:
        return Entry(self.uid, keywords.flags(self.letters), self.size, self.received, self.modseq, self.zone)


_NAMES = [field.name for field in fields(Row)]
_VALUES = attrgetter(*_NAMES)
_COLUMNS = ", ".join(_NAMES)
_SELECT = f"SELECT {_COLUMNS} FROM messages WHERE mailbox = ?"
_FILES = "SELECT uid, base, letters, size, stored FROM messages WHERE mailbox = ?"
_INSERT = f"INSERT INTO messages (mailbox, {_COLUMNS}) VALUES (?{', ?' * len(_NAMES)})"


def rows_of(ground: Ground, box: Box, uids: Collection[int]) -> list[Row]:
    """Those of `uids` that exist, ascending."""
    found: list[Row] = []
    for some in slices(sorted(set(uids))):
        marks = ", ".join("?" * len(some))
        cursor = ground.index.execute(
            f"{_SELECT} AND uid IN ({marks}) ORDER BY uid", (box.uid_validity, *some)
        )
        found.extend(Row(*row) for row in cursor)
    return found


def files_of(ground: Ground, box: Box, uids: Collection[int]) -> dict[int, tuple[str, int, int]]:
    """The name in cur, `size` and `stored` of those of `uids` that exist."""
    found: dict[int, tuple[str, int, int]] = {}
    for some in slices(list(uids)):
        marks = ", ".join("?" * len(some))
        cursor = ground.index.execute(f"{_FILES} AND uid IN ({marks})", (box.uid_validity, *some))
        for uid, base, letters, size, stored in cursor:
            found[uid] = (joined(base, letters), size, stored)
    return found


def rows_with_letter(ground: Ground, box: Box, letter: str) -> list[Row]:
    cursor = ground.index.execute(
        f"{_SELECT} AND instr(letters, ?) > 0 ORDER BY uid", (box.uid_validity, letter)
    )
    return [Row(*row) for row in cursor]


def entries_since(ground: Ground, box: Box, modseq: int) -> list[Entry]:
    """The messages changed after `modseq`, ascending."""
    how = "" if modseq < 0 else "INDEXED BY messages_changed"  # SQLite would rather read all of them in order
    cursor = ground.index.execute(
        f"SELECT uid, letters, size, received, modseq, zone FROM messages {how}"
        " WHERE mailbox = ? AND modseq > ? ORDER BY uid",
        (box.uid_validity, modseq),
    )
    flags = ground.keywords(box).flags
    return [Entry(uid, flags(letters), *rest) for uid, letters, *rest in cursor]


def names_of(ground: Ground, box: Box) -> Iterator[tuple[int, str, str]]:
    """(uid, base, letters) of all."""
    return ground.index.execute(
        "SELECT uid, base, letters FROM messages WHERE mailbox = ?", (box.uid_validity,)
    )


def all_uids(ground: Ground, box: Box) -> list[int]:
    """Ascending."""
    cursor = ground.index.execute(
        "SELECT uid FROM messages WHERE mailbox = ? ORDER BY uid", (box.uid_validity,)
    )
    return [uid for (uid,) in cursor]


def taken(ground: Ground, box: Box, uid: int) -> bool:
    found = ground.index.execute(
        "SELECT 1 FROM messages WHERE mailbox = ? AND uid = ?", (box.uid_validity, uid)
    )
    return found.fetchone() is not None


def used_letters(ground: Ground, box: Box) -> set[str]:
    """The letters that messages have."""
    found = ground.index.execute(
        "SELECT DISTINCT letters FROM messages WHERE mailbox = ?", (box.uid_validity,)
    )
    return {letter for (letters,) in found for letter in letters}


def add(ground: Ground, box: Box, rows: Iterable[Row]) -> None:
    ground.index.executemany(_INSERT, [(box.uid_validity, *_VALUES(row)) for row in rows])


def reletter(ground: Ground, box: Box, changes: Iterable[tuple[str, int, int]]) -> None:
    """(letters, modseq, uid) of each."""
    ground.index.executemany(
        f"UPDATE messages SET letters = ?, modseq = ? WHERE mailbox = {int(box.uid_validity)} AND uid = ?",
        changes,
    )


def drop(ground: Ground, box: Box, uids: Collection[int], modseq: int) -> None:
    """The messages are gone, remembered under `modseq`; the box is the caller's to save."""
    numbers = [(box.uid_validity, uid) for uid in uids]
    ground.index.executemany("DELETE FROM messages WHERE mailbox = ? AND uid = ?", numbers)
    ground.index.executemany("DELETE FROM facts WHERE mailbox = ? AND uid = ?", numbers)
    ground.index.executemany(
        f"INSERT OR REPLACE INTO gone (mailbox, uid, modseq) VALUES (?, ?, {int(modseq)})", numbers
    )
    (kept,) = ground.index.execute(
        "SELECT count(*) FROM gone WHERE mailbox = ?", (box.uid_validity,)
    ).fetchone()
    if kept > GONE_KEPT:
        _forget_gone(ground, box)


def gone_since(ground: Ground, box: Box, modseq: int) -> list[int]:
    cursor = ground.index.execute(
        "SELECT uid FROM gone WHERE mailbox = ? AND modseq > ? ORDER BY uid", (box.uid_validity, modseq)
    )
    return [uid for (uid,) in cursor]


def doom(ground: Ground, box: Box, bases: Iterable[str]) -> None:
    """Files of these names are to vanish, if need be after a crash."""
    ground.index.executemany(
        "INSERT OR REPLACE INTO doomed (mailbox, base) VALUES (?, ?)",
        [(box.uid_validity, base) for base in bases],
    )


def doomed(ground: Ground, box: Box) -> set[str]:
    cursor = ground.index.execute("SELECT base FROM doomed WHERE mailbox = ?", (box.uid_validity,))
    return {base for (base,) in cursor}


def undoom(ground: Ground, box: Box, bases: Iterable[str]) -> None:
    ground.index.executemany(
        "DELETE FROM doomed WHERE mailbox = ? AND base = ?", [(box.uid_validity, base) for base in bases]
    )


def _forget_gone(ground: Ground, box: Box) -> None:
    (floor,) = ground.index.execute(
        "SELECT modseq FROM gone WHERE mailbox = ? ORDER BY modseq DESC LIMIT 1 OFFSET ?",
        (box.uid_validity, GONE_KEPT // 2),
    ).fetchone()
    ground.index.execute("DELETE FROM gone WHERE mailbox = ? AND modseq <= ?", (box.uid_validity, floor))
    box.gone_floor = max(box.gone_floor, floor)


def slices(uids: Sequence[int]) -> Iterator[Sequence[int]]:
    """As many as well go into one statement."""
    for start in range(0, len(uids), _AT_A_TIME):
        yield uids[start : start + _AT_A_TIME]
