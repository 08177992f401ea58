"""How the message of APPEND may be written: the rows of its table.  rfc4466#2.7 rfc3501#6.3.11"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AppendData:
    """A row of the table.  `before` (upper case) stands before the announced literal, and `after` behind
    it."""

    name: str
    before: bytes
    after: bytes = b""
