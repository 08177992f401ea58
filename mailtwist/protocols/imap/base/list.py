"""LIST: which mailboxes there are.  rfc3501#6.3.8 rfc5258#3 rfc3348#3 rfc6154#2"""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from mailtwist.kit.events import Event
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import Answer, Command, State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.list_options import Returned, Selection, returns, selections
from mailtwist.protocols.imap.listing import AT_A_STRETCH, Names, fitting, line, patterns_of
from mailtwist.store.api import Listed, NoSuchMailbox
from mailtwist.store.names import above

NO_STATUS = Event("imap.no_status", "LIST leaves out what was asked of {mailbox}: {trouble}", "warn")

PATTERNS = 64
"""Of one command."""


@dataclass(frozen=True, slots=True)
class List(Command):
    """`extended` is the syntax of rfc5258#3: selection options, several patterns or return options."""

    name: ClassVar[str] = "LIST"
    states: ClassVar[State] = State.LOGGED_IN
    reference: str | None
    patterns: tuple[str | None, ...]
    selections: tuple[Selection, ...] = ()
    returns: tuple[Returned, ...] = ()
    extended: bool = False

    @classmethod
    def parse(cls, arguments: Arguments, *, by_uid: bool) -> Self:
        arguments.space()
        selecting = arguments.peek(b"(")
        selected = selections(arguments) if selecting else ()
        if selecting:
            arguments.space()
        reference = arguments.reference()
        arguments.space()
        several = arguments.peek(b"(")
        patterns = arguments.list_of(arguments.pattern, most=PATTERNS) if several else [arguments.pattern()]
        returning = arguments.take(b" RETURN ")
        returned = returns(arguments, selected, asked=returning)
        arguments.end()
        return cls(reference, tuple(patterns), selected, returned, selecting or several or returning)

    async def run(self, session: Session) -> Answer:
        if not self.extended and self.patterns == ("",):  # asks for the separator
            session.untagged(line(session, b"LIST", "", ["\\Noselect"]))
            return Answer("LIST completed")
        names = await Names.of(session.account)
        chosen = {one.name for one in names.known.values() if self._chooses(names, one)}
        holders = above(chosen) if any(one.holders for one in self.selections) else frozenset[str]()
        patterns = patterns_of(self.reference, filter(None, self.patterns))
        told = [name async for name in fitting(session, patterns, chosen | holders)]
        # one that was not chosen itself stands for chosen ones below it that are not told (rfc9051#6.3.9.3)
        wanted = chosen | above(chosen.difference(told)) if holders else chosen
        for number, name in enumerate(told, 1):
            if name in wanted:
                await self._tell(session, names, name, chosen=name in chosen, holds=name in holders)
            if number % AT_A_STRETCH == 0:
                await session.breathe()
        return Answer("LIST completed")

    def _chooses(self, names: Names, one: Listed) -> bool:
        choosing = [option.chooses for option in self.selections if option.chooses is not None]
        return all(chooses(one) for chooses in choosing) if choosing else names.there(one)

    async def _tell(self, session: Session, names: Names, name: str, *, chosen: bool, holds: bool) -> None:
        one, answers = names.get(name), list[bytes]()
        if chosen and one.selectable:
            one, answers = await self._asked(session, one)
        attributes = names.attributes(one, "\\NonExistent" if self.extended else "\\Noselect")
        for option in self.returns:
            attributes.extend(option.attributes(one))
        session.untagged(line(session, b"LIST", name, attributes, [self._child_info] if holds else ()))
        for words in answers:
            session.untagged(words)
        await session.drained()

    async def _asked(self, session: Session, one: Listed) -> tuple[Listed, list[bytes]]:
        """As it is now, and what the options answer; one that fails answers nothing (rfc5819#2)."""
        answers = []
        for option in self.returns:
            try:
                words = await option.answer(session, one) if option.answer is not None else None
            except NoSuchMailbox:
                return replace(one, selectable=False), []
            except Trouble as trouble:
                NO_STATUS.log(mailbox=one.name, trouble=str(trouble))
            else:
                answers += [words] if words is not None else []
        return one, answers

    @property
    def _child_info(self) -> bytes:
        """rfc5258#3.5"""
        names = [f'"{option.name}"' for option in self.selections if option.chooses is not None]
        return f'"CHILDINFO" ({" ".join(names)})'.encode("ascii")


extension = Extension(name="list", rfc=3501, commands=(List,))
