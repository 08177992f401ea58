"""What travels beside a message: who sent it, for whom, and with what was asked for it.  rfc5321#3.3"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from mailtwist.mail.address import Address


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT; `parameters` has upper-case names and values as they came (None where there was none)."""

    address: Address
    parameters: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail transaction.  `helo`, `peer`, `login` (an account id or '') say who brought it."""

    sender: Address
    recipients: tuple[Recipient, ...]
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    helo: str = ""
    peer: str = ""
    login: str = ""
