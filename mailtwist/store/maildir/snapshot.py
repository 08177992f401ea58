"""The index of an account as it is, read by somebody who changes nothing in it.  Blocks."""

import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from mailtwist.store.maildir.index import MIGRATIONS

_SUMS, _KEYWORDS = 3, 5  # the versions that brought them
ASIDE = "it is set aside as mailtwist-index.damaged, and a new one made from the mail"


class Unreadable(Exception):
    """Why; `mending` is what can be done."""

    def __init__(self, why: str, mending: str = ASIDE) -> None:
        super().__init__(why)
        self.mending = mending


@dataclass(frozen=True, slots=True)
class Boxed:
    """What the index knows of a mailbox."""

    uid_validity: int
    folder: str
    uid_next: int
    uid_mark: int
    special_use: str | None


@dataclass(frozen=True, slots=True)
class Known:
    """What the index knows of a message."""

    uid: int
    letters: str
    size: int
    stored: int


class Snapshot:
    """Everything it tells is of one moment, until `close`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        (self._version,) = db.execute("PRAGMA user_version").fetchone()

    def close(self) -> None:
        self._db.close()

    @property
    def is_newer(self) -> bool:
        return bool(self._version > len(MIGRATIONS))

    def damage(self) -> str:
        """What SQLite finds wrong with it; '' when it is well."""
        (first, *_) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        if first != "ok":
            return str(first)
        self._db.execute("BEGIN")
        self._db.execute("SELECT count(*) FROM mailboxes, account").fetchone()
        return ""

    def folders(self) -> set[str]:
        return {folder for (folder,) in self._db.execute("SELECT folder FROM mailboxes")}

    def box(self, folder: str) -> Boxed | None:
        row = self._db.execute(
            "SELECT uid_validity, folder, uid_next, uid_mark, special_use FROM mailboxes WHERE folder = ?",
            (folder,),
        ).fetchone()
        return Boxed(*row) if row else None

    def messages(self, box: Boxed) -> dict[str, Known]:
        """By what stays the same of their files' names."""
        rows = self._db.execute(
            "SELECT base, uid, letters, size, stored FROM messages WHERE mailbox = ?", (box.uid_validity,)
        )
        return {base: Known(*more) for base, *more in rows}

    def doomed(self, box: Boxed) -> Iterator[str]:
        rows = self._db.execute("SELECT base FROM doomed WHERE mailbox = ?", (box.uid_validity,))
        return (base for (base,) in rows)

    def keywords(self, box: Boxed) -> dict[str, str]:
        """Letters and their keywords, as far as they were ever seen."""
        if self._version < _KEYWORDS:
            return {}
        return dict(
            self._db.execute("SELECT letter, name FROM keywords WHERE mailbox = ?", (box.uid_validity,))
        )

    def sums_are_right(self) -> bool:
        if self._version < _SUMS:
            return True
        kept = self._db.execute("SELECT messages, octets FROM account").fetchall()
        return kept == self._db.execute("SELECT count(*), coalesce(sum(size), 0) FROM messages").fetchall()


def snapshot(path: Path) -> Snapshot:
    """The index at `path`; FileNotFoundError, `Unreadable`."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise Unreadable("it is no file")
    try:
        db = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=20.0, isolation_level=None)
    except sqlite3.Error as error:
        raise Unreadable(str(error), "") from error
    try:
        db.text_factory = lambda octets: octets.decode("utf-8", "replace")
        found = Snapshot(db)
        damage = found.damage()
        if found.is_newer:
            raise Unreadable("a newer mailtwist has made it", "")
        if damage:
            raise Unreadable(damage)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        db.close()
        raise Unreadable(str(error)) from error
    except BaseException:
        db.close()
        raise
    return found
