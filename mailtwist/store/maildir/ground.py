"""One account on the disk: its folder, its index, its mailboxes by name.  Blocks; for one thread at once."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from pathlib import Path

from mailtwist.kit.clock import Clock
from mailtwist.kit.files import Files, read_small, write_whole
from mailtwist.kit.trouble import Trouble
from mailtwist.store.api import NoSuchMailbox
from mailtwist.store.maildir.folders import INBOX_FOLDER, folder_of, folders_in, is_mailbox
from mailtwist.store.maildir.index import Index
from mailtwist.store.maildir.keywords import Keywords
from mailtwist.store.maildir.quota import Limits
from mailtwist.store.names import canonical

MAILBOX_FILE = "mailtwist-mailbox"
MARK_STEP = 1000
MODSEQ_STEP = 100_000  # more than SQLite keeps without a sync
_LINE = re.compile(rb"^(uid-validity|uids-below|special-use) ([!-~]{1,100})$", re.MULTILINE)
_NUMBER = re.compile(rb"[1-9][0-9]{0,9}")
_LARGEST = 0xFFFFFFFF


@dataclass
class Box:
    """A mailbox's row in the index.  `uid_mark`: what the mailbox file promises, no UID from there on was
    ever given.  `seen_mtime`: of `cur` when the index last told the same; `unsure_since`: when it began to be
    possible that it does not.  `gone_floor`: the modseq up to which expunged UIDs are forgotten."""

    uid_validity: int
    folder: str
    uid_next: int
    uid_mark: int
    modseq: int
    recent_from: int
    gone_floor: int
    special_use: str | None
    rebuilding: int
    seen_mtime: int
    unsure_since: float


_COLUMNS = [field.name for field in fields(Box)]
_VALUES = attrgetter(*_COLUMNS)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM mailboxes"
_REMEMBER = (
    "INSERT INTO keywords (mailbox, letter, name) VALUES (?, ?, ?)"
    " ON CONFLICT (mailbox, letter) DO UPDATE SET name = excluded.name WHERE name <> excluded.name"
)
_INSERT = (
    f"INSERT OR REPLACE INTO mailboxes ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
)


class Ground:
    """What all work on one account stands on.  `index` is lent to it while it works; `cleaned` says when
    each folder's tmp was, `strange` are files that a look has found and not yet taken in, `useless` is what
    lies in new and is no message."""

    index: Index

    def __init__(self, root: Path, files: Files, clock: Clock, limits: Limits) -> None:
        self.root = root
        self.files = files
        self.clock = clock
        self.limits = limits
        self.cleaned: dict[str, float] = {}
        self.strange: dict[int, list[tuple[str, str]]] = {}
        self.useless: set[Path] = set()
        self._keywords: dict[str, Keywords] = {}
        self._remembered: dict[int, Mapping[str, str]] = {}

    def path(self, box: Box) -> Path:
        return self.root / box.folder if box.folder else self.root

    def cur(self, box: Box) -> Path:
        return self.path(box) / "cur"

    def keywords(self, box: Box) -> Keywords:
        known = self._keywords.get(box.folder)
        if known is None:
            known = self._keywords[box.folder] = Keywords(self.path(box), self.files)
        return known.read()

    @contextmanager
    def transaction(self, lasting: bool = True) -> Iterator[list[Callable[[], object]]]:
        """See `Index.transaction`; what need not be `lasting` is told by files that are synced."""
        try:
            with self.index.transaction(lasting) as undo:
                yield undo
        except BaseException:
            self._remembered.clear()  # what was written of keywords is not there
            raise

    def recover(self) -> None:
        """What a power cut may have taken out of the index is found in the folders, with the next look.  UIDs
        and mod-sequences go on after all that were ever told."""
        self._remembered.clear()  # it may be another index
        if not self.index.may_be_behind:
            return
        with self.index.transaction():
            for box in self.boxes():
                _, mark, _ = read_mailbox_file(self.path(box) / MAILBOX_FILE)
                box.uid_next = box.uid_mark = max(box.uid_mark, mark)
                box.modseq = max(box.modseq + MODSEQ_STEP, int(self.clock.now() * 1000))
                box.rebuilding, box.seen_mtime = 1, 0
                self.save(box)
            self.index.mark("")

    def box(self, uid_validity: int) -> Box | None:
        row = self.index.execute(f"{_SELECT} WHERE uid_validity = ?", (uid_validity,)).fetchone()
        return Box(*row) if row else None

    def boxes(self) -> list[Box]:
        return [Box(*row) for row in self.index.execute(_SELECT)]

    def save(self, box: Box) -> None:
        self.index.execute(_INSERT, _VALUES(box))
        self._remember_keywords(box)

    def _remember_keywords(self, box: Box) -> None:
        """What their file says is in the index too, for the day when somebody takes the file away."""
        known = self._keywords.get(box.folder)
        if known is not None and known.names and known.names != self._remembered.get(box.uid_validity):
            self._remembered[box.uid_validity] = known.names
            rows = [(box.uid_validity, letter, name) for letter, name in known.names.items()]
            self.index.executemany(_REMEMBER, rows)

    def forget(self, box: Box) -> None:
        """Nothing of it is in the index any more."""
        for table in ("messages", "facts", "gone", "doomed", "keywords"):
            self.index.execute(f"DELETE FROM {table} WHERE mailbox = ?", (box.uid_validity,))
        self.index.execute("DELETE FROM mailboxes WHERE uid_validity = ?", (box.uid_validity,))
        self._keywords.pop(box.folder, None)
        self.strange.pop(box.uid_validity, None)

    def named(self, name: str) -> Box:
        """The mailbox `name`, or `NoSuchMailbox`; one that others have made is taken in.  Within a
        transaction."""
        folder = self.folder(name)
        row = self.index.execute(f"{_SELECT} WHERE folder = ?", (folder,)).fetchone()
        box = Box(*row) if row else None
        if is_mailbox(self.root, folder):
            return box or self.take_in(folder)
        self.lost(folder)
        if box is not None:
            self.forget(box)
        raise NoSuchMailbox(name)

    def lost(self, folder: str) -> None:
        """A folder is not there.  There always is an INBOX: without it, something is wrong with the disk,
        and mail is not refused for good."""
        if folder == INBOX_FOLDER:
            path = str(self.root / "cur")
            raise Trouble("4.3.0", "The mailbox is not available, try again later", f"{path} is not there")

    def find(self, name: str) -> Box:
        """The same, in a transaction of its own if it needs one."""
        folder = self.folder(name)
        row = self.index.execute(f"{_SELECT} WHERE folder = ?", (folder,)).fetchone()
        if row and is_mailbox(self.root, folder):
            return Box(*row)
        with self.transaction():
            return self.named(name)

    def folder(self, name: str) -> str:
        """The folder that is, or would be, this mailbox."""
        name = canonical(name)
        folder = folder_of(name)
        if (self.root / folder).is_dir():
            return folder
        return folders_in(self.root).get(name, folder)

    def take_in(self, folder: str, special_use: str | None = None) -> Box:
        """A row for a folder that has none, as far as its mailbox file tells; its messages come with the next
        look.  Within a transaction."""
        path = self.root / folder
        for part in ("new", "tmp"):
            self.files.make_folder(path / part)
        uid_validity, mark, use = read_mailbox_file(path / MAILBOX_FILE)
        other = self.box(uid_validity) if uid_validity else None
        if other is not None:
            if not (self.root / other.folder).is_dir():  # it was renamed, by others or before a power cut
                return self.moved(_caught_up(other, mark), folder)
            uid_validity = 0  # it was copied by others
        modseq = max(1, int(self.clock.now() * 1000))
        if uid_validity:
            modseq = max(modseq, _last_change(path)) + 2 * MODSEQ_STEP
        else:
            uid_validity, mark = self.new_uid_validity(), 1
        box = Box(uid_validity, folder, mark, mark, modseq, mark, modseq, special_use or use, 1, 0, 0.0)
        self.reserve(box, 0)
        self.save(box)
        return box

    def moved(self, box: Box, folder: str) -> Box:
        """It is another folder now."""
        self._keywords.pop(box.folder, None)
        box.folder = folder
        self.save(box)
        return box

    def new_uid_validity(self) -> int:
        """Higher than any this account had."""
        (last,) = self.index.execute("SELECT last_uid_validity FROM account").fetchone()
        (highest,) = self.index.execute("SELECT max(uid_validity) FROM mailboxes").fetchone()
        new = max(int(self.clock.now()), last + 1, (highest or 0) + 1)
        self.index.execute("UPDATE account SET last_uid_validity = ?", (new,))
        return int(new)

    def reserve(self, box: Box, count: int) -> None:
        """The next `count` UIDs can be given: the mailbox file says so.  The box is the caller's to save."""
        if box.uid_next + count >= box.uid_mark:
            new = replace(box, uid_mark=box.uid_next + count + MARK_STEP)
            write_mailbox_file(self.files, self.path(box) / MAILBOX_FILE, new)
            box.uid_mark = new.uid_mark


