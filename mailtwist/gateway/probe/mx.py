"""The mail servers of a domain are looked at as somebody who has mail for it would, and no mail is sent.

All that is found is kept as it is; `quirks` of the same kind make sentences of it."""

from dataclasses import dataclass

from mailtwist.delivery.remote.mx import Destination, NoSuchDomain, TakesNoMail, destination, literal
from mailtwist.delivery.remote.session import Ours, There, opened
from mailtwist.gateway.probe.mx_found import Address, Host, Look, MxReport, Published
from mailtwist.kit.dns import Dns, DnsAway
from mailtwist.kit.dns_records import Answer, Mx, Tlsa
from mailtwist.kit.spawn import together
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.https import Asks
from mailtwist.tls.mta_sts import NoPolicy, fetched, report_addresses, sts_id
from mailtwist.tls.policy import NotGoodEnough, Opportunistic, Record
from mailtwist.tls.verdict import safe

SMTPS = 465
"""Where TLS comes first (rfc8314#3.3)."""

ADDRESSES = 6
"""Of one host that are looked at."""

LOOKED_AT = 40
"""Addresses in all."""


@dataclass(frozen=True)
class MxPlan:
    """How it is looked at: `named` and `nameless` are the same but for SNI."""

    dns: Dns
    https: Asks
    named: Ours
    nameless: Ours
    port: int = 25


async def looked_at(plan: MxPlan, domain: str) -> MxReport:
    """In a bounded time, whoever answers."""
    report = MxReport(domain, plan.port)
    try:
        where = await destination(plan.dns, domain)
    except TakesNoMail:
        report.why = "the domain takes no mail: it has a null MX (rfc7505)"
        return report
    except NoSuchDomain:
        report.why = "there is no such name in DNS"
        return report
    except DnsAway as away:
        report.why = f"where its mail goes cannot be said: {away.detail}"
        return report
    report.domain, report.published, report.secure = where.domain, where.published, where.secure
    await together(_ask_domain(plan, where, report), _ask_hosts(plan, where, report))
    return report


# -- the hosts
async def _ask_hosts(plan: MxPlan, where: Destination, report: MxReport) -> None:
    report.hosts = hosts = await together(*(_resolved(plan, record) for record in where.hosts))
    room = LOOKED_AT
    for host in hosts:
        taken = host.addresses[: min(ADDRESSES, room)]
        host.left, host.addresses = len(host.addresses) - len(taken), taken
        room -= len(taken)
    await together(*(_tried(plan, host, address) for host in hosts for address in host.addresses))


async def _resolved(plan: MxPlan, record: Mx) -> Host:
    host = Host(record)
    try:
        answer = await plan.dns.addresses(record.host)
    except DnsAway as away:
        host.why = f"DNS does not say its addresses: {away.why}"
        return host
    if not answer:
        host.why = "it has no address" if answer.exists else "there is no such host in DNS"
    host.addresses = [Address(one) for one in answer.records]
    host.alias = answer.canonical if answer.aliases else ""
    host.secure = answer.secure
    if not literal(host.name):
        await _tlsa(plan, host)
    return host


async def _tlsa(plan: MxPlan, host: Host) -> None:
    name = f"_{plan.port}._tcp.{host.name}"
    try:
        answer: Answer[Tlsa] = await plan.dns.tlsa(name)
    except DnsAway as away:
        host.tlsa_why = f"DNS does not say its TLSA records: {away.why}"
    else:
        host.tlsa, host.tlsa_secure = answer.records[:LOOKED_AT], answer.secure


async def _tried(plan: MxPlan, host: Host, address: Address) -> None:
    there = There(host.name, address.address, plan.port, implicit=plan.port == SMTPS)
    looks = await together(_look(there, plan.named), _look(there, plan.nameless))
    address.named, address.nameless = looks


async def _look(there: There, ours: Ours) -> Look:
    records: list[Record] = []
    try:
        session = await opened(there, (Opportunistic(),), ours, records.append)
    except NotGoodEnough as refused:
        return Look(refused.record.seen)
    except Trouble as trouble:
        return Look(why=_why(trouble, there))
    await session.quit()
    return Look(session.record.seen)


def _why(trouble: Trouble, there: There) -> str:
    words = str(getattr(trouble, "why", "") or trouble.detail or trouble.public)
    return safe(words.removeprefix(f"{there}: "), 300)


# -- what the domain says
async def _ask_domain(plan: MxPlan, where: Destination, report: MxReport) -> None:
    """Also where the domain stands for itself, unless it is an address."""
    if not literal(where.domain):
        await together(_sts(plan, where.domain, report.says), _reports(plan, where.domain, report.says))


async def _sts(plan: MxPlan, domain: str, says: Published) -> None:
    try:
        says.sts_id = sts_id((await plan.dns.txt(f"_mta-sts.{domain}")).records)
        if says.sts_id:
            says.sts = await fetched(plan.https, domain)
    except DnsAway as away:
        says.sts_why = f"DNS does not say whether there is MTA-STS: {away.why}"
    except NoPolicy as none:
        says.sts_why = none.words
    except ValueError as wrong:
        says.sts_why = str(wrong)


async def _reports(plan: MxPlan, domain: str, says: Published) -> None:
    try:
        says.reports = report_addresses((await plan.dns.txt(f"_smtp._tls.{domain}")).records)
    except DnsAway as away:
        says.reports_why = f"DNS does not say whether there is TLSRPT: {away.why}"
    except ValueError as wrong:
        says.reports_why = str(wrong)
