"""EHLO: who the client says it is, and what we can do.  rfc5321#4.1.1.1"""

from typing import ClassVar

from mailtwist.protocols.smtp.extension import Extension
from mailtwist.protocols.smtp.hello import Hello


class Ehlo(Hello):
    name: ClassVar[str] = "EHLO"
    usage: ClassVar[str] = "EHLO name: who you are; tells what can be done here"


extension = Extension(name="ehlo", rfc=5321, commands=(Ehlo,), protocols=("smtp",))
