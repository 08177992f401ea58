"""EXAMINE: a mailbox is opened, to read only.  rfc3501#6.3.2"""

from typing import ClassVar

from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.opening import Open


class Examine(Open):
    name: ClassVar[str] = "EXAMINE"
    read_only: ClassVar[bool] = True


extension = Extension(name="examine", rfc=3501, commands=(Examine,))
