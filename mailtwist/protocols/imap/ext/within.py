"""WITHIN: messages that arrived so many seconds ago, or longer ago than that.  rfc5032#3"""

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.search_keys import Key, Since
from mailtwist.protocols.imap.search_terms import SearchKey, Terms


def _seconds(terms: Terms) -> int:
    seconds = terms.number()
    if not seconds:
        raise Malformed("Expected a number of seconds")
    return seconds


def _older(terms: Terms) -> Key:
    seconds = _seconds(terms)
    return Since(lambda entry, now: entry.received <= now - seconds)


def _younger(terms: Terms) -> Key:
    seconds = _seconds(terms)
    return Since(lambda entry, now: entry.received >= now - seconds)


extension = Extension(
    name="within",
    rfc=5032,
    capabilities=("WITHIN",),
    told_in=State.LOGGED_IN,
    search_keys=(SearchKey("OLDER", _older), SearchKey("YOUNGER", _younger)),
)
