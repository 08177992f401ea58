"""SPECIAL-USE: LIST says which mailbox is for sent mail, drafts, junk.  rfc6154#2"""

from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.extension import Extension

extension = Extension(name="special_use", rfc=6154, capabilities=("SPECIAL-USE",), told_in=State.LOGGED_IN)
