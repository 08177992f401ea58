"""SELECT: a mailbox is opened, to read and to write.  rfc3501#6.3.1"""

from typing import ClassVar

from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.opening import Open


class Select(Open):
    name: ClassVar[str] = "SELECT"
    read_only: ClassVar[bool] = False


extension = Extension(name="select", rfc=3501, commands=(Select,))
