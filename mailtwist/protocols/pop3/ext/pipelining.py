"""PIPELINING: several commands at once, answered in order.  rfc2449#6.6"""

from mailtwist.protocols.pop3.extension import Extension

extension = Extension(name="pipelining", rfc=2449, capabilities=("PIPELINING",))
