"""LIMITS: how many mails and recipients a client may send before it is stopped.  rfc9422#3"""

from collections.abc import Sequence

from mailtwist.protocols.smtp.door import Door
from mailtwist.protocols.smtp.extension import Extension


def _told(door: Door) -> Sequence[str]:
    """What the number of recipients limits already is not told."""
    limits = door.limits
    told = [f"MAILMAX={limits.mails}", f"RCPTMAX={limits.recipients}"]
    if limits.recipient_domains < limits.recipients:
        told.append(f"RCPTDOMAINMAX={limits.recipient_domains}")
    return (" ".join(["LIMITS", *told]),)


extension = Extension(name="limits", rfc=9422, telling=_told)
