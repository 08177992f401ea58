"""XWEEKEND: SEARCH knows Saturdays and Sundays, and tells who ENABLEs it how big all is that it has found."""

from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Enables, Extension
from mailtwist.protocols.imap.search_keys import Key, Known
from mailtwist.protocols.imap.search_results import Found
from mailtwist.protocols.imap.search_terms import SearchKey, Terms
from mailtwist.store.api import Entry

THURSDAY = 3  # what 1 January 1970 was, where Monday is 0


def _on_weekend(entry: Entry) -> bool:
    days = int(entry.received + entry.zone * 60) // 86_400
    return (days + THURSDAY) % 7 >= 5


def _weekend(terms: Terms) -> Key:
    terms.also.append(_octets)
    return Known(_on_weekend)


def _octets(session: Session, found: Found) -> bytes:
    if "XWEEKEND" not in session.enabled:
        return b""
    entries = [session.selected.entry(uid) for uid in found.uids]
    return b"XOCTETS %d" % sum(entry.size for entry in entries if entry is not None)


extension = Extension(
    name="xweekend",
    rfc=0,
    capabilities=("XWEEKEND",),
    told_in=State.LOGGED_IN,
    enables=(Enables("XWEEKEND"),),
    search_keys=(SearchKey("XWEEKEND", _weekend),),
    builds_on=("enable", "esearch"),
)
