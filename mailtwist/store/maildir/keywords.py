"""Which letter in a file name is which keyword: Dovecot's `dovecot-keywords`, read and written as it does."""

import os
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from mailtwist.kit.files import Files, read_small, write_whole
from mailtwist.mail.flags import Flags
from mailtwist.store.api import LimitReached
from mailtwist.store.maildir.filenames import FLAG_OF_LETTER, LETTER_OF_FLAG, in_order

FILE = "dovecot-keywords"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LINE = re.compile(rb"^([0-9]{1,2}) ([!-~]{1,1000})$", re.MULTILINE)
_LONGEST = 65536


class Keywords:
    """The keywords of one folder.  Blocks; used by one thread at a time."""

    def __init__(self, folder: Path, files: Files) -> None:
        self._path = folder / FILE
        self._files = files
        self._read_when: tuple[int, int, int] | None = None
        self._names: dict[str, str] = {}
        self._flags: dict[str, Flags] = {}

    def read(self) -> "Keywords":
        """Up to date with the file."""
        try:
            status = os.stat(self._path)
            when = (status.st_mtime_ns, status.st_ino, status.st_size)
        except FileNotFoundError:
            when = (0, 0, 0)
        if when != self._read_when:
            self._names = _parsed(self._path) if any(when) else {}
            self._flags = {}
            self._read_when = when
        return self

    @property
    def names(self) -> Mapping[str, str]:
        """By letter; never changed, there is a new one then."""
        return self._names

    def flags(self, letters: str) -> Flags:
        """The same object for the same letters."""
        found = self._flags.get(letters)
        if found is None:
            known = ({**self._names, **FLAG_OF_LETTER}.get(letter) for letter in letters)
            found = self._flags[letters] = frozenset(flag for flag in known if flag)
        return found

    def known(self, flags: Flags) -> str:
        """The letters of those of `flags` that have one."""
        letters = self._letters()
        return in_order("".join(letters.get(flag.lower(), "") for flag in flags))

    def letters(self, flags: Flags, used: Callable[[], Collection[str]]) -> str:
        """The letters of `flags`, new keywords written down first.  `used` tells the letters that messages
        have: no other keyword is given one of these, whether it has a line or has lost it; when all are
        taken, one that no message has is taken anew."""
        known = self._letters()
        new = sorted(flag for flag in flags if flag.lower() not in known)
        if new:
            self._add(new, used)
        return self.known(flags)

    def _letters(self) -> dict[str, str]:
        letters = {flag.lower(): letter for flag, letter in LETTER_OF_FLAG.items()}
        for letter, name in self._names.items():
            letters.setdefault(name.lower(), letter)
        return letters

    def _add(self, new: list[str], used: Callable[[], Collection[str]]) -> None:
        names, kept = dict(self._names), set(used())
        if len(names.keys() | kept) + len(new) > len(LETTERS):
            names = {letter: name for letter, name in names.items() if letter in kept}
        free = [letter for letter in LETTERS if letter not in names and letter not in kept]
        if len(new) > len(free):
            raise LimitReached("The mailbox has as many keywords as it can hold")
        names.update(zip(free, new, strict=False))
        self.write(names)

    def write(self, names: Mapping[str, str]) -> None:
        """The keywords of these letters, and no others."""
        lines = (f"{LETTERS.index(letter)} {names[letter]}\n" for letter in sorted(names))
        write_whole(self._files, self._path, "".join(lines).encode("ascii"))
        self._read_when = None
        self.read()


def look_over(path: Path) -> tuple[dict[str, str], int]:
    """The keywords of a file, by letter, and how many of its lines give none; without a file, none."""
    try:
        octets = read_small(path, _LONGEST)
    except FileNotFoundError:
        return {}, 0
    names = _names(octets)
    return names, len(octets.splitlines()) - len({name.lower() for name in names.values()})


def _parsed(path: Path) -> dict[str, str]:
    return _names(read_small(path, _LONGEST))


def _names(octets: bytes) -> dict[str, str]:
    lines = _LINE.findall(octets)
    return {LETTERS[int(number)]: name.decode("ascii") for number, name in lines if int(number) < 26}
