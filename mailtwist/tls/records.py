"""Records for one's own names, as an admin writes them into a zone: CAA, MTA-STS, TLSRPT, dns-persist; and
whether CAA lets an authority issue.  rfc8659 rfc8461 rfc8460"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal
from urllib.parse import quote

from mailtwist.kit.dns_records import Answer, Caa

PERSIST = "_validation-persist."
TTL = 3600
WEEK = 7 * 24 * 3600
ISSUE, ISSUE_WILD = "issue", "issuewild"
KNOWN_TAGS = frozenset({ISSUE, ISSUE_WILD, "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"})
Mode = Literal["enforce", "testing", "none"]

_ODD = re.compile(r'["\\]')
_URI = re.compile(r"[\x21-\x3a\x3c-\x7e]+")


@dataclass(frozen=True)
class Line:
    """One record; `str` is its line in a zone file, of one who wants no surprise: whole name, whole time."""

    name: str
    kind: str
    value: str
    """As in a zone file; of TXT the bare text."""

    ttl: int = TTL

    def __str__(self) -> str:
        value = _quoted(self.value) if self.kind == "TXT" else self.value
        return f"{self.name}. {self.ttl} IN {self.kind} {value}"


# -- CAA
def caa(tag: str, issuer: str, *, account: str = "", methods: Sequence[str] = ()) -> Caa:
    """`issuer` is the authority's domain, '' for nobody.  rfc8657"""
    words = [issuer or ";"]
    if account:
        if not _URI.fullmatch(account):
            raise ValueError("an account whose URL cannot stand in a CAA record")
        words.append(f"accounturi={account}")
    if methods:
        words.append(f"validationmethods={','.join(methods)}")
    return Caa(0, tag, "; ".join(words))


def caa_refuses(
    answer: Answer[Caa],
    issuers: Sequence[str],
    *,
    wildcard: bool = False,
    account: str = "",
    method: str = "",
) -> str:
    """Why an authority that stands in CAA records under one of `issuers` must not issue; '' when it may.
    What is not told (`account`, `method`) is not held against it.  rfc8659#4.2 rfc8657"""
    for record in answer.records:
        if record.critical and record.tag not in KNOWN_TAGS:
            return f"CAA at {answer.name} has a critical {ascii(record.tag)} that nobody here knows"
    relevant = _relevant(answer.records, wildcard)
    if not relevant:
        return ""
    ours = [record for record in relevant if record.issuer and record.issuer in _lower(issuers)]
    if not ours:
        named = ", ".join(dict.fromkeys(record.issuer for record in relevant if record.issuer)) or "nobody"
        return f"CAA at {answer.name} lets {named} issue, not {' or '.join(issuers)}"
    whys = [_bound(record, account, method) for record in ours]
    return "" if "" in whys else f"CAA at {answer.name}: {whys[0]}"


def _relevant(records: Sequence[Caa], wildcard: bool) -> list[Caa]:
    wild = [record for record in records if record.tag == ISSUE_WILD] if wildcard else []
    return wild or [record for record in records if record.tag == ISSUE]


def _bound(record: Caa, account: str, method: str) -> str:
    """What else it wants that is not so."""
    uri = record.parameters.get("accounturi", account)
    if account and uri != account:
        return f"it is for the account {uri}, not {account}"
    methods = record.parameters.get("validationmethods", method).split(",")
    if method and method not in [one.strip().lower() for one in methods]:
        return f"it lets {', '.join(methods)} prove the name, not {method}"
    return ""


def _lower(issuers: Iterable[str]) -> set[str]:
    return {issuer.lower().removesuffix(".") for issuer in issuers}


# -- MTA-STS and TLSRPT
def sts_policy(hosts: Sequence[str], mode: Mode = "enforce", max_age: int = WEEK) -> str:
    """What https://mta-sts.<domain>/.well-known/mta-sts.txt says (rfc8461#3.2)."""
    lines = ["version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in hosts), f"max_age: {max_age}"]
    return "".join(f"{line}\r\n" for line in lines)


def sts_line(domain: str, policy: str, ttl: int = TTL) -> Line:
    """Its id is another one for each other policy, and the same on all machines (rfc8461#3.1)."""
    id_ = sha256(policy.encode()).hexdigest()[:20]
    return Line(f"_mta-sts.{domain}", "TXT", f"v=STSv1; id={id_};", ttl)


def report_line(domain: str, addresses: Sequence[str], ttl: int = TTL) -> Line:
    """Where others send their reports: mail addresses, or https:// URLs (rfc8460#3)."""
    where = [one if one.startswith("https://") else f"mailto:{quote(one, safe='@+')}" for one in addresses]
    rua = ",".join(one.replace("!", "%21").replace(",", "%2C").replace(";", "%3B") for one in where)
    return Line(f"_smtp._tls.{domain}", "TXT", f"v=TLSRPTv1; rua={rua}", ttl)


# -- dns-persist-01
def persist_line(
    name: str,
    issuer: str,
    account: str,
    *,
    wildcard: bool = False,
    until: float | None = None,
    ttl: int = TTL,
) -> Line:
    """This account may have certificates of `issuer` for `name`, for what is below it too if `wildcard`."""
    words = [issuer, f"accounturi={account}"]
    words += ["policy=wildcard"] if wildcard else []
    words += [f"persistUntil={until:.0f}"] if until is not None else []
    return Line(PERSIST + name, "TXT", "; ".join(words), ttl)


def _quoted(text: str) -> str:
    """A TXT's strings of at most 255 octets."""
    octets = text.encode("ascii", "backslashreplace").decode()
    parts = [octets[at : at + 255] for at in range(0, len(octets), 255)] or [""]
    return " ".join('"' + _ODD.sub(lambda odd: "\\" + odd[0], part) + '"' for part in parts)
