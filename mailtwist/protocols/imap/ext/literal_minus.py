"""LITERAL-: literals of 4096 octets that wait for nobody, where LITERAL+ is left out.  rfc7888#5"""

from collections.abc import Sequence

from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.extension import Extension

UNASKED = 4096


def _telling(session: Session) -> Sequence[str]:
    """Never both (rfc7888#5)."""
    return () if session.dialect.has("literal_plus") else ("LITERAL-",)


extension = Extension(name="literal_minus", rfc=7888, telling=_telling, unasked=UNASKED)
