"""BINARYMIME: a message of any octets, which lines do not divide.  rfc3030#3

Its BODY parameter is 8BITMIME's, its command CHUNKING's; it is told only where both are."""

from collections.abc import Sequence

from mailtwist.protocols.smtp.door import Door
from mailtwist.protocols.smtp.extension import Extension


def _told(door: Door) -> Sequence[str]:
    return ("BINARYMIME",) if _possible(door) else ()


def _possible(door: Door) -> bool:
    return "BDAT" in door.dialect.commands and "BODY" in door.dialect.mail_parameters


extension = Extension(name="binarymime", rfc=3030, telling=_told)
