"""Messages flagged, copied, moved, expunged: files and index together, or neither.  Blocks."""

import errno
import os
import sqlite3
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from mailtwist.kit.trouble import Trouble
from mailtwist.mail.flags import DELETED, Flags
from mailtwist.store.api import Copied, Entry, FlagChange
from mailtwist.store.maildir.filenames import (
    FLAG_OF_LETTER,
    LETTER_OF_FLAG,
    base_of,
    facts_of,
    in_order,
    joined,
    new_maker,
    split,
)
from mailtwist.store.maildir.ground import Box, Ground
from mailtwist.store.maildir.keywords import LETTERS
from mailtwist.store.maildir.look import changed_by_us, is_current, look
from mailtwist.store.maildir.rows import (
    Row,
    add,
    doom,
    doomed,
    drop,
    reletter,
    rows_of,
    rows_with_letter,
    undoom,
    used_letters,
)

_OURS = frozenset(LETTERS) | frozenset(FLAG_OF_LETTER)
_NO_LINK = {errno.EPERM, errno.EMLINK, errno.EXDEV, errno.ENOTSUP, errno.EOPNOTSUPP}
_COPY_BLOCK = 1 << 20
_ATTEMPTS = 3


def change_flags(
    ground: Ground,
    uid_validity: int,
    uids: Collection[int],
    how: FlagChange,
    flags: Flags,
    unchanged_since: int | None,
) -> list[Entry]:
    """See `api.Mailbox`.  The files have their new names before the index knows."""
    for _ in range(_ATTEMPTS):
        try:
            return _change_flags(ground, uid_validity, uids, how, flags, unchanged_since)
        except FileNotFoundError:  # others were faster
            _look_to_the_end(ground, uid_validity)
    raise _busy(uid_validity)


def _change_flags(
    ground: Ground,
    uid_validity: int,
    uids: Collection[int],
    how: FlagChange,
    flags: Flags,
    unchanged_since: int | None,
) -> list[Entry]:
    with ground.transaction(lasting=False) as undo:
        box = ground.box(uid_validity)
        if box is None:
            return []
        current, cur = is_current(ground, box), ground.cur(box)
        rows = [
            row
            for row in rows_of(ground, box, uids)
            if unchanged_since is None or row.modseq <= unchanged_since
        ]
        chosen = ground.keywords(box).known(flags) if how == "remove" else letters_of(ground, box, flags)
        changes: list[tuple[str, int, int]] = []
        for row in rows:
            after = _relettered(row.letters, how, chosen)
            if after == row.letters:
                continue
            old, new = cur / joined(row.base, row.letters), cur / joined(row.base, after)
            ground.files.rename(old, new)
            undo.append(partial(ground.files.rename, new, old))
            row.letters, row.modseq = after, box.modseq + 1
            changes.append((after, row.modseq, row.uid))
        if changes:
            ground.files.sync_folder(cur)
            box.modseq += 1
            reletter(ground, box, changes)
            changed_by_us(ground, box, current)
            ground.save(box)
        keywords = ground.keywords(box)
        return [row.entry(keywords) for row in rows]


def expunge(ground: Ground, uid_validity: int, uids: Collection[int] | None, *, deleted: bool) -> list[int]:
    """Those of `uids` (None: all) are gone, with `deleted` only those that have the flag; the index says so
    before a file vanishes."""
    letter = LETTER_OF_FLAG[DELETED]
    while deleted and look(ground, uid_validity):  # others may have taken the flag away
        pass
    with ground.transaction():
        box = ground.box(uid_validity)
        if box is None:
            return []
        if uids is None:
            rows = rows_with_letter(ground, box, letter)
        else:
            rows = [row for row in rows_of(ground, box, uids) if not deleted or letter in row.letters]
        if not rows:
            return []
        current = is_current(ground, box)
        _drop(ground, box, rows)
        changed_by_us(ground, box, current)
        ground.save(box)
    _vanish(ground, box, rows, current)
    return [row.uid for row in rows]


def transfer(ground: Ground, uid_validity: int, uids: Collection[int], target: str, *, keep: bool) -> Copied:
    """Copies, or moves, by hard links.  The names to be made are doomed first, so that after a crash in the
    middle nothing is copied; the same commit that makes them messages takes the old ones away."""
    for _ in range(_ATTEMPTS):
        try:
            plan = _planned(ground, uid_validity, uids, target, keep)
            if not plan.rows or _transferred(ground, uid_validity, plan, keep):
                pairs = zip((row.uid for row in plan.rows), (row.uid for row in plan.copies), strict=True)
                return Copied(plan.target, tuple(pairs))
        except FileNotFoundError:  # others were faster
            _look_to_the_end(ground, uid_validity)
    raise _busy(uid_validity)


@dataclass
class _Plan:
    target: int
    uid_next: int
    rows: list[Row]
    copies: list[Row]


