"""What MAIL and RCPT take besides an address is said by extensions; all else is refused.  rfc5321#4.1.1.11"""

from collections.abc import Mapping
from typing import Any

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.smtp.command import Refusal, Reply
from mailtwist.protocols.smtp.door import Door
from mailtwist.protocols.smtp.extension import Check


def checked(given: Mapping[str, str | None], known: Mapping[str, Check], door: Door) -> dict[str, Any]:
    """What they mean: fields of the envelope or of the recipient.  `Refusal` 555 for a parameter nobody
    knows, 501 for a value its extension does not take."""
    meant: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise Refusal(Reply(555, "5.5.4", f"The parameter {name} is not known"))
        try:
            meant.update(known[name](value, door) or {})
        except Malformed as error:
            raise Refusal(Reply(501, "5.5.4", f"{name}: {error}")) from None
    return meant
