"""EXPIRE: for how long messages are kept.  rfc2449#6.7"""

import math
from collections.abc import Sequence

from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension

_DAY = 86_400


def _told(door: Door) -> Sequence[str]:
    """Whole days, rounded down: a promise is not longer than what is kept."""
    if door.retention is None:
        return ()
    if math.isinf(door.retention):
        return ("EXPIRE NEVER",)
    return (f"EXPIRE {int(door.retention // _DAY)}",)


extension = Extension(name="expire", rfc=2449, telling=_told)
