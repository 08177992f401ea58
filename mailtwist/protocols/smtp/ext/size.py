"""SIZE: how big a message may be, and is going to be.  rfc1870"""

import re
from collections.abc import Sequence

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.smtp.command import Refusal
from mailtwist.protocols.smtp.door import Door
from mailtwist.protocols.smtp.extension import Extension
from mailtwist.protocols.smtp.measure import TOO_BIG

_SIZE = re.compile(r"[0-9]{1,20}")


def _told(door: Door) -> Sequence[str]:
    return (f"SIZE {door.limits.message}",)


def _size(value: str | None, door: Door) -> None:
    if value is None or not _SIZE.fullmatch(value):
        raise Malformed("Expected a number of octets")
    if int(value) > door.limits.message:
        raise Refusal(TOO_BIG)


extension = Extension(name="size", rfc=1870, telling=_told, mail_parameters={"SIZE": _size})
