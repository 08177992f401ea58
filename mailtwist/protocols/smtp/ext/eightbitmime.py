"""8BITMIME: a message may hold octets above 127.  rfc6152 rfc3030#3"""

from collections.abc import Mapping
from typing import Any

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.smtp.door import Door
from mailtwist.protocols.smtp.extension import Extension


def _body(value: str | None, door: Door) -> Mapping[str, Any]:
    kinds = ["7BIT", "8BITMIME"]
    if "BINARYMIME" in door.keywords:
        kinds.append("BINARYMIME")
    if value is None or value.upper() not in kinds:
        raise Malformed(f"Expected {' or '.join(kinds)}")
    return {"body": value.upper()}


extension = Extension(name="8bitmime", rfc=6152, keywords=("8BITMIME",), mail_parameters={"BODY": _body})
