"""Which mailboxes an account is subscribed to: Dovecot's `subscriptions`, read and written as it does."""

from pathlib import Path

from mailtwist.kit.files import Files, read_small, write_whole
from mailtwist.store.api import INBOX
from mailtwist.store.maildir.folders import folder_of, name_of
from mailtwist.store.names import room_for_more

FILE = "subscriptions"
_LONGEST = 16 << 20
_VERSION_2 = b"V\t2\n\n"  # a tab between levels; without it, a dot


def subscribed(root: Path) -> set[str]:
    """The names; lines that mean nothing here are left out."""
    found = {_name(line) for line in _lines(root)}
    return {name for name in found if name is not None}


def subscribe(files: Files, root: Path, name: str, wanted: bool) -> None:
    """`name` (canonical) is in the file, or not any more; what it means nothing to us stays as it is."""
    lines = _lines(root)
    kept = [line for line in lines if _name(line) != name]
    if wanted:
        room_for_more(kept)
        kept.append(b"INBOX" if name == INBOX else folder_of(name)[1:].replace(".", "\t").encode("ascii"))
    if kept != lines:
        write_whole(files, root / FILE, _VERSION_2 + b"".join(line + b"\n" for line in kept))


def _lines(root: Path) -> list[bytes]:
    """With a tab between levels."""
    try:
        octets = read_small(root / FILE, _LONGEST)
    except FileNotFoundError:
        return []
    if octets.startswith(b"V\t2\n"):
        lines = octets.splitlines()[1:]
    else:
        lines = [line.replace(b".", b"\t") for line in octets.splitlines()]
    return [line for line in lines if line]


def _name(line: bytes) -> str | None:
    if line.upper() == b"INBOX":
        return INBOX
    try:
        return name_of("." + line.decode("utf-8").replace("\t", "."))
    except UnicodeDecodeError:
        return None
