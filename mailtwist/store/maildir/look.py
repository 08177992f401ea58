"""What others did to a Maildir folder, brought into the index: files new and gone, flags changed.  Blocks."""

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mailtwist.store.maildir.filenames import Facts, age, base_of, facts_of, joined, maker_of, split
from mailtwist.store.maildir.ground import MAILBOX_FILE, Box, Ground
from mailtwist.store.maildir.lines import bare_in
from mailtwist.store.maildir.mailboxes import remove_tree
from mailtwist.store.maildir.rows import Row, add, doomed, drop, names_of, reletter, taken, undoom

BATCH = 1000  # files of others taken in at a time,
BATCH_OCTETS = 64 << 20  # or this much to be read
STABLE = 2.0  # seconds after which a folder's time of change tells all changes apart
UNSURE_FOR = 5.0  # seconds that a change of others at the very moment of ours may stay unseen
MESSAGES_A_SECOND = 10_000  # a big mailbox may wait longer, as looking takes longer
_LONGEST_TIME = (1 << 63) - 1
_BROKEN = {errno.EIO, errno.ELOOP, getattr(errno, "EUCLEAN", errno.EIO), errno.EBADMSG}
STALE = 36 * 3600.0  # what is older in tmp was left behind
CLEAN_EVERY = 24 * 3600.0

Strange = tuple[str, str]  # "cur" or "new", and a name there that the index does not know


def look(ground: Ground, uid_validity: int, *, sure: bool = False) -> bool:
    """The index tells what is in the folder; True: there is more than one look can take in.  Cheap when
    nothing has changed, unless `sure` is asked for."""
    box = ground.box(uid_validity)
    if box is None or not sure and _unchanged(ground, box):
        return False
    with ground.transaction(lasting=False):
        box = ground.box(uid_validity)  # others may have been faster
        return box is not None and (sure or not _unchanged(ground, box)) and brought_in(ground, box)


def is_current(ground: Ground, box: Box) -> bool:
    """The index is up to date as far as the folder's time of change tells."""
    return time_of(ground.cur(box)) == box.seen_mtime


def changed_by_us(ground: Ground, box: Box, was_current: bool) -> None:
    """No reason to look, except that others may have changed something at the same moment."""
    if was_current:
        box.seen_mtime = time_of(ground.cur(box))
        box.unsure_since = box.unsure_since or ground.clock.now()


def _unchanged(ground: Ground, box: Box) -> bool:
    try:
        if _new(ground, box) or box.rebuilding or not is_current(ground, box):
            return False
    except FileNotFoundError:
        return False
    longest = UNSURE_FOR + box.uid_next / MESSAGES_A_SECOND
    return not box.unsure_since or abs(ground.clock.now() - box.unsure_since) < longest


def brought_in(ground: Ground, box: Box) -> bool:
    """The same, within a transaction and in any case."""
    if not ground.cur(box).is_dir():
        ground.lost(box.folder)
        ground.forget(box)
        return False
    if not (ground.path(box) / MAILBOX_FILE).exists():
        ground.forget(box)
        ground.take_in(box.folder)
        return False
    began, mtime = ground.clock.now(), time_of(ground.cur(box))
    found_before = ground.strange.pop(box.uid_validity, None)
    if found_before is None:
        left = _take_in(ground, box, _take_in_ours(ground, box, _compare(ground, box)))
    else:
        left = _take_in(ground, box, found_before)
    if left:
        ground.strange[box.uid_validity] = left
    elif found_before is None:
        box.rebuilding = 0
        box.seen_mtime = time_of(ground.cur(box))
        unsure = box.seen_mtime != mtime or began - mtime / 1e9 < STABLE
        box.unsure_since = began if unsure else 0.0
        _clean(ground, box)
    ground.save(box)
    return bool(left) or found_before is not None


