"""HELO: who the client says it is, as before there were extensions.  rfc5321#4.1.1.1"""

from typing import ClassVar

from mailtwist.protocols.smtp.extension import Extension
from mailtwist.protocols.smtp.hello import Hello


class Helo(Hello):
    name: ClassVar[str] = "HELO"
    extended: ClassVar[bool] = False
    usage: ClassVar[str] = "HELO name: who you are"


extension = Extension(name="helo", rfc=5321, commands=(Helo,), protocols=("smtp",))
