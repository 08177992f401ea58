"""XTAG: the sender puts a word on a message."""

import re

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.smtp.door import Door
from mailtwist.protocols.smtp.extension import Extension

_WORD = re.compile(r"[a-z]{1,20}")


def _tag(value: str | None, door: Door) -> None:
    if value is None or not _WORD.fullmatch(value):
        raise Malformed("Expected a word of 1 to 20 letters")


extension = Extension(name="xtag", rfc=0, keywords=("XTAG",), mail_parameters={"XTAG": _tag})
