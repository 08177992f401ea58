"""SMTPUTF8: addresses and headers may be UTF-8.  rfc6531#3.1"""

from collections.abc import Mapping
from typing import Any

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.smtp.door import Door
from mailtwist.protocols.smtp.extension import Extension


def _utf8(value: str | None, door: Door) -> Mapping[str, Any]:
    if value is not None:
        raise Malformed("It takes no value")
    return {"utf8": True}


extension = Extension(
    name="smtputf8",
    rfc=6531,
    keywords=("SMTPUTF8",),
    mail_parameters={"SMTPUTF8": _utf8},
    builds_on=("8bitmime",),  # rfc6531#3.6
)
