"""SEARCH: the messages that fit.  rfc3501#6.4.4 rfc3501#7.2.5"""

from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.changes import Selected
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.reading import Pace, Reading
from mailtwist.protocols.imap.search_keys import Facts, Key, Plan, weight
from mailtwist.protocols.imap.search_terms import KEYS_OF_REV1, parsed
from mailtwist.protocols.imap.searching import verdict
from mailtwist.store.api import MessageGone

AT_A_STRETCH = 2_000
"""Keys that messages are held against before other connections have their turn."""


@dataclass(frozen=True, slots=True)
class Search(Command):
    name: ClassVar[str] = "SEARCH"
    states: ClassVar[State] = State.SELECTED
    takes_uid: ClassVar[bool] = True
    by_numbers: ClassVar[bool] = True
    key: Key
    by_uid: bool

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        key = parsed(arguments)
        arguments.end()
        return cls(key, by_uid)

    async def run(self, session: Session) -> Answer:
        found = await fitting(session, self.key)
        numbers = [uid if self.by_uid else number for number, uid in found]
        session.untagged(b"SEARCH" + b"".join([b" %d" % number for number in numbers]))
        return Answer("SEARCH completed")


async def fitting(session: Session, key: Key) -> list[tuple[int, int]]:
    """(number, UID) of all messages that fit, ascending."""
    selected = session.selected
    plan = Plan(key.bound(selected))
    pace = Pace(session.breathe)
    stretch = max(1, AT_A_STRETCH // weight(key))
    uids = selected.uids[:]  # new messages may come in while we wait
    entries = {entry.uid: entry for entry in selected.mailbox.entries()}
    found: list[tuple[int, int]] = []
    for number, uid in enumerate(uids, 1):
        entry = entries.get(uid)
        if entry is not None:
            facts = Facts(number, entry, uid in selected.recent)
            fits = plan.key.verdict(facts)
            if fits or (fits is None and await _opened(selected, plan, facts, pace)):
                found.append((number, uid))
        if number % stretch == 0:
            await session.breathe()
    return found


async def _opened(selected: Selected, plan: Plan, facts: Facts, pace: Pace) -> bool:
    uid = facts.entry.uid
    try:
        content = await selected.mailbox.open(uid)
    except MessageGone:
        return False
    try:
        return await verdict(plan, facts, Reading(uid, content, selected.structures, pace))
    finally:
        content.close()


extension = Extension(name="search", rfc=3501, commands=(Search,), search_keys=KEYS_OF_REV1)
