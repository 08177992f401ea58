"""One account looked over: its files and its index, read and compared.  Changes nothing.  Blocks."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mailtwist.kit.clock import Clock
from mailtwist.store.maildir import keywords, subscriptions
from mailtwist.store.maildir.bell import FILE as BELL
from mailtwist.store.maildir.folders import INBOX_FOLDER, folder_of, name_of
from mailtwist.store.maildir.ground import MAILBOX_FILE, read_mailbox_file
from mailtwist.store.maildir.index import FILE as INDEX
from mailtwist.store.maildir.lock import FILE as LOCK
from mailtwist.store.maildir.look import STALE
from mailtwist.store.maildir.quota import FILE as QUOTA
from mailtwist.store.maildir.quota import is_written_well
from mailtwist.store.maildir.snapshot import Boxed, Snapshot, Unreadable, snapshot
from mailtwist.store.maildir.verify_messages import Messages
from mailtwist.store.repair import Problem, Progress

PARTS = ("cur", "new", "tmp")
TOLD = 100
SETTLED = 0.5  # seconds after which what is wrong for a moment, because somebody works on it, is right again
_FILES = (BELL, QUOTA, subscriptions.FILE)
_OURS = {*_FILES, *(f"{INDEX}{more}" for more in ("", "-wal", "-shm")), *PARTS}
_WRITTEN_WHOLE = (MAILBOX_FILE, keywords.FILE, subscriptions.FILE, QUOTA)
_OF_MAILBOX = {MAILBOX_FILE, LOCK, keywords.FILE, "maildirfolder"}
_ASIDE = "it is set aside as {name}.damaged"


def verified(
    root: Path,
    clock: Clock,
    progress: Progress,
    *,
    quick: bool = False,
    most: int = TOLD,
    settled: float = SETTLED,
) -> list[Problem]:
    """What is wrong with the account at `root`, up to `most` of each kind in each mailbox.  What others are
    just changing is not wrong."""
    found = list(Inspection(root, clock, progress, quick, most).problems())
    if not all(problem.note for problem in found):
        time.sleep(settled)
        again = set(Inspection(root, clock, progress, quick, most).problems())
        found = [problem for problem in found if problem in again]
    return found


@dataclass
class Inspection:
    """One pass over the account at `root`."""

    root: Path
    clock: Clock
    progress: Progress
    quick: bool
    most: int
    index: Snapshot | None = field(default=None, init=False)

    def problems(self) -> Iterator[Problem]:
        if not _is(self.root, stat.S_ISDIR):
            yield Problem("no-account", str(self.root), "there is no folder for this account")
            return
        try:
            yield from self._index()
            yield from self._of_account()
            for folder in self._folders():
                yield from self._mailbox(folder)
            yield from self._sums()
        except OSError as error:  # the others are looked over all the same
            where = os.path.relpath(error.filename, self.root) if error.filename else ""
            yield Problem("unreadable", where, f"it cannot be read: {error.strerror}")
        finally:
            if self.index is not None:
                self.index.close()

    # -- the index
    def _index(self) -> Iterator[Problem]:
        path = self.root / INDEX
        try:
            self.index = snapshot(path)
        except FileNotFoundError:
            yield Problem("index-missing", INDEX, "there is no index", "the next use makes one", note=True)
        except Unreadable as damaged:
            yield Problem("index-damaged", INDEX, f"the index is damaged: {damaged}", damaged.mending)

    def _sums(self) -> Iterator[Problem]:
        if self.index is not None and not self.index.sums_are_right():
            words = "the sums of all messages are wrong: the quota is held against them"
            yield Problem("sums", INDEX, words, "counts again")

    # -- the account's own folder
    def _of_account(self) -> Iterator[Problem]:
        for name in _FILES:
            yield from _not_a_file(self.root / name, name)
        quota = self.root / QUOTA
        if _is(quota, stat.S_ISREG) and not is_written_well(quota):
            words = "there are lines in it that mean nothing; what they should say does not count"
            yield Problem("quota", QUOTA, words, "")
        for name in sorted(os.listdir(self.root)):
            path = self.root / name
            ours = name in _OURS or name in _OF_MAILBOX or name.endswith(".damaged")
            if not ours and not name.startswith("."):
                words = "it is nothing that belongs to a mailbox, and left alone"
                yield Problem("foreign", name, words, note=True)
            elif path.is_symlink() and name.startswith("."):
                yield Problem("foreign", name, "a link is no mailbox: nobody follows it", note=True)

    def _folders(self) -> list[str]:
        """Those that are mailboxes, or were: also where something is missing."""
        found = [
            entry.name
            for entry in os.scandir(self.root)
            if entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
        ]
        known = self.index.folders() if self.index is not None else set()
        return [INBOX_FOLDER, *sorted(name for name in found if name in known or self._looks_like(name))]

    def _looks_like(self, folder: str) -> bool:
        return any((self.root / folder / part).exists() for part in ("cur", "new", MAILBOX_FILE))

    # -- one mailbox
    def _mailbox(self, folder: str) -> Iterator[Problem]:
        path = self.root / folder if folder else self.root
        name = name_of(folder)
        if name is None or folder_of(name) != folder and (self.root / folder_of(name)).is_dir():
            words = "its name is no mailbox's, or another folder is that mailbox: nobody sees it"
            yield Problem("foreign", folder, words, note=True)
            return
        missing = [part for part in PARTS if not _is(path / part, stat.S_ISDIR)]
        yield from (self._no_folder(path / part) for part in missing)
        box = self.index.box(folder) if self.index is not None else None
        yield from self._mailbox_file(path, box)
        yield from self._leftovers(path)
        if "cur" not in missing:
            messages = Messages(self.root, path, box, self.index, self.progress, self.quick)
            yield from messages.problems(self.most)
            yield from self._keywords(path, box, messages.letters)

    def _no_folder(self, path: Path) -> Problem:
        where = self._where(path)
        if path.exists() or path.is_symlink():
            mending = _ASIDE.format(name=path.name) + ", and the folder made"
            return Problem("no-folder", where, "it should be a folder and is something else", mending)
        return Problem("no-folder", where, "the folder is missing", "makes it")

    def _mailbox_file(self, path: Path, box: Boxed | None) -> Iterator[Problem]:
        file = path / MAILBOX_FILE
        where = self._where(file)
        yield from _not_a_file(file, where)
        if box is None or _is_strange(file):
            return
        said = read_mailbox_file(file) if file.exists() else (0, 1, None)
        again = "writes it again from the index: UIDVALIDITY and UIDs stay"
        if not said[0]:
            words = "it is missing" if not file.exists() else "it does not tell a UIDVALIDITY"
            yield Problem("mailbox-file", where, words, again)
        elif said[0] != box.uid_validity:
            words = f"it says UIDVALIDITY {said[0]}, the index {box.uid_validity}"
            yield Problem("mailbox-file", where, words, again)
        elif said[1] < box.uid_next:
            words = f"it promises that no UID from {said[1]} on was given, but {box.uid_next - 1} was"
            yield Problem("mailbox-file", where, words, again)

    def _leftovers(self, path: Path) -> Iterator[Problem]:
        """What a crash has left: messages on their way, and our files before they got their names."""
        now = self.clock.now()
        drafts = [draft for name in _WRITTEN_WHOLE for draft in path.glob(f".{name}.*")]
        with suppress(OSError):
            for entry in sorted([*drafts, *(path / "tmp").iterdir()]):
                if now - entry.lstat().st_ctime > STALE:
                    yield Problem("leftover", self._where(entry), "somebody left it there", "removes it")

    def _keywords(self, path: Path, box: Boxed | None, used: set[str]) -> Iterator[Problem]:
        file = path / keywords.FILE
        where = self._where(file)
        yield from _not_a_file(file, where)
        if _is_strange(file):
            return
        names, strange = keywords.look_over(file)
        if strange:
            words = f"{strange} of its lines name no keyword of their own"
            yield Problem("keywords", where, words, "takes them out")
        lost = sorted(letter for letter in used if letter in keywords.LETTERS and letter not in names)
        if not lost:
            return
        remembered = self.index.keywords(box) if self.index is not None and box is not None else {}
        words = f"messages have {', '.join(lost)}, and no line says which keywords that are"
        known = all(letter in remembered for letter in lost)
        yield Problem("keyword-lost", where, words, "writes what the index remembers" if known else "")

    def _where(self, path: Path) -> str:
        return str(path.relative_to(self.root))


def _not_a_file(path: Path, where: str) -> Iterator[Problem]:
    if _is_strange(path):
        words = "it should be a file and is something else"
        yield Problem("not-a-file", where, words, _ASIDE.format(name=path.name))


def _is_strange(path: Path) -> bool:
    """Something is there, and it is no file."""
    return os.path.lexists(path) and not _is(path, stat.S_ISREG)


def _is(path: Path, kind: Callable[[int], bool]) -> bool:
    try:
        return kind(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
