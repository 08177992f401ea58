"""What `verify` found wrong with an account is mended; no message is lost by it.  Blocks."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from mailtwist.kit.files import Files
from mailtwist.kit.ids import new_id
from mailtwist.store.maildir.filenames import Facts, base_of, facts_of, joined, maker_of, new_maker, split
from mailtwist.store.maildir.ground import MAILBOX_FILE, Box, Ground, read_mailbox_file, write_mailbox_file
from mailtwist.store.maildir.index import FILE as INDEX
from mailtwist.store.maildir.index import set_aside
from mailtwist.store.maildir.keywords import FILE as KEYWORDS
from mailtwist.store.maildir.keywords import Keywords, look_over
from mailtwist.store.maildir.look import brought_in, look, measured
from mailtwist.store.maildir.mailboxes import remove_tree
from mailtwist.store.maildir.rows import drop, rows_of
from mailtwist.store.maildir.snapshot import Boxed, Unreadable, snapshot
from mailtwist.store.repair import Problem

_ABOVE = 2000  # UIDs that a server at work may promise meanwhile


def prepare(root: Path, files: Files, found: Sequence[Problem]) -> None:
    """What stands in the way of opening the account is out of it: it is set aside, never thrown away.  What
    the index alone knows is written where it belongs, as long as there is an index."""
    for problem in found:
        path = root / problem.where
        if problem.kind == "not-a-file":
            _set_aside(files, path)
        elif problem.kind == "no-folder":
            if path.exists() or path.is_symlink():
                _set_aside(files, path)
            files.make_folder(path)
        elif problem.kind == "leftover":
            _remove(files, path)
    with suppress(FileNotFoundError, Unreadable):
        _mailbox_files(root, files, found)
    if any(problem.kind == "index-damaged" and problem.mending for problem in found):
        set_aside(root / INDEX)


def _mailbox_files(root: Path, files: Files, found: Sequence[Problem]) -> None:
    index = snapshot(root / INDEX)
    try:
        for problem in found:
            path = root / problem.where
            if path.name != MAILBOX_FILE or problem.kind not in ("mailbox-file", "not-a-file"):
                continue
            folder = path.parent.name if path.parent != root else ""
            box = index.box(folder)
            if box is not None:
                mark = max(box.uid_mark, box.uid_next, _mark_of(path)) + _ABOVE
                write_mailbox_file(files, path, _box(box, mark))
    finally:
        index.close()


def _box(known: Boxed, mark: int) -> Box:
    return Box(known.uid_validity, known.folder, mark, mark, 0, 0, 0, known.special_use, 0, 0, 0.0)


def _mark_of(path: Path) -> int:
    with suppress(OSError):
        return read_mailbox_file(path)[1]
    return 1


def mend(ground: Ground, found: Sequence[Problem], progress: Callable[[], None]) -> None:
    """What is wrong with messages, keywords and sums.  The account is open."""
    by_mailbox: dict[Path, list[Problem]] = {}
    for problem in found:
        by_mailbox.setdefault(_mailbox_of(ground.root, problem), []).append(problem)
    for box in ground.boxes():
        _mend_mailbox(ground, box.uid_validity, by_mailbox.get(ground.path(box), ()))
        while look(ground, box.uid_validity, sure=True):
            progress()
        progress()
    _count_again(ground)


def _mailbox_of(root: Path, problem: Problem) -> Path:
    path = root / problem.where
    while path.parent != root and path != root:
        path = path.parent
    return path if path.name.startswith(".") else root


def _mend_mailbox(ground: Ground, uid_validity: int, found: Sequence[Problem]) -> None:
    renamed, misnamed, changed = (
        [ground.root / problem.where for problem in found if problem.kind == kind]
        for kind in ("renamed", "name", "size")
    )
    with ground.transaction():
        box = ground.box(uid_validity)
        if box is None:
            return
        _mend_keywords(ground, box)
        for path in (*renamed, *misnamed):
            _name(ground, box, path)
        for path in changed:
            _make_strange(ground, box, path)
        if renamed or misnamed or changed:
            ground.files.sync_folder(ground.cur(box))
        _uid_next(ground, box)
        ground.save(box)


def _mend_keywords(ground: Ground, box: Box) -> None:
    """Each letter has a line that can be read, and as many as possible mean what they meant."""
    path = ground.path(box) / KEYWORDS
    names, strange = look_over(path)
    remembered = dict(
        ground.index.execute("SELECT letter, name FROM keywords WHERE mailbox = ?", (box.uid_validity,))
    )
    kept: dict[str, str] = {}
    for letter, name in sorted({**remembered, **names}.items(), key=lambda one: (one[0] not in names, one)):
        if name.lower() not in {other.lower() for other in kept.values()}:
            kept[letter] = name
    if strange or kept != names:
        Keywords(ground.path(box), ground.files).write(kept)
        box.modseq += 1


def _name(ground: Ground, box: Box, path: Path) -> None:
    """The file is the message whose UID it tells: it gets a name that tells the truth, which the index
    believes."""
    base, letters = split(path.name)
    facts = facts_of(base)
    rows = rows_of(ground, box, [facts.uid or 0])
    if not rows or facts.uid_validity != box.uid_validity:
        return
    (row,) = rows
    try:
        if row.base != base and (ground.cur(box) / joined(row.base, row.letters)).exists():
            return  # that one has come back
        true, _ = measured(path, replace(facts, size=None))
    except OSError:
        return
    shown = (true.size if true.exact else true.crlf_size) or 0
    if (true.size, shown) != (row.stored, row.size):
        return  # another message: taken in anew
    new = base_of(maker_of(base, ground.clock.now()), true)
    ground.files.rename(path, ground.cur(box) / joined(new, letters))
    box.modseq += 1
    ground.index.execute(
        "UPDATE messages SET base = ?, letters = ?, modseq = ? WHERE mailbox = ? AND uid = ?",
        (new, letters, box.modseq, box.uid_validity, row.uid),
    )


def _make_strange(ground: Ground, box: Box, path: Path) -> None:
    """A file that is another message than it was loses its name: the look that follows takes it in.  Nobody
    hears of two messages with one UID."""
    base, letters = split(path.name)
    found = ground.index.execute(
        "SELECT uid, size, stored FROM messages WHERE mailbox = ? AND base = ?", (box.uid_validity, base)
    ).fetchone()
    if found is None:
        return
    uid, size, stored = found
    facts = facts_of(base)
    try:
        true, _ = measured(path, Facts(exact=facts.exact))
        shown = true.size if facts.exact else true.crlf_size
        if (facts.uid, true.size, shown) == (uid, stored, size):
            return  # it was for a moment only
        ground.files.rename(path, ground.cur(box) / joined(new_maker(ground.clock.now()), letters))
    except OSError:
        return
    box.modseq += 1
    drop(ground, box, [uid], box.modseq)


def _uid_next(ground: Ground, box: Box) -> None:
    (highest,) = ground.index.execute(
        "SELECT coalesce(max(uid), 0) FROM messages WHERE mailbox = ?", (box.uid_validity,)
    ).fetchone()
    box.uid_next = max(box.uid_next, highest + 1)
    ground.reserve(box, 0)


def _count_again(ground: Ground) -> None:
    with ground.transaction():
        ground.index.execute(
            "UPDATE account SET messages = (SELECT count(*) FROM messages),"
            " octets = (SELECT coalesce(sum(size), 0) FROM messages)"
        )


def _set_aside(files: Files, path: Path) -> None:
    name = f"{path.name}.damaged"
    if (path.parent / name).exists():
        name = f"{path.name}.{new_id()}.damaged"
    with suppress(FileNotFoundError):
        files.rename(path, path.parent / name)
        files.sync_folder(path.parent)


def _remove(files: Files, path: Path) -> None:
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            remove_tree(files, path)
        else:
            files.unlink(path)


def rebuild(ground: Ground, progress: Callable[[], None]) -> int:
    """What the mail itself tells is found out anew; UIDVALIDITY, UIDs, flags and keywords stay.  So many
    messages there are."""
    for box in ground.boxes():
        _made_anew(ground, box.uid_validity)
        while look(ground, box.uid_validity, sure=True):
            progress()
        progress()
    _count_again(ground)
    (messages,) = ground.index.execute("SELECT messages FROM account").fetchone()
    return int(messages)


def _made_anew(ground: Ground, uid_validity: int) -> None:
    """In one step: nobody finds the mailbox empty.  Doomed files stay doomed: no expunged message comes
    back."""
    with ground.transaction():
        box = ground.box(uid_validity)
        if box is None:
            return
        for table in ("messages", "facts", "gone"):
            ground.index.execute(f"DELETE FROM {table} WHERE mailbox = ?", (uid_validity,))
        _, mark, _ = read_mailbox_file(ground.path(box) / MAILBOX_FILE)
        box.uid_next = box.uid_mark = max(box.uid_mark, mark)
        box.modseq = max(box.modseq + 1, int(ground.clock.now() * 1000))
        box.gone_floor, box.rebuilding, box.seen_mtime = box.modseq, 1, 0
        ground.strange.pop(uid_validity, None)
        brought_in(ground, box)
