"""SEARCH: the messages that fit.  rfc3501#6.4.4 rfc3501#7.2.5 rfc9051#6.4.4 rfc4731#3.1"""

from array import array
from dataclasses import dataclass
from typing import ClassVar, Self

from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap import searching
from mailtwist.protocols.imap.abilities import SupportsSearch
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.changes import Selected
from mailtwist.protocols.imap.command import Answer, Command, No, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.message_set import runs
from mailtwist.protocols.imap.search_keys import Key, Plan, weight
from mailtwist.protocols.imap.search_results import Found, Result, told_of
from mailtwist.protocols.imap.search_some import AT_A_TIME, in_stretches
from mailtwist.protocols.imap.search_terms import KEYS_OF_REV1, Asked, parsed

AT_A_STRETCH = 40_000
"""Keys that messages are held against before other connections have their turn."""


@dataclass(frozen=True, slots=True)
class Search(Command):
    """`results` None: those of rev1.  `refused`: the texts cannot be read.  `written` is what was asked, for
    a mailbox that searches by itself."""

    name: ClassVar[str] = "SEARCH"
    states: ClassVar[State] = State.SELECTED
    takes_uid: ClassVar[bool] = True
    by_numbers: ClassVar[bool] = True
    asked: Asked | None
    results: tuple[Result, ...] | None
    by_uid: bool
    written: Arguments
    refused: No | None = None

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        results = _results(arguments)
        written = arguments.again()
        try:
            asked = parsed(arguments)
        except No as refused:
            return cls(None, results, by_uid, written, refused)
        arguments.end()
        return cls(asked, results, by_uid, written)

    async def run(self, session: Session) -> Answer:
        saves = any(one.saves for one in self.results or ())
        selected = session.selected
        try:
            found = await self._found(session)
        except Trouble:
            if saves:
                selected.saved = runs(())  # rfc5182#2.1
            raise
        about = told_of(found, self.results or ())
        if saves:
            selected.saved = runs(about.uids)
        self._tell(session, found, about)
        gone = selected.expunged and not self.by_uid
        return Answer("SEARCH completed", code="EXPUNGEISSUED" if gone else "")

    async def _found(self, session: Session) -> Found:
        if self.asked is None:
            assert self.refused is not None
            raise self.refused
        for begin in self.asked.begins:
            begin(session)
        numbers = await self._found_by_mailbox(session.selected)
        if numbers is None:
            numbers = await fitting(session, self.asked.key)
        return Found(session.selected, self.by_uid, numbers)

    async def _found_by_mailbox(self, selected: Selected) -> "array[int] | None":
        """None: we are to look."""
        if not isinstance(selected.mailbox, SupportsSearch):
            return None
        written = self.written.again()
        if written.take(b"CHARSET "):
            written.astring()
            written.space()
        words = written.words()
        uids = await selected.mailbox.search(words, by_uid=self.by_uid)
        if uids is None:
            return None
        return array("I", sorted(filter(None, map(selected.number, uids))))

    def _tell(self, session: Session, found: Found, about: Found) -> None:
        assert self.asked is not None
        also = list(filter(None, [words(session, about) for words in self.asked.also])) if about else []
        results = self.results
        if results is None and session.rev2:
            results = (session.dialect.search_returns["ALL"].parse(Arguments(b"")),)
        if results is None:
            numbers = [" ".join(map(str, found.told)).encode("ascii")] if found else []
            answer = [b"SEARCH", *numbers, *(b"(%b)" % words for words in also)]
            session.untagged(b" ".join(answer))
        elif any(one.words is not None for one in results):
            told = [one.words(session, found) for one in results if one.words is not None]
            uid = [b"UID"] if self.by_uid else []
            answer = [b'ESEARCH (TAG "%b")' % session.tag, *uid, *filter(None, told), *also]
            session.untagged(b" ".join(answer))


def _results(arguments: Arguments) -> tuple[Result, ...] | None:
    """Behind RETURN, in the order of the table; `()` is ALL (rfc4731#3.1)."""
    table = arguments.dialect.search_returns
    if not table or not arguments.take(b"RETURN "):
        return None
    found: dict[str, Result] = {}

    def one() -> None:
        name = arguments.atom().upper()
        if name not in table or name in found:
            raise Malformed("There is no such result, or it is asked for twice")
        found[name] = table[name].parse(arguments)

    arguments.list_of(one, least=0)
    arguments.space()
    if not found and "ALL" in table:
        found["ALL"] = table["ALL"].parse(arguments)
    return tuple(found[name] for name in table if name in found)


async def fitting(session: Session, key: Key) -> "array[int]":
    """The numbers of all messages that fit, ascending."""
    selected = session.selected
    plan = Plan(key.bound(selected, session.now()))
    looking = searching.Search(session, plan)
    numbers = array("I")
    at_a_time = max(1, min(AT_A_TIME, AT_A_STRETCH // weight(key)))
    for stretch, some in enumerate(in_stretches(selected, at_a_time)):
        if stretch:
            await session.breathe()
        found, possible = plan.key.sift(some)
        if found != possible:
            found |= await looking.fitting(some, possible & ~found)
        numbers.extend(some.numbers_of(found))
    return numbers


extension = Extension(name="search", rfc=3501, commands=(Search,), search_keys=KEYS_OF_REV1)
