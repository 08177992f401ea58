"""ENHANCEDSTATUSCODES: replies say more exactly what they mean.  rfc2034"""

from mailtwist.protocols.smtp.extension import Extension

extension = Extension(name="enhancedstatuscodes", rfc=2034, keywords=("ENHANCEDSTATUSCODES",))
