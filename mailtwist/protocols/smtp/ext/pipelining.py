"""PIPELINING: commands may be sent before the one before is answered.  rfc2920

Nothing is to be done for it: a connection takes one turn at a time."""

from mailtwist.protocols.smtp.extension import Extension

extension = Extension(name="pipelining", rfc=2920, keywords=("PIPELINING",))
