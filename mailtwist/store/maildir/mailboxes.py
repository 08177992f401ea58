"""Mailboxes made, listed, renamed, deleted: folders of one account.  Blocks."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from mailtwist.kit.files import Files
from mailtwist.mail.flags import DELETED, SEEN
from mailtwist.store.api import INBOX, CannotDo, HasChildren, Listed, MailboxExists, NoSuchMailbox, Status
from mailtwist.store.maildir.filenames import LETTER_OF_FLAG, new_maker
from mailtwist.store.maildir.folders import INBOX_FOLDER, folder_of, folders_in, is_mailbox
from mailtwist.store.maildir.ground import MAILBOX_FILE, Box, Ground, write_mailbox_file
from mailtwist.store.maildir.subscriptions import subscribe, subscribed
from mailtwist.store.names import (
    above,
    canonical,
    in_order,
    moves,
    new_name,
    parents,
    room_for_more,
    special_use,
)

Undo = list[Callable[[], object]]  # of a transaction
PARTS = ("cur", "new", "tmp")
_MAILDIRPP = "maildirfolder"  # an empty file that says: below another Maildir
_USES = {use[1:].lower(): use for use in ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")}


def begin(ground: Ground, first_mailboxes: Sequence[str]) -> None:
    """The account is there and all its mailboxes are in the index.  One that is used for the first time gets
    `first_mailboxes`, subscribed; a name like Sent gets its special use (rfc6154#2)."""
    ground.recover()
    fresh = not (ground.root / MAILBOX_FILE).exists()
    for part in PARTS:
        ground.files.make_folder(ground.root / part)
    with ground.transaction() as undo:
        _follow_folders(ground, folders_in(ground.root))
        if fresh:
            for name in first_mailboxes:
                _make_first(ground, canonical(name), undo)
        if INBOX_FOLDER not in {box.folder for box in ground.boxes()}:
            ground.take_in(INBOX_FOLDER)  # its file comes last: until then the account is fresh


def _follow_folders(ground: Ground, folders: Mapping[str, str]) -> None:
    """Mailboxes that others made are in the index, and then those that they took away are not: one of these
    may be one of those, renamed.  Within a transaction."""
    known = {box.folder for box in ground.boxes()}
    for folder in folders.values():
        if folder not in known and folder != INBOX_FOLDER:
            ground.take_in(folder)
    for box in ground.boxes():
        if box.folder != INBOX_FOLDER and not is_mailbox(ground.root, box.folder):
            ground.forget(box)


def _make_first(ground: Ground, name: str, undo: Undo) -> None:
    use = _USES.get(name.lower())
    subscribe(ground.files, ground.root, name, True)
    try:
        box = ground.named(name)
    except NoSuchMailbox:
        make(ground, name, undo, use)
        return
    if use and not box.special_use:
        box.special_use = use
        write_mailbox_file(ground.files, ground.path(box) / MAILBOX_FILE, box)
        ground.save(box)


def listing(ground: Ground) -> list[Listed]:
    folders = folders_in(ground.root)
    if not {box.folder for box in ground.boxes()} <= {INBOX_FOLDER, *folders.values()}:
        with ground.transaction():
            _follow_folders(ground, folders)
    uses = {box.folder: box.special_use for box in ground.boxes()}
    wanted = subscribed(ground.root)
    return [
        Listed(name, name in folders, name in wanted, uses.get(folders.get(name, name)))
        for name in in_order({*folders, *above(folders), *wanted})
    ]


def status(ground: Ground, uid_validity: int) -> Status:
    box = ground.box(uid_validity)
    if box is None:
        raise NoSuchMailbox(str(uid_validity))
    seen, deleted = LETTER_OF_FLAG[SEEN], LETTER_OF_FLAG[DELETED]
    messages, size, unseen, gone, recent = ground.index.execute(
        "SELECT count(*), total(size), total(instr(letters, ?) = 0), total(instr(letters, ?) > 0),"
        " total(uid >= ?) FROM messages WHERE mailbox = ?",
        (seen, deleted, box.recent_from, box.uid_validity),
    ).fetchone()
    return Status(
        messages=messages,
        recent=int(recent),
        uid_next=box.uid_next,
        uid_validity=box.uid_validity,
        unseen=int(unseen),
        highest_modseq=box.modseq,
        size=int(size),
        deleted=int(gone),
    )


def create(ground: Ground, name: str, use: str | None) -> None:
    name, use = new_name(name), special_use(use)
    with ground.transaction() as undo:
        folders = folders_in(ground.root)
        if name in folders:
            raise MailboxExists(name)
        room_for_more(folders)
        _make_parents(ground, name, undo)
        make(ground, name, undo, use)


def delete(ground: Ground, name: str) -> None:
    name = canonical(name)
    if name == INBOX:
        raise CannotDo("INBOX cannot be deleted")
    grave = ground.root / "tmp" / new_maker(ground.clock.now())
    with ground.transaction() as undo:
        folders = folders_in(ground.root)
        if name not in folders and any(name in parents(other) for other in folders):
            raise HasChildren()
        box = ground.named(name)
        path = ground.path(box)
        ground.files.rename(path, grave)
        undo.append(partial(ground.files.rename, grave, path))
        ground.files.sync_folder(ground.root)
        ground.forget(box)
    with suppress(OSError):  # what is left there is cleaned up as old
        remove_tree(ground.files, grave)


def rename(ground: Ground, old: str, new: str) -> None:
    """Not for INBOX."""
    with ground.transaction() as undo:
        folders = folders_in(ground.root)
        going = moves(old, new, folders)
        if not going:
            raise NoSuchMailbox(old)
        for taken in (new, *(after for _, after in going)):
            if taken in folders:
                raise MailboxExists(taken)
        for before, after in going:
            box = ground.named(before)
            here, there = ground.path(box), ground.root / folder_of(after)
            ground.files.rename(here, there)
            undo.append(partial(ground.files.rename, there, here))
            ground.moved(box, there.name)
        ground.files.sync_folder(ground.root)
        _make_parents(ground, new, undo)


def make(ground: Ground, name: str, undo: Undo, use: str | None = None) -> Box:
    """A mailbox of this name, its folder on the disk.  Within a transaction."""
    folder = folder_of(name)
    path = ground.root / folder
    if path.is_symlink():
        raise CannotDo("There is something else of this name")
    if not path.is_dir():
        draft = ground.root / "tmp" / new_maker(ground.clock.now())
        undo.append(partial(remove_tree, ground.files, draft))
        for part in PARTS:
            ground.files.make_folder(draft / part)
        ground.files.create(draft / _MAILDIRPP, [])
        ground.files.sync_folder(draft)
        ground.files.rename(draft, path)
        undo.append(partial(remove_tree, ground.files, path))
    for part in PARTS:  # others may have begun to make it
        ground.files.make_folder(path / part)
    ground.files.sync_folder(ground.root)
    return ground.take_in(folder, use)


def remove_tree(files: Files, path: Path) -> None:
    """The folder and all in it; links are removed, not followed."""
    for entry in list(path.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            remove_tree(files, entry)
        else:
            files.unlink(entry)
    files.remove_folder(path)


def _make_parents(ground: Ground, name: str, undo: Undo) -> None:
    folders = folders_in(ground.root)
    for parent in parents(name):
        if parent not in folders:
            make(ground, parent, undo)
