"""Is TLS with another server good enough for mail?  What was seen, judged by policies.  rfc8460#4.3

First a session is opened as far as MAIL, and all that matters is kept (`Seen`).  Then every policy that the
destination has says what it finds in that; a strict one refuses where it finds anything.  No policy looks at
a connection itself, so that any number of them can judge the same one, and report it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from mailtwist.kit.events import Event
from mailtwist.kit.metrics import Metric
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.verdict import Finding, Shown

DONE = Event("tls.outbound", "{host} at {address}: {how}; policy {policy}")
FLAWED = Event(
    "tls.outbound_flawed",
    "{host} at {address}: {how}; mail goes there all the same by policy {policy}: {words}",
)
REFUSED = Event(
    "tls.outbound_refused",
    "{host} at {address}: {how}; no mail goes there by policy {policy}: {words}",
    "warn",
)

FINDINGS = Metric(
    "tls_outbound_findings",
    "Sessions with other mail servers by what was found, a result type of TLSRPT or none.",
    "counter",
    ("type",),
)

Word = Literal["none", "opportunistic", "verify"]
"""The policies that a setting can name."""

NOT_OFFERED = Finding("starttls-not-supported", "the server does not offer STARTTLS")


@dataclass(frozen=True, slots=True)
class Seen:
    """What a session has seen of a server before the first MAIL.  `host` is the name of the destination's
    server (its MX record's), as certificates spell it, or an address; `ours` is our own address.  `offers`
    are the lines of the last EHLO.  Where nothing is encrypted `shown` is None, and `lacks` says why if that
    was asked for."""

    host: str
    address: str = ""
    port: int = 25
    ours: str = ""
    offers: Sequence[str] = ()
    shown: Shown | None = None
    lacks: Finding | None = None

    @property
    def how(self) -> str:
        return "not encrypted" if self.shown is None else f"{self.shown.version} {self.shown.cipher}"


class Policy(Protocol):
    """One reason to want TLS.  DANE, MTA-STS and REQUIRETLS are others than those of this file."""

    @property
    def source(self) -> str:
        """What it is called in the log, and in reports: `verify`, `tlsa`, `sts`."""

    @property
    def tls(self) -> bool:
        """TLS is asked for."""

    @property
    def strict(self) -> bool:
        """Nothing goes where it finds anything."""

    @property
    def asks(self) -> str:
        """The name that the server is asked for (SNI); "" for the host's: DANE asks for the TLSA base domain
        (rfc7672#8.1)."""

    def findings(self, seen: Seen) -> Sequence[Finding]:
        """What is wrong."""


@dataclass(frozen=True, slots=True)
class NoTls:
    """Nothing is encrypted, and nothing is wrong with that: a server on this machine."""

    source: ClassVar[str] = "none"
    tls: ClassVar[bool] = False
    strict: ClassVar[bool] = False
    asks: str = ""

    def findings(self, seen: Seen) -> Sequence[Finding]:
        return ()


def _by_authorities(seen: Seen, names: Sequence[str]) -> Sequence[Finding]:
    if seen.shown is None:
        return (seen.lacks or NOT_OFFERED,)
    return seen.shown.findings(names or (seen.host,))


@dataclass(frozen=True, slots=True)
class Opportunistic:
    """Encrypted where the server can do that, with whom it may be (rfc7435#3).  What is wrong is known
    afterwards.  `names` as in `Verify`."""

    source: ClassVar[str] = "opportunistic"
    tls: ClassVar[bool] = True
    strict: ClassVar[bool] = False
    names: tuple[str, ...] = ()
    asks: str = ""

    def findings(self, seen: Seen) -> Sequence[Finding]:
        return _by_authorities(seen, self.names)


@dataclass(frozen=True, slots=True)
class Verify:
    """Encrypted, and the certificate is one of an authority that is trusted, for the host; or for one of
    `names` in place of the host's, where `.example.net` is every name below it."""

    source: ClassVar[str] = "verify"
    tls: ClassVar[bool] = True
    strict: ClassVar[bool] = True
    names: tuple[str, ...] = ()
    asks: str = ""

    def findings(self, seen: Seen) -> Sequence[Finding]:
        return _by_authorities(seen, self.names)


def named(word: Word, names: Sequence[str] = (), asks: str = "") -> Policy:
    """The policy that a setting means."""
    if word == "none":
        return NoTls()
    kind = Verify if word == "verify" else Opportunistic
    return kind(tuple(names), asks)


# -- several at once
def asks_tls(policies: Sequence[Policy]) -> bool:
    """One is enough."""
    return any(one.tls for one in policies)


def asked_name(policies: Sequence[Policy], host: str) -> str:
    """The name that the server is asked for: that of the first policy that has one."""
    return next((one.asks for one in policies if one.asks), host)


def bears_clear(policies: Sequence[Policy]) -> bool:
    """Mail may go unencrypted when there is no other way."""
    return not any(one.tls and one.strict for one in policies)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one policy says."""

    policy: Policy
    findings: tuple[Finding, ...]

    @property
    def refuses(self) -> bool:
        return self.policy.strict and bool(self.findings)


@dataclass(frozen=True, slots=True)
class Record:
    """One session: what was seen, and what each policy says to it.  Reports (rfc8460#4) count these."""

    seen: Seen
    judgements: tuple[Judgement, ...]

    @property
    def refusing(self) -> tuple[Judgement, ...]:
        """Those that refuse; mail may go where there are none."""
        return tuple(one for one in self.judgements if one.refuses)

    @property
    def verified(self) -> bool:
        """Encrypted, and with whom it should be, by a policy that makes sure of it."""
        sure = any(one.policy.strict and one.policy.tls and not one.findings for one in self.judgements)
        return sure and self.seen.shown is not None and not self.refusing

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Each once; where some refuse, theirs."""
        judgements = self.refusing or self.judgements
        return tuple(dict.fromkeys(found for one in judgements for found in one.findings))

    @property
    def words(self) -> str:
        """One sentence for each."""
        return "; ".join(one.words for one in self.findings)

    @property
    def policy(self) -> str:
        """The names of those that refuse, or else of all."""
        return ", ".join(one.policy.source for one in self.refusing or self.judgements)

    def log(self) -> None:
        event = REFUSED if self.refusing else FLAWED if self.findings else DONE
        seen = self.seen
        codes = [one.code for one in self.findings]
        for code in dict.fromkeys(codes) or ("none",):
            FINDINGS.add(code)
        event.log(
            host=seen.host,
            address=seen.address,
            how=seen.how,
            policy=self.policy,
            words=self.words,
            codes=codes,
        )


Note = Callable[[Record], None]
"""Who counts sessions."""


class NotGoodEnough(Trouble):
    """A policy refuses; nothing of a mail was said."""

    def __init__(self, record: Record) -> None:
        seen = record.seen
        detail = f"{seen.host} at {seen.address}: {record.words}; refused by policy {record.policy}"
        super().__init__("4.7.5", "TLS with the next server is not as it has to be", detail)
        self.record = record


def judged(seen: Seen, policies: Sequence[Policy]) -> Record:
    """What all of them say; with no policy, nobody says anything."""
    return Record(seen, tuple(_judgements(seen, policies)))


def _judgements(seen: Seen, policies: Sequence[Policy]) -> Iterator[Judgement]:
    for one in policies:
        yield Judgement(one, tuple(one.findings(seen)))
