"""Names of folders: the mailbox `Archive/2024` is the folder `.Archive.2024`, an account id a safe name."""

import hashlib
import os
import re
import stat
import unicodedata
from pathlib import Path

from mailtwist.kit.trouble import Trouble
from mailtwist.mail import utf7
from mailtwist.store.api import INBOX, SEPARATOR, CannotDo, NoSuchMailbox
from mailtwist.store.names import canonical

INBOX_FOLDER = ""
LONGEST = 240  # octets; a name in a file system has at most 255
_UNSAFE = re.compile(r"^\.|[^A-Za-z0-9@._+=-]")
_UNPLAIN = re.compile(r"[.\\]")
_ESCAPED = re.compile(r"\\([0-9a-f]{2})")


def folder_of(name: str) -> str:
    """The folder for a mailbox (a canonical name).  "." and "\\" within a level are written as Dovecot's
    listescape plugin does: `\\2e`, `\\5c`."""
    if name == INBOX:
        return INBOX_FOLDER
    levels = (_UNPLAIN.sub(_escape, level) for level in name.split(SEPARATOR))
    folder = "." + utf7.encoded(".".join(levels))
    if len(folder) > LONGEST:
        raise CannotDo("The mailbox name is too long")
    return folder


def name_of(folder: str) -> str | None:
    """The mailbox for a folder; None when it is no mailbox of ours."""
    if folder == INBOX_FOLDER:
        return INBOX
    try:
        plain = utf7.decoded(folder[1:]) if folder.isascii() else folder[1:]
        levels = [_ESCAPED.sub(_unescape, level) for level in plain.split(".")]
        if any(SEPARATOR in level for level in levels):
            return None
        name = unicodedata.normalize("NFC", SEPARATOR.join(levels))  # others do not see to that
        return name if canonical(name) == name != INBOX else None
    except (ValueError, CannotDo):
        return None


def folders_in(root: Path) -> dict[str, str]:
    """All mailboxes in the account's folder `root`: folder by name."""
    found: dict[str, str] = {}
    with os.scandir(root) as entries:
        for entry in entries:
            is_folder = entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            if is_folder and _is_folder(f"{entry.path}/cur"):
                name = name_of(entry.name)
                if name is not None and (name not in found or folder_of(name) == entry.name):
                    found[name] = entry.name
    if is_mailbox(root, INBOX_FOLDER):
        found[INBOX] = INBOX_FOLDER
    return found


def is_mailbox(root: Path, folder: str) -> bool:
    """There is a mailbox in this folder of the account's folder `root`.  Links are none: they lead to other
    people's mail, or out of it.  Blocks."""
    parts = [*([root / folder] if folder else []), root / folder / "cur"]
    return all(_is_folder(part) for part in parts)


def _is_folder(path: str | Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def must_exist(root: Path, name: str) -> None:
    """`NoSuchMailbox` unless there is such a mailbox.  Blocks."""
    name = canonical(name)
    if not is_mailbox(root, folder_of(name)) and name not in (INBOX, *folders_in(root)):
        raise NoSuchMailbox(name)


def account_folder(account: str) -> str:
    """A name for any account id: different ids, different names; one that is simple stays as it is."""
    if not account:
        raise Trouble("5.3.5", "System incorrectly configured", "an account without an id")
    folder = _UNSAFE.sub(_percent, account)
    if len(folder) <= 200:
        return folder
    digest = hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{folder[:100]}%-{digest}"


def _escape(found: re.Match[str]) -> str:
    return f"\\{ord(found[0]):02x}"


def _unescape(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{octet:02X}" for octet in found[0].encode("utf-8", "surrogatepass"))
