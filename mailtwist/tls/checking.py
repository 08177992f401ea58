"""Whether what DNS and the web say of our names is as it should be: TLSA, CAA, MTA-STS, TLSRPT.  rfc7672#2
rfc8659#3 rfc8461#3 rfc8460#3"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mailtwist.kit.dns import Dns, Served
from mailtwist.kit.dns_records import Answer, Caa
from mailtwist.tls.acme.published import is_of
from mailtwist.tls.advised import Issuing, OurKey
from mailtwist.tls.https import Asks
from mailtwist.tls.mta_sts import NoPolicy, fetched, report_addresses, sts_id
from mailtwist.tls.records import caa_refuses

UNKNOWN = (
    "whether {name} is signed (DNSSEC) cannot be told: [resolver] does not say trust_ad = yes; without a"
    " signature DANE has no effect"
)
UNSIGNED = "{what} is not signed (DNSSEC), so that DANE has no effect there"
NO_RECORD = "no TLSA record is published for {host}; mailtwist tls dns prints those that should be"
ROTATES = (
    "{host} has TLSA records, but {section} makes a new key for each certificate: after the next renewal"
    " servers that go by DANE send no mail; write key_policy = pin, which type = acme has"
)
NOT_CURRENT = (
    "no TLSA record of {host} is that of its {kind} key, 3 1 1 {digest}: servers that go by DANE send no mail"
)
NOT_NEXT = (
    "the TLSA record of the next {kind} key of {host} is not there, 3 1 1 {digest}; until then the key stays"
)
SUPERFLUOUS = "superfluous TLSA record of {host}: {record}"


@dataclass
class Checked:
    """Sentences: what somebody should do something about, and what is good to know."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, other: "Checked") -> None:
        self.problems += other.problems
        self.notes += other.notes


# -- TLSA
async def of_keys(dns: Dns, host: str, keys: Sequence[OurKey], trusted: bool) -> Checked:
    """What the servers of its zone have for `host`.  `trusted`: what the resolvers say of DNSSEC is believed.
    `DnsAway`."""
    name = f"_25._tcp.{host}"
    served = await dns.authoritative(name, "TLSA")
    found = Checked(notes=[f"{one} does not answer: {one.why}" for one in served if one.answer is None])
    if not any(one.answer for one in served):
        if any(key.policy == "pin" for key in keys):
            found.problems.append(NO_RECORD.format(host=host))
        return found
    for key in keys:
        if key.policy == "rotate":
            found.problems.append(ROTATES.format(host=host, section=key.section))
    missing, superfluous = _compared(host, keys, served)
    found.problems += missing
    found.notes += superfluous + [_waits(host, key) for key in keys if key.following and key.switches]
    found.add(await _signed(dns, host, trusted))
    return found


def _compared(host: str, keys: Sequence[OurKey], served: Sequence[Served]) -> tuple[list[str], list[str]]:
    """Sentences, with the servers that they are about when it is not all of them."""
    missing: dict[str, list[str]] = {}
    others: dict[str, list[str]] = {}
    answering = [one for one in served if one.answer is not None]
    for one in answering:
        records = one.answer.records if one.answer is not None else ()
        for key in keys:
            for digest, words in ((key.digest, NOT_CURRENT), (key.following, NOT_NEXT)):
                if digest and not any(is_of(record, digest) for record in records):
                    sentence = words.format(host=host, kind=key.kind, digest=digest)
                    missing.setdefault(sentence, []).append(str(one))
        ours = [digest for key in keys for digest in (key.digest, key.following) if digest]
        for record in records:
            if not any(is_of(record, digest) for digest in ours):
                others.setdefault(SUPERFLUOUS.format(host=host, record=record), []).append(str(one))
    return _at(missing, len(answering)), _at(others, len(answering))


def _at(found: Mapping[str, Sequence[str]], servers: int) -> list[str]:
    return [
        words if len(where) == servers else f"{words} (at {', '.join(where)})"
        for words, where in found.items()
    ]


def _waits(host: str, key: OurKey) -> str:
    when = datetime.fromtimestamp(key.switches, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"the next {key.kind} key of {host} is published; the first renewal after {when} takes it"


async def _signed(dns: Dns, host: str, trusted: bool) -> Checked:
    name = f"_25._tcp.{host}"
    if not trusted:
        return Checked(notes=[UNKNOWN.format(name=name)])
    answers = {f"TLSA of {host}": await dns.tlsa(name), f"the address of {host}": await dns.addresses(host)}
    return Checked([UNSIGNED.format(what=what) for what, answer in answers.items() if not answer.secure])


# -- CAA
async def of_issuers(dns: Dns, name: str, issuing: Sequence[Issuing], methods: Sequence[str]) -> Checked:
    """Whether those whom we order at may issue for `name`, by the ways in which it is proved.  `DnsAway`."""
    known = [one for one in issuing if one.issuers]
    answer = await dns.caa(name.removeprefix("*."))
    whys = {one.word: _refused(answer, name, one, methods) for one in known}
    if whys and all(whys.values()):
        return Checked([f"{name}: no authority may issue a certificate: {next(iter(whys.values()))}"])
    return Checked(notes=[f"{name}: {word} may not issue: {why}" for word, why in whys.items() if why])


def _refused(answer: Answer[Caa], name: str, one: Issuing, methods: Sequence[str]) -> str:
    wildcard = name.startswith("*.")
    ways = [way for way in methods if way.startswith("dns-") or not wildcard] or [""]
    whys = [
        caa_refuses(answer, one.issuers, wildcard=wildcard, account=one.account, method=way) for way in ways
    ]
    return whys[0] if all(whys) else ""


# -- MTA-STS and TLSRPT
async def of_policy(dns: Dns, https: Asks, domain: str, hosts: Sequence[str]) -> Checked:
    """`DnsAway`."""
    try:
        id_ = sts_id((await dns.txt(f"_mta-sts.{domain}")).records)
    except ValueError as wrong:
        return Checked([f"{domain}: {wrong}"])
    if not id_:
        return Checked(notes=[f"{domain} has no MTA-STS record"])
    try:
        policy = await fetched(https, domain)
    except NoPolicy as none:
        return Checked([f"{domain}: there is an MTA-STS record, and no policy: {none.words}"])
    found = Checked(notes=[f"{domain}: the MTA-STS policy says {policy.mode}"])
    for host in hosts:
        if policy.mode != "none" and not policy.names(host):
            found.problems.append(f"{domain}: the MTA-STS policy does not name {host}, which takes its mail")
    return found


async def of_reports(dns: Dns, domain: str) -> Checked:
    """`DnsAway`."""
    try:
        where = report_addresses((await dns.txt(f"_smtp._tls.{domain}")).records)
    except ValueError as wrong:
        return Checked([f"{domain}: {wrong}"])
    words = f"reports go to {', '.join(where)}" if where else "there is no TLSRPT record"
    return Checked(notes=[f"{domain}: {words}"])
