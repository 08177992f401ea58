"""Which records an admin should publish for names of ours, each with a sentence that says why.  rfc7672
rfc8659 rfc8461 rfc8460"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mailtwist.tls.records import (
    ISSUE,
    ISSUE_WILD,
    TTL,
    Line,
    Mode,
    caa,
    persist_line,
    report_line,
    sts_line,
    sts_policy,
)

Policy = Literal["rotate", "pin", "others"]
"""Whether a key stays: with each certificate there is a new one, or it is kept until the next one is known,
or others renew the certificate and nobody here knows."""

SIGNED = "It counts only where the zone is signed (DNSSEC)."
PINNED = (
    "The keys of now and after the next renewal. Other records may go when mailtwist tls check calls them"
    " superfluous."
)
UNMADE = "The key after this one is made with the next certificate: then ask again."
OTHERS = (
    "Somebody else renews this certificate: see that its key stays (certbot: --reuse-key), or publish the"
    " record of a new key for twice its TTL before that key is served."
)
ROTATES = (
    "No TLSA record: {sections} makes a new key for each certificate, so that a record matches no more after"
    " the next renewal, and servers that go by DANE send no mail. First write key_policy = pin there, which"
    " type = acme has."
)
NO_KEY = "No TLSA record: there is no certificate for {host} here."
CAA = "Nobody else may issue certificates for {domain} and what is below it."
NO_ACCOUNT = (
    "There is no account at {word} yet; mailtwist tls account register makes one, then this is stricter."
)
STS = (
    "Who knows MTA-STS sends mail for {domain} only with TLS and a right certificate. The policy below has to"
    " be at https://mta-sts.{domain}/.well-known/mta-sts.txt, as text/plain, before the record is published."
)
TESTING = " Say enforce instead of testing (--sts enforce) when no reports of failures come."
REPORTS = "Other servers report once a day how TLS went."
PERSIST = "That {word} may issue for these names without another proof, as long as the record is there."
PERSIST_NO_ACCOUNT = (
    "There is no account at {word} yet; mailtwist tls account register makes one, then ask again."
)


@dataclass(frozen=True)
class OurKey:
    """A key by which we are known, and the one that is to follow; digests are those of `3 1 1`."""

    section: str
    kind: str
    digest: str
    following: str
    policy: Policy
    switches: float = 0.0
    """When the record of `following` will have been there for long enough; 0.0: it is not there."""


@dataclass(frozen=True)
class Issuing:
    """An authority that we order at; `issuers` are its names in CAA, `account` is our URL there or ''."""

    word: str
    issuers: Sequence[str]
    account: str


@dataclass(frozen=True)
class Advice:
    """`lines` for the zone, or none; `text` is what has to be served elsewhere."""

    name: str
    about: str
    words: str
    lines: Sequence[Line] = ()
    text: str = ""


def of_keys(host: str, keys: Sequence[OurKey], port: int = 25) -> Advice:
    """TLSA.  Of all kinds of keys: nobody knows which one a sender asks for."""
    if not keys:
        return Advice(host, "TLSA", NO_KEY.format(host=host))
    rotating = dict.fromkeys(one.section for one in keys if one.policy == "rotate")
    if rotating:
        return Advice(host, "TLSA", ROTATES.format(sections=" and ".join(rotating)))
    digests = dict.fromkeys(digest for one in keys for digest in (one.digest, one.following) if digest)
    lines = [Line(f"_{port}._tcp.{host}", "TLSA", f"3 1 1 {digest}", TTL) for digest in digests]
    words = [PINNED] if any(one.policy == "pin" for one in keys) else []
    words += [UNMADE] if any(one.policy == "pin" and not one.following for one in keys) else []
    words += [OTHERS] if any(one.policy == "others" for one in keys) else []
    return Advice(host, "TLSA", " ".join([*words, SIGNED]), lines)


def of_issuers(
    domain: str, authorities: Sequence[Issuing], methods: Sequence[str], wildcards: bool
) -> Advice:
    """CAA.  A wildcard is proved by DNS alone."""
    by_dns = [one for one in methods if one.startswith("dns-")]
    records = [
        caa(ISSUE, one.issuers[0], account=one.account, methods=methods) for one in authorities if one.issuers
    ]
    if wildcards:
        records += [
            caa(ISSUE_WILD, one.issuers[0], account=one.account, methods=by_dns)
            for one in authorities
            if one.issuers
        ]
    elif records:
        records.append(caa(ISSUE_WILD, ""))
    words = [CAA.format(domain=domain)]
    words += [NO_ACCOUNT.format(word=one.word) for one in authorities if one.issuers and not one.account]
    words += [f"{one.word} does not say how CAA calls it." for one in authorities if not one.issuers]
    return Advice(domain, "CAA", " ".join(words), [Line(domain, "CAA", str(one), TTL) for one in records])


def of_policy(domain: str, hosts: Sequence[str], mode: Mode) -> Advice:
    """MTA-STS."""
    policy = sts_policy(hosts, mode)
    words = STS.format(domain=domain) + (TESTING if mode == "testing" else "")
    return Advice(domain, "MTA-STS", words, [sts_line(domain, policy)], policy)


def of_reports(domain: str, addresses: Sequence[str]) -> Advice:
    return Advice(domain, "TLSRPT", REPORTS, [report_line(domain, addresses)])


def of_persistence(name: str, names: Sequence[str], authorities: Sequence[Issuing]) -> list[Advice]:
    """dns-persist-01, for the names of one certificate."""
    found = []
    for one in (one for one in authorities if one.issuers):
        if not one.account:
            found.append(Advice(name, "dns-persist-01", PERSIST_NO_ACCOUNT.format(word=one.word)))
            continue
        apexes: dict[str, bool] = {}
        for each in names:
            apex = each.removeprefix("*.")
            apexes[apex] = apexes.get(apex, False) or each != apex
        lines = [
            persist_line(apex, one.issuers[0], one.account, wildcard=wild) for apex, wild in apexes.items()
        ]
        found.append(Advice(name, "dns-persist-01", PERSIST.format(word=one.word), lines))
    return found
