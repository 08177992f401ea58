"""The messages of one mailbox looked over: files, their names and the index.  Changes nothing.  Blocks."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from mailtwist.store.maildir.filenames import facts_of, joined, split
from mailtwist.store.maildir.lines import bare_in
from mailtwist.store.maildir.snapshot import Boxed, Known, Snapshot
from mailtwist.store.repair import Problem, Progress

EVERY = 1000  # messages between two words about the progress
_ANEW = "takes it in as a new message, with a UID of its own"


class Messages:
    """`problems` once; then `letters` are those that the messages have."""

    def __init__(
        self,
        root: Path,
        path: Path,
        box: Boxed | None,
        index: Snapshot | None,
        progress: Progress,
        quick: bool,
    ) -> None:
        self.letters: set[str] = set()
        self._root = root
        self._path = path
        self._box = box
        self._progress = progress
        self._quick = quick
        self._compared = index is not None
        self._known = index.messages(box) if index is not None and box is not None else {}
        self._doomed = set(index.doomed(box)) if index is not None and box is not None else set()
        self._beyond = [known.uid for known in self._known.values() if box and known.uid >= box.uid_next]
        self._unknown: dict[str, str] = {}
        self._told: dict[str, int] = {}
        self._seen: dict[str, int] = {}

    def problems(self, most: int) -> Iterator[Problem]:
        """Up to `most` of each kind; how many more there are is told too."""
        for problem in self._all():
            told = self._told[problem.kind] = self._told.get(problem.kind, 0) + 1
            if told <= most:
                yield problem
        for kind, told in self._told.items():
            if told > most:
                words = f"and {told - most} more of the same kind"
                yield Problem(kind, self._where(self._path / "cur"), words, "the same", kind in _NOTES)

    def _all(self) -> Iterator[Problem]:
        whole = len(self._known)
        if self._beyond:
            words = f"UIDs were given that the index says are to come ({min(self._beyond)})"
            yield Problem("uid-next", self._where(self._path), words, "goes on behind them")
        with os.scandir(self._path / "cur") as entries:
            for number, entry in enumerate(entries):
                if number % EVERY == 0:
                    self._progress(str(self._path), number, max(whole, number))
                yield from self._entry(entry)
        yield from self._missing()
        yield from self._waiting()

    def _entry(self, entry: "os.DirEntry[str]") -> Iterator[Problem]:
        where = self._where(Path(entry.path))
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        if entry.name.startswith(".") or not stat.S_ISREG(status.st_mode):
            yield Problem("foreign", where, "it is no message, and left alone", note=True)
            return
        base, letters = split(entry.name)
        self.letters.update(letters)
        known = self._known.pop(base, None)
        if known is not None:
            self._seen[base] = known.uid
            if entry.name != joined(base, letters):
                words = "its flags are not written as Maildir asks"
                yield Problem("flags", where, words, "writes them so", note=True)
            yield from self._known_file(where, Path(entry.path), base, letters, known, status.st_size)
        elif base in self._doomed:
            words = "the message was expunged, and its file is still there"
            yield Problem("doomed", where, words, "removes it")
        elif base in self._seen:
            words = "the same name is there twice, with other flags"
            yield Problem("twice", where, words, "takes the second one in as a new message")
        else:
            self._unknown[base] = where

    def _known_file(
        self, where: str, path: Path, base: str, letters: str, known: Known, size: int
    ) -> Iterator[Problem]:
        try:
            crlf_size = None if self._quick or size != known.stored else size + _bare(path)
        except FileNotFoundError:
            return
        except OSError as error:
            yield Problem("unreadable", where, f"it cannot be read: {error.strerror}")
            return
        if words := self._changed(base, known, size, crlf_size):
            yield Problem("size", where, words, _ANEW)
        elif words := _misnamed(base, size, crlf_size):
            yield Problem("name", where, words, "corrects its name")
        elif letters != known.letters:
            yield Problem("flags", where, "others have changed its flags", "sees them", note=True)

    def _changed(self, base: str, known: Known, size: int, crlf_size: int | None) -> str:
        facts = facts_of(base)
        if self._box is None or (facts.uid_validity, facts.uid) != (self._box.uid_validity, known.uid):
            return f"its name does not tell the UID {known.uid} that the index knows"
        if known.stored != size:
            return f"it has {size} octets, and had {known.stored}"
        shown = size if facts.exact else crlf_size
        if shown not in (None, known.size):
            return f"with CRLF it has {shown} octets, and had {known.size}"
        return ""

    def _missing(self) -> Iterator[Problem]:
        """What the index knows and nobody finds; a file that tells its UID is that message under another
        name."""
        by_uid = {known.uid: base for base, known in self._known.items()}
        seen = set(self._seen.values())
        for base, where in self._unknown.items():
            facts = facts_of(base)
            ours = self._box is not None and facts.uid_validity == self._box.uid_validity
            if ours and facts.uid in by_uid:
                self._known.pop(by_uid.pop(facts.uid), None)
                words = f"UID {facts.uid} has another name in the index"
                yield Problem("renamed", where, words, "believes the file's name")
            elif ours and facts.uid in seen:
                words = f"its name says UID {facts.uid}, and another message is that"
                yield Problem("uid-twice", where, words, _ANEW)
            elif self._compared:
                yield Problem("unknown", where, "it is not in the index yet", "takes it in", note=True)
        for known in self._known.values():
            words = f"the file of UID {known.uid} is gone"
            yield Problem("missing", self._where(self._path / "cur"), words, "takes it out of the index")

    def _waiting(self) -> Iterator[Problem]:
        """What lies in new."""
        new = self._path / "new"
        if not new.is_dir():
            return
        for entry in sorted(os.scandir(new), key=lambda entry: entry.name):
            where = self._where(Path(entry.path))
            if entry.name.startswith(".") or not entry.is_file(follow_symlinks=False):
                yield Problem("foreign", where, "it is no message, and left alone", note=True)
            else:
                yield Problem("unknown", where, "it is not in the index yet", "takes it in", note=True)

    def _where(self, path: Path) -> str:
        return str(path.relative_to(self._root))


_NOTES = ("foreign", "flags", "unknown")


def _misnamed(base: str, size: int, crlf_size: int | None) -> str:
    facts = facts_of(base)
    if facts.size != size or crlf_size not in (None, facts.crlf_size):
        return f"its name says {facts.size} octets, {facts.crlf_size} with CRLF, which is not so"
    return ""


def _bare(path: Path) -> int:
    """The LFs without CR of a file."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return bare_in(lambda start, count: os.pread(fd, count, start))
    finally:
        os.close(fd)
