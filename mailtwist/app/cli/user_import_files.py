"""People in the files of other programs: what each line means, or why it cannot mean anybody here."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailtwist.auth.directories.people_file import LONGEST_LINE, lines_of, octets_of
from mailtwist.auth.names import BadName, canonical
from mailtwist.config.problems import shown

NOBODY_UID = 65534
DAY = 86400.0

_QUOTA = re.compile(r"(?:^|\s)userdb_quota\w*=[^\s]*?storage=(\d{1,12}[bkMGT]?)", re.IGNORECASE)
_NOLOGIN = re.compile(r"(?:^|\s)nologin(?:=|\s|$)")
_RESTRICTS = re.compile(r"(?:^|\s)(nopassword|allow_nets|allow_real_nets|proxy\w*|master|user)(?:=|\s|$)")
"""Extra fields of Dovecot that decide who gets in, and that nobody would heed here."""


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody, what his password is made to, and what the operator should know of him."""

    where: str
    name: str
    stored: str = field(repr=False)
    enabled: bool = True
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that means nobody here."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Options:
    """The rest of what was typed: the `domain` of names without one ('' for none), who is the first that is
    no system's user, the file with the hashes of /etc/passwd, and what the time is."""

    domain: str = ""
    first_uid: int = 1000
    shadow: Path | None = None
    now: float = 0.0


Meant = Found | Refused | None
Read = Iterator[Found | Refused]


def from_htpasswd(path: Path, options: Options) -> Read:
    """`name:hash`, as Apache has it."""

    def meant(where: str, line: str) -> Meant:
        name, colon, stored = line.partition(":")
        return _found(where, name, stored, options) if colon else Refused(where, 'it is not "name:hash"')

    return _read(path, meant)


def from_dovecot(path: Path, options: Options) -> Read:
    """`user:{SCHEME}hash:uid:gid:gecos:home:shell:extra`, as Dovecot has it in a passwd-file."""

    def meant(where: str, line: str) -> Meant:
        name, _, rest = line.partition(":")
        stored, *more = rest.split(":", 6)
        extra = more[5] if len(more) > 5 else ""
        if found := _RESTRICTS.search(extra):
            return Refused(where, f'nobody would heed "{found[1]}" here, and it decides who gets in')
        return _found(where, name, stored, options, _NOLOGIN.search(extra) is None, _told(name, extra))

    return _read(path, meant)


def from_passwd(path: Path, options: Options) -> Read:
    """`/etc/passwd`, with the hashes in `/etc/shadow`."""
    shadow = _shadow(options.shadow, options.now) if options.shadow else {}

    def meant(where: str, line: str) -> Meant:
        fields = line.split(":")
        if len(fields) < 7 or not _is_number(fields[2]):
            return Refused(where, "it is no line of a passwd file, which has seven fields")
        if not options.first_uid <= int(fields[2]) != NOBODY_UID:
            return None
        stored, enabled, notes = shadow.get(fields[0], (fields[1], True, ()))
        return _found(where, fields[0], stored, options, enabled, notes)

    return _read(path, meant)


READERS = {"passwd": from_passwd, "htpasswd": from_htpasswd, "dovecot": from_dovecot}


def _shadow(path: Path, now: float) -> Mapping[str, tuple[str, bool, tuple[str, ...]]]:
    """The hash of each name, whether he may log in, and what there is to say about it."""
    found: dict[str, tuple[str, bool, tuple[str, ...]]] = {}

    def meant(where: str, line: str) -> Meant:
        name, stored, *more = (*line.split(":"), "")
        expires = more[5] if len(more) > 5 else ""
        over = _is_number(expires) and int(expires) * DAY <= now
        found.setdefault(name, (stored, not over, ("the account has expired there",) if over else ()))
        return None

    for _ in _read(path, meant):
        pass  # a line that cannot be read is nobody's, and who is in /etc/passwd has no password then
    return found


def _found(
    where: str,
    name: str,
    stored: str,
    options: Options,
    enabled: bool = True,
    notes: tuple[str, ...] = (),
) -> Found | Refused:
    """A hash behind `!` or `*` is that of somebody who may not log in."""
    try:
        whole = canonical(name, options.domain)
    except BadName as bad:
        return Refused(where, f'"{shown(name)}" cannot be a name: {bad}')
    locked = stored[:1] in ("!", "*")
    rest = stored.lstrip("!*")
    if not rest or rest == "x":
        return Refused(where, f"{shown(whole)} has no password in it{SHADOW if rest == 'x' else ''}")
    return Found(where, whole, rest, enabled and not locked, notes)


SHADOW = "; it is in another file, mostly --shadow /etc/shadow"


def _told(name: str, extra: str) -> tuple[str, ...]:
    quota = _QUOTA.search(extra)
    if quota is None:
        return ()
    return (f"his quota there is {quota[1]}; write it with: mailtwist user quota {shown(name)} SIZE",)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 12


def _read(path: Path, meant: Callable[[str, str], Meant]) -> Read:
    """What each line is `meant` to be.  OSError when there is nothing to read."""
    octets, _ = octets_of(path, private=False)
    for number, line in lines_of(octets):
        where = f"{path}:{number}"
        if len(line) > LONGEST_LINE:
            yield Refused(where, "the line is too long")
            continue
        try:
            found = meant(where, line.decode("utf-8"))
        except UnicodeDecodeError:
            found = Refused(where, "the line is not UTF-8")
        if found is not None:
            yield found
