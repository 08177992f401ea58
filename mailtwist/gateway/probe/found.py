"""What was found out about a server: its ports, its certificates, what it offers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from mailtwist.config.network import Networks
from mailtwist.gateway.api import Kind
from mailtwist.gateway.dial import Security
from mailtwist.protocols.dialogue import NOTHING, Offer
from mailtwist.tls.verdict import Finding

MECHANISMS = ("PLAIN", "LOGIN")
"""Those in which a password can be carried on."""

TOKENS = ("XOAUTH2", "OAUTHBEARER")

START: dict[Kind, str] = {"pop3": "STLS"}
"""How an offer of TLS is called, where it is not STARTTLS."""

OWN = Networks.parse("127.0.0.0/8, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, ::1, fe80::/10, fc00::/7")
"""Where addresses are that mean nothing elsewhere."""

KINDS: tuple[Kind, ...] = ("imap", "pop3", "submission", "smtp", "lmtp", "sieve")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server has shown.  `names` and `issuer` are fit for a terminal, `pin` is as the setting `pins`
    has it ('' for a key that cannot be read), `findings` are what is wrong with it."""

    names: tuple[str, ...] = ()
    issuer: str = ""
    expires: datetime | None = None
    pin: str = ""
    findings: tuple[Finding, ...] = ()
    begins: datetime | None = None

    @property
    def right(self) -> bool:
        return not self.findings

    @property
    def words(self) -> str:
        return "; ".join(one.words for one in self.findings) or "right"

    def days_left(self, now: datetime | None = None) -> int | None:
        return None if self.expires is None else (self.expires - (now or datetime.now(UTC))).days


@dataclass(slots=True)
class Port:
    """One port.  `reached`: somebody listens; `served`: and speaks the protocol, in the way that `security`
    says; else `why` has the reason.  `clear` is what is offered before STARTTLS, `offer` at the end, and
    `late` after a login, made in `mechanism`; else `login` says why there was none.  `nameless` is the
    certificate for who does not say whom he wants.  All texts are printable and short."""

    kind: Kind
    number: int
    address: str = ""
    reached: bool = False
    served: bool = False
    why: str = ""
    greeting: str = ""
    security: Security | None = None
    tls: str = ""
    certificate: Certificate | None = None
    nameless: Certificate | None = None
    clear: Offer | None = None
    offer: Offer = NOTHING
    late: Offer | None = None
    mechanism: str = ""
    tried: tuple[str, ...] = ()
    login: str = ""
    proxy: Literal["none", "v1", "v2"] = "none"

    @property
    def usable(self) -> bool:
        return self.served and self.security is not None

    @property
    def right(self) -> bool:
        """It is encrypted, and with whom it should be."""
        return self.certificate is not None and self.certificate.right

    @property
    def near(self) -> bool:
        """What is said in clear stays in a network of our own, for all that its address tells."""
        return OWN.contains(self.address)

    @property
    def mechanisms(self) -> Sequence[str]:
        """SASL's, that it offers."""
        if self.kind == "imap":
            return [word.upper()[5:] for word in self.offer if word.upper().startswith("AUTH=")]
        return list(self.offer.of("SASL" if self.kind in ("pop3", "sieve") else "AUTH"))

    @property
    def by_command(self) -> bool:
        """LOGIN, or USER and PASS."""
        if self.kind == "imap":
            return not self.offer.has("LOGINDISABLED")
        return self.kind == "pop3" and (self.offer.has("USER") or not self.offer.has("SASL"))

    @property
    def takes_password(self) -> bool:
        return self.by_command or any(one in self.mechanisms for one in MECHANISMS)

    @property
    def tokens_only(self) -> bool:
        return not self.takes_password and any(one in self.mechanisms for one in TOKENS)

    @property
    def offers_tls(self) -> bool:
        return self.offer.has(START.get(self.kind, "STARTTLS"))


@dataclass(slots=True)
class Report:
    """All of one host."""

    host: str
    addresses: tuple[str, ...] = ()
    ports: list[Port] = field(default_factory=list)

    @property
    def reached(self) -> Iterator[Port]:
        return (port for port in self.ports if port.reached)

    @property
    def served(self) -> Iterator[Port]:
        return (port for port in self.ports if port.served)
