"""What travels beside a message: who sent it, for whom, and with what was asked for it.  rfc5321#3.3"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mailtwist.mail.address import Address

Body = Literal["7BIT", "8BITMIME", "BINARYMIME"]
Ret = Literal["FULL", "HDRS"]
Occasion = Literal["SUCCESS", "FAILURE", "DELAY"]


@dataclass(frozen=True, slots=True)
class OriginalRecipient:
    """Whom the sender wrote to (rfc3461#4.2): `kind` is an address type in lower case, mostly `rfc822`;
    `address` is decoded: printable text, of ASCII unless `kind` is `utf-8`."""

    kind: str
    address: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT; `parameters` has upper-case names and values as they came (None where there was none).

    `notify` is when the sender wants a report (rfc3461#4.1): None where nothing was said, empty for NEVER."""

    address: Address
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    notify: frozenset[Occasion] | None = None
    orcpt: OriginalRecipient | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """One mail transaction.  `helo`, `peer`, `login` (an account id or '') say who brought it; `tls` is
    `TLSv1.3 TLS_AES_256_GCM_SHA384`: the version, and the cipher as OpenSSL calls it; '' without TLS.

    `parameters` are MAIL's as they came; what they mean: `body` is the kind of octets in the message
    (rfc6152, rfc3030#3), `utf8` says that addresses and header may be UTF-8 (rfc6531#3.4), `ret` how much of
    the message a report returns and `envid` the name the sender gave to the mail, decoded (rfc3461#4.3,
    rfc3461#4.4; None where nothing was said).  `submitter` is who handed the mail in first (rfc4954#5), None
    where nothing was said, '' for `<>`, and '' too when whoever said it had not logged in."""

    sender: Address
    recipients: tuple[Recipient, ...]
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    helo: str = ""
    peer: str = ""
    login: str = ""
    tls: str = ""
    body: Body | None = None
    utf8: bool = False
    ret: Ret | None = None
    envid: str | None = None
    submitter: str | None = None
