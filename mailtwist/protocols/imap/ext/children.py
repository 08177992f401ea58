"""CHILDREN: LIST says which mailboxes have others below them.  rfc3348#3"""

from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.extension import Extension

extension = Extension(name="children", rfc=3348, capabilities=("CHILDREN",), told_in=State.LOGGED_IN)
