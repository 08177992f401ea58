"""STATUS=SIZE: how much room the messages of a mailbox take.  rfc8438#3"""

from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.status_items import number

extension = Extension(
    name="status_size",
    rfc=8438,
    capabilities=("STATUS=SIZE",),
    told_in=State.LOGGED_IN,
    status_items=(number("SIZE", lambda status: status.size),),
)
