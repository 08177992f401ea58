"""8BITMIME: a message may hold octets above 127.  rfc6152 rfc3030#3"""

from collections.abc import Mapping
from typing import Any

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.smtp.door import Door
from mailtwist.protocols.smtp.extension import Extension

TEXTS = ("7BIT", "8BITMIME")
ALL = (*TEXTS, "BINARYMIME")


def _body(value: str | None, door: Door) -> Mapping[str, Any]:
    kind = (value or "").upper()
    kinds = ALL if "binarymime" in door.dialect.names else TEXTS
    if kind not in kinds:
        raise Malformed(f"Expected {' or '.join(kinds)}")
    return {"body": kind}


extension = Extension(name="8bitmime", rfc=6152, keywords=("8BITMIME",), mail_parameters={"BODY": _body})
