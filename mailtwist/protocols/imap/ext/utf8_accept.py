"""UTF8=ACCEPT: names of mailboxes, strings and headers are UTF-8 for a client that says so.  rfc6855

Messages are octets, in both directions.  A client that has not said so may put in a message with raw 8-bit
headers, and gets one as it is: rfc6855#4 would refuse the one, and rfc6855#6 speaks of downgrading the other,
but then a mailbox with old mail in it could not be copied or synchronised.
"""

from mailtwist.protocols.imap.append_data import AppendData
from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.extension import Enables, Extension

extension = Extension(
    name="utf8_accept",
    rfc=6855,
    capabilities=("UTF8=ACCEPT",),
    told_in=State.LOGGED_IN,
    append_data=(AppendData("UTF8", before=b"UTF8 (~", after=b")"),),
    enables=(Enables("UTF8=ACCEPT"),),
    builds_on=("enable",),
)