def _planned(ground: Ground, uid_validity: int, uids: Collection[int], target: str, keep: bool) -> _Plan:
    with ground.transaction():
        there = ground.named(target)
        here = _source(ground, uid_validity, there)
        rows = rows_of(ground, here, uids) if here else []
        plan = _Plan(there.uid_validity, there.uid_next, rows, [])
        if here is None or not rows:
            return plan
        if keep:
            _must_have_room(ground, rows)
        ground.reserve(there, len(rows))
        flags = ground.keywords(here).flags
        for row in rows:
            letters = letters_of(ground, there, flags(row.letters))
            facts = replace(facts_of(row.base), uid_validity=there.uid_validity, uid=there.uid_next)
            base = base_of(new_maker(ground.clock.now()), facts)
            plan.copies.append(replace(row, uid=there.uid_next, base=base, letters=letters))
            there.uid_next += 1
        plan.uid_next = there.uid_next
        doom(ground, there, [row.base for row in plan.copies])
        ground.save(there)
    return plan


def _transferred(ground: Ground, uid_validity: int, plan: _Plan, keep: bool) -> bool:
    """False: what was planned is not possible any more."""
    with ground.transaction() as undo:
        there = ground.box(plan.target)
        here = _source(ground, uid_validity, there)
        if there is None or here is None or not _as_planned(ground, there, plan):
            return False
        if keep:
            _must_have_room(ground, plan.rows)
        current, current_there = is_current(ground, here), is_current(ground, there)
        for row, copy in zip(plan.rows, plan.copies, strict=True):
            new = ground.cur(there) / joined(copy.base, copy.letters)
            _link(ground, ground.cur(here) / joined(row.base, row.letters), new)
            undo.append(partial(ground.files.unlink, new))
        ground.files.sync_folder(ground.cur(there))
        there.modseq += 1
        add(ground, there, [replace(copy, modseq=there.modseq) for copy in plan.copies])
        undoom(ground, there, [copy.base for copy in plan.copies])
        if not keep:
            _drop(ground, here, plan.rows)
        changed_by_us(ground, here, current)
        changed_by_us(ground, there, current_there)
        ground.save(here)
        ground.save(there)
    if not keep:
        _vanish(ground, here, plan.rows, current)
    return True


def _must_have_room(ground: Ground, rows: Sequence[Row]) -> None:
    ground.limits.must_have_room(ground.index, sum(row.size for row in rows), len(rows))


def _source(ground: Ground, uid_validity: int, there: Box | None) -> Box | None:
    """The same object when it is the same mailbox."""
    if there is not None and there.uid_validity == uid_validity:
        return there
    return ground.box(uid_validity)


def _as_planned(ground: Ground, there: Box, plan: _Plan) -> bool:
    """Nobody else has given UIDs there, nor cleaned up what seemed left behind by a crash."""
    return there.uid_next == plan.uid_next and doomed(ground, there).issuperset(
        copy.base for copy in plan.copies
    )


def _link(ground: Ground, old: Path, new: Path) -> None:
    try:
        ground.files.link(old, new)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        draft = ground.root / "tmp" / new.name
        with old.open("rb", buffering=0) as file:
            blocks = iter(partial(file.read, _COPY_BLOCK), b"")
            ground.files.create(draft, blocks, when=os.fstat(file.fileno()).st_mtime)
        ground.files.rename(draft, new)


def _drop(ground: Ground, box: Box, rows: Sequence[Row]) -> None:
    """The messages are gone from the index, their files are to vanish.  The box is the caller's to save."""
    box.modseq += 1
    drop(ground, box, [row.uid for row in rows], box.modseq)
    doom(ground, box, [row.base for row in rows])


def _vanish(ground: Ground, box: Box, rows: Sequence[Row], current: bool) -> None:
    """The files of dropped messages go, and then they are doomed no more: who puts one back (from a backup)
    means it.  What does not go now goes with a later look."""
    cur, gone = ground.cur(box), []
    for row in rows:
        with suppress(OSError):
            ground.files.unlink(cur / joined(row.base, row.letters))
            gone.append(row.base)
    with suppress(OSError, sqlite3.Error):
        ground.files.sync_folder(cur)
        with ground.transaction(lasting=False):
            undoom(ground, box, gone)
            now = ground.box(box.uid_validity)
            if now is not None and current and len(gone) == len(rows):
                changed_by_us(ground, now, current)
                ground.save(now)


def letters_of(ground: Ground, box: Box, flags: Flags) -> str:
    """New keywords are written down."""
    return ground.keywords(box).letters(flags, lambda: _used(ground, box))


def _used(ground: Ground, box: Box) -> set[str]:
    """The letters that messages have, also those that the index does not know yet."""
    used = used_letters(ground, box)
    if box.rebuilding:
        used.update(*(split(name)[1] for name in os.listdir(ground.cur(box))))
    return used


def _relettered(letters: str, how: FlagChange, chosen: str) -> str:
    if how == "add":
        return in_order(letters + chosen)
    if how == "remove":
        return "".join(letter for letter in letters if letter not in chosen)
    return in_order(chosen + "".join(letter for letter in letters if letter not in _OURS))


def _busy(uid_validity: int) -> Trouble:
    return Trouble("4.3.0", "The mailbox is busy, try again later", f"{uid_validity}: files come and go")


def _look_to_the_end(ground: Ground, uid_validity: int) -> None:
    while look(ground, uid_validity, sure=True):
        pass
