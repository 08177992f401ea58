"""ESEARCH: SEARCH tells the first, the last, the number of the messages that fit, or a set.  rfc4731#3.1"""

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.message_set import written
from mailtwist.protocols.imap.search_results import Found, Result, SearchReturn


def _first(session: Session, found: Found) -> bytes:
    return b"MIN %d" % found.part([0]).told[0] if found else b""


def _last(session: Session, found: Found) -> bytes:
    return b"MAX %d" % found.part([len(found) - 1]).told[0] if found else b""


def _all(session: Session, found: Found) -> bytes:
    return b"ALL " + written(found.told) if found else b""


def _count(session: Session, found: Found) -> bytes:
    return b"COUNT %d" % len(found)


def _row(name: str, result: Result) -> SearchReturn:
    def parse(arguments: Arguments) -> Result:
        return result

    return SearchReturn(name, parse)


extension = Extension(
    name="esearch",
    rfc=4731,
    capabilities=("ESEARCH",),
    told_in=State.LOGGED_IN,
    search_returns=(
        _row("MIN", Result(_first, lambda count: range(min(count, 1)))),
        _row("MAX", Result(_last, lambda count: range(max(count - 1, 0), count))),
        _row("ALL", Result(_all, range)),
        _row("COUNT", Result(_count, range)),
    ),
)
