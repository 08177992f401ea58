"""What was found out about the mail servers of a domain: addresses, TLS, and what the domain publishes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mailtwist.gateway.probe.found import Certificate
from mailtwist.gateway.probe.heard import certificate
from mailtwist.kit.dns_records import Mx, Tlsa
from mailtwist.tls.mta_sts import Sts
from mailtwist.tls.policy import NoTls, Opportunistic, Policy, Seen, Verify, judged
from mailtwist.tls.verdict import Shown

POLICIES: tuple[Policy, ...] = (NoTls(), Opportunistic(), Verify())


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a policy does with mail: it `goes` or not; `words` say why not, or what is wrong all the same."""

    goes: bool
    encrypted: bool = False
    words: str = ""


@dataclass(slots=True)
class Look:
    """One session with one address, as far as MAIL.  Without `seen` there was none, and `why` has the
    reason."""

    seen: Seen | None = None
    why: str = ""

    @property
    def shown(self) -> Shown | None:
        return self.seen.shown if self.seen is not None else None

    @property
    def certificate(self) -> Certificate | None:
        """As `verify` finds it."""
        shown = self.shown
        if self.seen is None or shown is None:
            return None
        return certificate(shown, Verify().findings(self.seen))

    @property
    def trouble(self) -> str:
        """Why there is no TLS; '' when there is."""
        if self.seen is None:
            return self.why
        return self.seen.lacks.words if self.seen.lacks is not None and self.seen.shown is None else ""


@dataclass(slots=True)
class Address:
    """One address of a host, asked for by the host's name and without one."""

    address: str
    named: Look = field(default_factory=Look)
    nameless: Look = field(default_factory=Look)

    @property
    def reached(self) -> bool:
        return self.named.seen is not None

    def verdicts(self) -> Mapping[str, Verdict]:
        """By each of our policies; nothing when nobody was reached."""
        seen = self.named.seen
        return {} if seen is None else {one.source: _verdict(seen, one) for one in POLICIES}


@dataclass(slots=True)
class Host:
    """One MX host.  `why` says what kept us from asking for its addresses, or its TLSA records (`tlsa_why`).
    `secure`: DNSSEC vouches for the addresses, `tlsa_secure` for the TLSA records."""

    record: Mx
    addresses: list[Address] = field(default_factory=list)
    why: str = ""
    alias: str = ""
    left: int = 0
    secure: bool = False
    tlsa: Sequence[Tlsa] = ()
    tlsa_why: str = ""
    tlsa_secure: bool = False

    @property
    def name(self) -> str:
        return self.record.host


@dataclass(slots=True)
class Published:
    """What the domain says of reports and of MTA-STS: the record's id, and the policy, or what is wrong."""

    sts_id: str = ""
    sts: Sts | None = None
    sts_why: str = ""
    reports: Sequence[str] = ()
    reports_why: str = ""


@dataclass(slots=True)
class MxReport:
    """All of one domain, or of one host.  `why`: it takes no mail, or nobody can say where."""

    domain: str
    port: int = 25
    hosts: list[Host] = field(default_factory=list)
    published: bool = False
    secure: bool = False
    why: str = ""
    says: Published = field(default_factory=Published)

    def addresses(self) -> Iterator[tuple[Host, Address]]:
        return ((host, address) for host in self.hosts for address in host.addresses)


def _verdict(seen: Seen, policy: Policy) -> Verdict:
    record = judged(seen, (policy,))
    return Verdict(not record.refusing, policy.tls and seen.shown is not None, record.words)
