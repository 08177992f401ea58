"""What was worked out of messages: kept in the index until they go, not synced for its own sake.  Blocks."""

from collections.abc import Collection, Mapping

from mailtwist.store.facts import room_for
from mailtwist.store.maildir.ground import Ground
from mailtwist.store.maildir.rows import slices

_TOTAL = "SELECT total(length(fact)) FROM facts WHERE mailbox = ? AND uid = ? AND what <> ?"
_FORGET = "DELETE FROM facts WHERE mailbox = ? AND uid = ?"
_INSERT = "INSERT OR REPLACE INTO facts (mailbox, uid, what, fact) VALUES (?, ?, ?, ?)"


def known(ground: Ground, uid_validity: int, what: str, uids: Collection[int]) -> dict[int, bytes]:
    """What of `what` is there."""
    found: dict[int, bytes] = {}
    for some in slices(sorted(set(uids))):
        marks = ", ".join("?" * len(some))
        found.update(
            ground.index.execute(
                f"SELECT uid, fact FROM facts WHERE mailbox = ? AND what = ? AND uid IN ({marks})",
                (uid_validity, what, *some),
            )
        )
    return found


def learn(ground: Ground, uid_validity: int, what: str, facts: Mapping[int, bytes]) -> None:
    """Those of messages that are there are kept, as far as there is room."""
    with ground.index.transaction(lasting=False):
        for some in slices(sorted(facts)):
            marks = ", ".join("?" * len(some))
            sizes = ground.index.execute(
                f"SELECT uid, size FROM messages WHERE mailbox = ? AND uid IN ({marks})",
                (uid_validity, *some),
            ).fetchall()
            for uid, size in sizes:
                _keep(ground, uid_validity, what, uid, facts[uid], room_for(size))


def _keep(ground: Ground, uid_validity: int, what: str, uid: int, fact: bytes, room: int) -> None:
    """If there is not room for all, the others give way."""
    if len(fact) > room:
        return
    (others,) = ground.index.execute(_TOTAL, (uid_validity, uid, what)).fetchone()
    if others + len(fact) > room:
        ground.index.execute(_FORGET, (uid_validity, uid))
    ground.index.execute(_INSERT, (uid_validity, uid, what, fact))