def _last_change(path: Path) -> int:
    """A mod-sequence that the mailbox had about then, whatever the clock says today.  In the index that is
    lost it may have been higher: a power cut and many changes a second bring it ahead of the clock."""
    return int(max(os.stat(one).st_mtime for one in (path / "cur", path / MAILBOX_FILE)) * 1000)


def _caught_up(box: Box, mark: int) -> Box:
    """`mark` is from its mailbox file.  Where that is further than the index, the index has lost UIDs."""
    if mark > box.uid_mark:
        box.uid_next = box.uid_mark = mark
        box.rebuilding, box.seen_mtime = 1, 0
    return box


def write_mailbox_file(files: Files, path: Path, box: Box) -> None:
    lines = [f"uid-validity {box.uid_validity}", f"uids-below {box.uid_mark}"]
    if box.special_use:
        lines.append(f"special-use {box.special_use}")
    write_whole(files, path, "".join(f"{line}\n" for line in lines).encode("ascii"))


def read_mailbox_file(path: Path) -> tuple[int, int, str | None]:
    """(UIDVALIDITY or 0, the lowest UID that was never given, special use)."""
    try:
        found = dict(_LINE.findall(read_small(path, 4096)))
    except FileNotFoundError:
        return 0, 1, None
    numbers = [found.get(name, b"") for name in (b"uid-validity", b"uids-below")]
    use = found.get(b"special-use", b"").decode("ascii") or None
    if not all(_NUMBER.fullmatch(number) and int(number) <= _LARGEST for number in numbers):
        return 0, 1, use
    return int(numbers[0]), int(numbers[1]), use
