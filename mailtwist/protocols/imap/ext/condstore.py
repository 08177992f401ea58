"""CONDSTORE: what has changed since then, and changes only where nobody else was faster.  rfc7162#3.1"""

import re
from collections.abc import Sequence

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.changes import CONDSTORE, Selected
from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Enables, Extension
from mailtwist.protocols.imap.fetch_items import MODSEQ, FetchItem, Listed
from mailtwist.protocols.imap.fetched import by_uid
from mailtwist.protocols.imap.mod_sequences import aware, needed, tell_highest
from mailtwist.protocols.imap.modifiers import (
    Choice,
    Condition,
    FetchModifier,
    SelectParameter,
    StoreModifier,
    Then,
    Wanted,
)
from mailtwist.protocols.imap.search_keys import Key, Known
from mailtwist.protocols.imap.search_results import Found
from mailtwist.protocols.imap.search_terms import SearchKey, Terms
from mailtwist.protocols.imap.status_items import StatusItem
from mailtwist.store.api import Status

_ITEM = Listed(MODSEQ.label, MODSEQ.words, begin=needed)
_TYPE = re.compile(rb"(?i) (all|priv|shared) ")


def _condstore(arguments: Arguments) -> Then:
    async def begin(session: Session, selected: Selected) -> None:
        session.enabled.add(CONDSTORE)  # SELECT has told the highest

    return begin


def _changed_since(arguments: Arguments) -> Choice:
    arguments.space()
    since = arguments.long_number()

    async def choose(session: Session, wanted: Wanted) -> Wanted:
        known = by_uid(session.selected, wanted)
        return [one for one in wanted if one[1] in known and known[one[1]].modseq > since]

    return Choice(choose, (_ITEM,))


def _unchanged_since(arguments: Arguments) -> Condition:
    arguments.space()
    return Condition(arguments.long_number())


def _modseq(terms: Terms) -> Key:
    """We have one for each message: whose it is does not matter (rfc7162#3.1.5)."""
    terms.arguments.space()
    if terms.arguments.peek(b'"'):
        if not terms.arguments.string().lower().startswith(b"/flags/"):
            raise Malformed("Expected /flags/ and a flag")
        if terms.arguments.match(_TYPE) is None:
            raise Malformed("Expected all, priv or shared")
    least = terms.arguments.long_number()
    terms.begins.append(needed)
    terms.also.append(_highest_found)
    return Known(lambda entry: entry.modseq >= least)


def _highest_found(session: Session, found: Found) -> bytes:
    known: Sequence[int] = [
        entry.modseq for uid in found.uids if (entry := session.selected.entry(uid)) is not None
    ]
    return b"MODSEQ %d" % max(known, default=1)


def _highest(session: Session, status: Status) -> bytes:
    aware(session)
    return b"%d" % status.highest_modseq


extension = Extension(
    name="condstore",
    rfc=7162,
    capabilities=("CONDSTORE",),
    told_in=State.LOGGED_IN,
    enables=(Enables(CONDSTORE, then=tell_highest),),
    fetch_items=(FetchItem("MODSEQ", lambda arguments: _ITEM),),
    fetch_modifiers=(FetchModifier("CHANGEDSINCE", _changed_since),),
    search_keys=(SearchKey("MODSEQ", _modseq),),
    select_parameters=(SelectParameter("CONDSTORE", _condstore),),
    status_items=(StatusItem("HIGHESTMODSEQ", _highest),),
    store_modifiers=(StoreModifier("UNCHANGEDSINCE", _unchanged_since),),
)