def _compare(ground: Ground, box: Box) -> list[str]:
    """What the index knows is as the files are; the names in cur that it does not know."""
    cur = ground.cur(box)
    expected = {joined(base, letters): (uid, base) for uid, base, letters in names_of(ground, box)}
    found = _differences(expected, _names(cur))
    if found.missing:  # a file that is renamed just now can be in no listing: it must be missing twice
        first, found = found, _differences(expected, _names(cur))
        found.missing = {base: uid for base, uid in found.missing.items() if base in first.missing}
    strange = _without_doomed(ground, box, found.unknown)
    if found.relettered or found.missing:
        box.modseq += 1
        for name, _ in found.relettered:
            _spell(ground, box, name)
        ground.files.sync_folder(cur)  # whoever did it may not have: now it can be told
        relettered = [(split(name)[1], box.modseq, uid) for name, uid in found.relettered]
        reletter(ground, box, relettered)
        drop(ground, box, found.missing.values(), box.modseq)
    return strange


@dataclass
class _Differences:
    """`missing`: base and UID of files that are not there; `relettered`: name and UID of those that are there
    under another name; `unknown`: names the index has nothing of."""

    missing: dict[str, int]
    relettered: list[tuple[str, int]]
    unknown: list[str]


def _differences(expected: dict[str, tuple[int, str]], names: set[str]) -> _Differences:
    missing = {base: uid for name, (uid, base) in expected.items() if name not in names}
    relettered, unknown = [], []
    for name in sorted(names - expected.keys(), key=lambda name: name != joined(*split(name))):
        uid = missing.pop(split(name)[0], None)
        if uid is None:
            unknown.append(name)
        else:
            relettered.append((name, uid))
    return _Differences(missing, relettered, unknown)


def _spell(ground: Ground, box: Box, name: str) -> None:
    """The file's name is as the index will write it: others write letters in another order, or none."""
    cur, right = ground.cur(box), joined(*split(name))
    if name != right:
        with suppress(FileNotFoundError):
            ground.files.rename(cur / name, cur / right)


def _without_doomed(ground: Ground, box: Box, names: list[str]) -> list[str]:
    """Those of `names` that are to stay; what a crash kept from vanishing vanishes now."""
    dying, kept = doomed(ground, box), []
    if not dying:
        return names
    for name in names:
        if split(name)[0] not in dying:
            kept.append(name)
            continue
        with suppress(FileNotFoundError):
            ground.files.unlink(ground.cur(box) / name)
    ground.files.sync_folder(ground.cur(box))
    undoom(ground, box, dying)
    return kept


def _take_in_ours(ground: Ground, box: Box, strange: list[str]) -> list[Strange]:
    """The files whose name tells their UID are in the index; the others, and those in new, in the order in
    which they came."""
    mine, others = _sorted_out(ground, box, strange)
    if mine:
        box.modseq += 1
        ground.files.sync_folder(ground.cur(box))
    add(ground, box, [row for row in (_known(ground, box, *one) for one in mine) if row])
    in_cur, in_new = sorted(others, key=age), sorted(_new(ground, box), key=age)
    return [*(("cur", name) for name in in_cur), *(("new", name) for name in in_new)]


def _take_in(ground: Ground, box: Box, others: list[Strange]) -> list[Strange]:
    """The files have a UID and a name that tells it; those that are too many for one look are left."""
    if not others:
        return []
    box.modseq += 1
    ground.reserve(box, min(len(others), BATCH))
    rows: list[Row] = []
    folders = {name: ground.path(box) / name for name in ("cur", "new")}
    done, octets = 0, 0
    for folder, name in others[:BATCH]:
        row = _adopted(ground, box, folders[folder], name)
        done += 1
        if row is not None:
            rows.append(row)
            octets += row.stored
        if octets > BATCH_OCTETS:
            break
    add(ground, box, rows)
    ground.files.sync_folder(ground.cur(box))
    return others[done:]


def _sorted_out(ground: Ground, box: Box, strange: list[str]) -> tuple[list[tuple[str, Facts]], list[str]]:
    """Names whose UID can be believed, and the others.  It can when the index was lost, or when a crash came
    between the file and the index; and when nobody else has it."""
    mine: dict[int, tuple[str, Facts]] = {}
    others: list[str] = []
    ours = f",I={box.uid_validity:x}."
    for name in strange:
        can_be_ours = ours in name and name.isascii()
        facts = facts_of(split(name)[0]) if can_be_ours else Facts()
        uid = facts.uid
        if uid is None or not _believed(ground, box, facts, uid):
            others.append(name)
            continue
        first = mine.get(uid)
        if first is not None and age(first[0]) < age(name):  # this is a copy of it
            others.append(name)
            continue
        if first is not None:
            others.append(first[0])
        mine[uid] = (name, facts)
    return list(mine.values()), others


