"""LITERAL+: literals that wait for nobody, of any size; `frames` reads them.  rfc7888#3"""

from mailtwist.protocols.imap.extension import Extension

extension = Extension(name="literal_plus", rfc=7888, capabilities=("LITERAL+",), unasked=2**63)
