"""SASL-IR: AUTHENTICATE with an initial response; `base.authenticate` takes it.  rfc4959"""

from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.extension import Extension

extension = Extension(
    name="sasl_ir",
    rfc=4959,
    capabilities=("SASL-IR",),
    told_in=State.NOT_AUTHENTICATED,
    builds_on=("authenticate",),
)