def _believed(ground: Ground, box: Box, facts: Facts, uid: int) -> bool:
    possible = 0 < uid < box.uid_next if box.rebuilding else box.uid_next <= uid < box.uid_mark
    return possible and facts.uid_validity == box.uid_validity and not taken(ground, box, uid)


def _known(ground: Ground, box: Box, name: str, facts: Facts) -> Row | None:
    """A row for a file that has its UID in its name already."""
    base, letters = split(name)
    try:
        true, received = measured(ground.cur(box) / name, facts)
    except (FileNotFoundError, PermissionError):
        return None
    _spell(ground, box, name)
    box.uid_next = max(box.uid_next, (facts.uid or 0) + 1)
    return _row(box, base, letters, true, received)


def _adopted(ground: Ground, box: Box, folder: Path, name: str) -> Row | None:
    """A row for a file of somebody else's, now in cur and with its UID in its name; None when it is gone, or
    nothing that we may read."""
    path, cur = folder / name, ground.cur(box)
    base, letters = split(name)
    try:
        true, received = measured(path, facts_of(base))
        facts = replace(true, uid_validity=box.uid_validity, uid=box.uid_next)
        base = base_of(maker_of(base, ground.clock.now()), facts)
        ground.files.rename(path, cur / joined(base, letters))
    except FileNotFoundError:
        return None
    except PermissionError:
        ground.useless.add(path)
        return None
    box.uid_next += 1
    if box.rebuilding and folder == cur:
        box.recent_from = box.uid_next
    return _row(box, base, letters, facts, received)


def _row(box: Box, base: str, letters: str, facts: Facts, received: float) -> Row:
    size, crlf_size = facts.size or 0, facts.crlf_size or 0
    as_read = size if facts.exact else crlf_size
    return Row(facts.uid or 0, base, letters, as_read, size, received, facts.zone, box.modseq)


def measured(path: Path, facts: Facts) -> tuple[Facts, float]:
    """The sizes are those of the file, read if its name does not tell; and when it came.  PermissionError
    for what is no file, and what a broken disk cannot read."""
    try:
        return _measured(path, facts)
    except OSError as error:
        if error.errno in _BROKEN:
            raise PermissionError(str(error)) from error
        raise


def _measured(path: Path, facts: Facts) -> tuple[Facts, float]:
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        raise PermissionError(path)
    size = status.st_size
    if facts.size == size and facts.crlf_size is not None and size <= facts.crlf_size <= 2 * size:
        return facts, status.st_mtime
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        bare = bare_in(lambda start, count: os.pread(fd, count, start))
    finally:
        os.close(fd)
    return replace(facts, size=size, crlf_size=size + bare), status.st_mtime


def _clean(ground: Ground, box: Box) -> None:
    """What was left in tmp long ago goes; looked for once a day."""
    now = ground.clock.now()
    if abs(now - ground.cleaned.get(box.folder, 0.0)) < CLEAN_EVERY:
        return
    ground.cleaned[box.folder] = now
    with suppress(OSError):
        for entry in list((ground.path(box) / "tmp").iterdir()):
            if now - entry.lstat().st_ctime > STALE:
                _remove(ground, entry)


def _remove(ground: Ground, entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        remove_tree(ground.files, entry)
    else:
        ground.files.unlink(entry)


def _new(ground: Ground, box: Box) -> list[str]:
    """The names in new of what may be messages."""
    folder = ground.path(box) / "new"
    try:
        return [name for name in _names(folder) if folder / name not in ground.useless]
    except FileNotFoundError:
        return []


def _names(folder: Path) -> set[str]:
    return {name for name in os.listdir(folder) if not name.startswith(".")}


def time_of(path: Path) -> int:
    """When it was changed last, as a number that fits into the index."""
    return os.stat(path).st_mtime_ns & _LONGEST_TIME
