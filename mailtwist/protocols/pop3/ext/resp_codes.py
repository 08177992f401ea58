"""RESP-CODES, AUTH-RESP-CODE: an -ERR says in brackets what kind of trouble it is.  rfc2449#6.4 rfc3206#6"""

from mailtwist.protocols.pop3.extension import Extension

extension = Extension(name="resp_codes", rfc=3206, capabilities=("RESP-CODES", "AUTH-RESP-CODE"))
