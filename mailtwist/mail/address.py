"""Where mail comes from and goes to: the mailbox of a path, parsed elsewhere.  rfc5321#4.1.2"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """`local` is unquoted text; `domain` is lower case, an A-label form or an address literal in brackets.
    The null reverse path `<>` is `Address("", "")`."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}" if self.domain else self.local

    @property
    def null(self) -> bool:
        return not self.local and not self.domain


NULL = Address("", "")
