"""XRECEIVED: FETCH tells when a message arrived, as seconds since 1970."""

from mailtwist.protocols.imap.changes import Selected
from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.fetch_items import known
from mailtwist.store.api import Entry


def _received(selected: Selected, entry: Entry) -> bytes:
    return b"%d" % entry.received


extension = Extension(
    name="xreceived",
    rfc=0,
    capabilities=("XRECEIVED",),
    told_in=State.LOGGED_IN,
    fetch_items=(known("XRECEIVED", _received),),
)
