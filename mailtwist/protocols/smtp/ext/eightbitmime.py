"""8BITMIME: a message may hold octets above 127.  rfc6152"""

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.smtp.door import Door
from mailtwist.protocols.smtp.extension import Extension


def _body(value: str | None, door: Door) -> None:
    if value is None or value.upper() not in ("7BIT", "8BITMIME"):
        raise Malformed("Expected 7BIT or 8BITMIME")


extension = Extension(name="8bitmime", rfc=6152, keywords=("8BITMIME",), mail_parameters={"BODY": _body})
