"""LHLO: EHLO in LMTP, so that nobody takes the one for the other.  rfc2033#4.1"""

from typing import ClassVar

from mailtwist.protocols.smtp.extension import Extension
from mailtwist.protocols.smtp.hello import Hello


class Lhlo(Hello):
    name: ClassVar[str] = "LHLO"
    usage: ClassVar[str] = "LHLO name: who you are; tells what can be done here"


extension = Extension(name="lhlo", rfc=2033, commands=(Lhlo,), protocols=("lmtp",))
