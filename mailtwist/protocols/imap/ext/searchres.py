"""SEARCHRES: SEARCH saves what it finds, and `$` is that wherever a set of messages is.  rfc5182"""

from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.search_results import Result, SearchReturn

extension = Extension(
    name="searchres",
    rfc=5182,
    capabilities=("SEARCHRES",),
    told_in=State.LOGGED_IN,
    search_returns=(SearchReturn("SAVE", lambda arguments: Result(saves=True)),),
    builds_on=("esearch",),
)
