"""LOGIN-DELAY: how long after a login the next one of the same account is refused.  rfc2449#6.5"""

import math
from collections.abc import Sequence

from mailtwist.protocols.pop3.door import Door
from mailtwist.protocols.pop3.extension import Extension


def _told(door: Door) -> Sequence[str]:
    return (f"LOGIN-DELAY {math.ceil(door.delays.seconds)}",) if door.delays.seconds else ()


extension = Extension(name="login_delay", rfc=2449, telling=_told)
