"""What a process has not yet heard of the mailboxes it has open.  Blocks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mailtwist.store.api import Entry
from mailtwist.store.maildir.folders import name_of
from mailtwist.store.maildir.ground import Ground
from mailtwist.store.maildir.rows import entries_since, gone_since


@dataclass(slots=True)
class News:
    """`entries` are new or changed, with `whole` all there are; `gone` are UIDs.  `name` None: the mailbox is
    no more.  `cur` is its folder, `known_time` when that was changed last, as far as the index knows."""

    name: str | None
    whole: bool = False
    entries: list[Entry] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    uid_next: int = 0
    modseq: int = 0
    recent_from: int = 0
    cur: Path = Path()
    known_time: int = 0


def news(ground: Ground, known: Mapping[int, int]) -> dict[int, News]:
    """`known` is the highest modseq heard of, by UIDVALIDITY; -1 when nothing was heard.  There are none of a
    mailbox that the index does not know as a whole yet."""
    found = {uid_validity: _news(ground, uid_validity, modseq) for uid_validity, modseq in known.items()}
    return {uid_validity: one for uid_validity, one in found.items() if one is not None}


def _news(ground: Ground, uid_validity: int, known: int) -> News | None:
    box = ground.box(uid_validity)
    if box is None:
        return News(None, whole=True)
    if box.rebuilding:
        return None
    found = News(name_of(box.folder), uid_next=box.uid_next, modseq=box.modseq, recent_from=box.recent_from)
    found.cur, found.known_time = ground.cur(box), box.seen_mtime
    if known < box.gone_floor or known > box.modseq:
        found.whole, found.entries = True, entries_since(ground, box, -1)
    elif known < box.modseq:
        found.entries = entries_since(ground, box, known)
        found.gone = gone_since(ground, box, known)
    return found
