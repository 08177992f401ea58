"""IMPLEMENTATION: what server this is, told to those who have logged in.  rfc2449#6.9"""

from mailtwist.protocols.pop3.command import State
from mailtwist.protocols.pop3.extension import Extension

extension = Extension(
    name="implementation", rfc=2449, capabilities=("IMPLEMENTATION mailtwist",), told_in=State.TRANSACTION
)
