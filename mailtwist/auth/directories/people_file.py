"""A file of people, a line for each, as Dovecot and Apache have it; what is wrong in it is told."""

import errno
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailtwist.auth.api import Person
from mailtwist.auth.directories.accounts import account_of
from mailtwist.auth.directories.hashes import verifier
from mailtwist.auth.names import BadName, canonical
from mailtwist.config.problems import shown

LARGEST = 64 << 20
LONGEST_LINE = 4096
MOST_PROBLEMS = 100

OPEN_TO_ALL = "others can read or change it; forbid them by chmod g-w,o-rwx"
TOO_BIG = "it has more than 64 MiB; is it a file of passwords?"

RESTRICTS = re.compile(r"(?:^|\s)(nologin|nopassword|allow_nets|allow_real_nets|proxy\w*|master)(?:=|\s|$)")
"""Extra fields of Dovecot that decide who gets in, and that nobody would heed here."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody, and what his password is made to."""

    person: Person
    stored: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """What a file says, and what is wrong with it: `path:line: sentence`, the first of many.  `stamp` changes
    when the file does."""

    people: Mapping[str, Entry]
    problems: tuple[str, ...]
    stamp: tuple[int, ...]

    def has(self, name: str, entry: Entry) -> bool:
        """`entry`, as it was, still says how this name logs in."""
        now = self.people.get(name)
        return now is not None and (now.stored, now.person.enabled) == (entry.stored, entry.person.enabled)


def read(path: Path, groups: Path | None, default_domain: str) -> PeopleFile:
    """The files as they are now; a line that cannot be used keeps out nobody but whom it names.  OSError says
    why there is nothing to read, also when others could change it.  Blocks."""
    octets, stamp = octets_of(path)
    members, groups_stamp = _members(groups, default_domain) if groups else ({}, ())
    people: dict[str, Entry] = {}
    problems: list[str] = []
    for number, line in lines_of(octets):
        try:
            entry = _entry(line, default_domain, members)
            if entry.person.name in people:
                raise ValueError(f"{shown(entry.person.name)} is there already; the first one counts")
            people[entry.person.name] = entry
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}")
    return PeopleFile(people, tuple(problems[:MOST_PROBLEMS]), (*stamp, *groups_stamp))


def seen(path: Path, groups: Path | None) -> tuple[tuple[int, ...], float]:
    """What a `PeopleFile` read now would have as its stamp, and when the last change was, in seconds since
    1970.  Blocks."""
    found = [one.stat() for one in (path, groups) if one]
    return tuple(part for one in found for part in _stamp(one)), max(one.st_mtime for one in found)


def _members(path: Path, default_domain: str) -> tuple[dict[str, tuple[str, ...]], tuple[int, ...]]:
    """The groups of each name in a file as Apache has it, `staff: ann bob@example.org`."""
    found: dict[str, tuple[str, ...]] = {}
    octets, stamp = octets_of(path)
    for _, line in lines_of(octets):
        group, colon, names = line.decode("utf-8", "replace").partition(":")
        for name in names.split() if colon else ():
            try:
                whole = canonical(name, default_domain)
            except BadName:
                continue
            found[whole] = (*found.get(whole, ()), group.strip())
    return found, stamp


def _stamp(found: os.stat_result) -> tuple[int, ...]:
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode


def octets_of(path: Path, private: bool = True) -> tuple[bytes, tuple[int, ...]]:
    """What is in the file, and its stamp.  OSError when it is none or too big, or others can read a `private`
    one.  Blocks."""
    with open(path, "rb", opener=_at_once) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no file", str(path))
        if private and found.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
            raise PermissionError(errno.EPERM, OPEN_TO_ALL, str(path))
        octets = file.read(LARGEST + 1)
    if len(octets) > LARGEST:
        raise OSError(errno.EFBIG, TOO_BIG, str(path))
    return octets, _stamp(found)


def _at_once(path: str, flags: int) -> int:
    """A pipe, which is refused then, is not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)


def lines_of(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Those that say something, with their numbers."""
    for number, line in enumerate(octets.split(b"\n"), 1):
        line = line.removesuffix(b"\r")
        if line.strip() and not line.startswith(b"#"):
            yield number, line


def _entry(line: bytes, default_domain: str, groups: Mapping[str, tuple[str, ...]]) -> Entry:
    """`name:hash`, and more behind colons.  A hash behind `!` or `*` is nobody's to log in with."""
    if len(line) > LONGEST_LINE:
        raise ValueError("the line is too long")
    try:
        name, colon, rest = line.decode("utf-8").partition(":")
    except UnicodeDecodeError:
        raise ValueError("the line is not UTF-8") from None
    if not colon:
        raise ValueError('a line is "name:hash"')
    stored, *more = rest.split(":", 6)
    if found := RESTRICTS.search(more[5] if len(more) > 5 else ""):
        raise ValueError(f'nobody heeds "{found[1]}" here, so this line lets nobody in')
    locked = stored[:1] in ("!", "*")
    stored = stored.lstrip("!*")
    if not (locked and not stored):
        verifier(stored)
    return Entry(_person(name, default_domain, groups, not locked), stored)


def _person(name: str, default_domain: str, groups: Mapping[str, tuple[str, ...]], enabled: bool) -> Person:
    try:
        whole = canonical(name, default_domain)
    except BadName as bad:
        raise ValueError(f'"{shown(name)}" cannot be a name: {bad}') from None
    addresses = (whole,) if "@" in whole else ()
    return Person(account_of(whole), whole, addresses, enabled, groups.get(whole, ()))
