"""What is wrong with the mail servers of a domain, one sentence for each problem."""

import errno
import os
from collections.abc import Iterator

from mailtwist.delivery.remote.mx import literal
from mailtwist.gateway.probe.found import Certificate
from mailtwist.gateway.probe.mx_found import Address, Host, MxReport
from mailtwist.gateway.probe.mx_verdicts import dane, mta_sts
from mailtwist.tls.dane import usable

SOON = 14
"""Days before the end of a certificate that are worth a word."""


def problems(report: MxReport) -> list[str]:
    """Nothing, when all is well."""
    if report.why:
        return [f"{report.domain}: {report.why}"]
    found = list(_of_domain(report))
    for host in report.hosts:
        found += [f"{host.name}: {words}" for words in _of_host(host)]
        for address in host.addresses:
            where = host.name if address.address == host.name else f"{host.name} ({address.address})"
            found += [f"{where}: {words}" for words in _of_address(report, host, address)]
    return list(dict.fromkeys(found))


def _of_domain(report: MxReport) -> Iterator[str]:
    says = report.says
    for words in (says.sts_why, says.reports_why):
        if words:
            yield f"{report.domain}: {words}"
    if says.sts is not None and says.sts.mode != "none":
        for host in report.hosts:
            if not says.sts.names(host.name):
                yield f"{report.domain}: its MTA-STS policy ({says.sts.mode}) does not name {host.name}"


def _of_host(host: Host) -> Iterator[str]:
    if host.why:
        yield host.why
    if host.tlsa_why:
        yield host.tlsa_why
    if host.alias:
        yield f"it is an alias of {host.alias}; the host of an MX record must not be one (rfc2181#10.3)"
    if literal(host.name) and host.record.preference:
        yield "an MX record has to name a host, and this is an address (rfc5321#5.1)"
    if unusable := [str(one)[:60] for one in host.tlsa if not usable(one)]:
        yield f"TLSA records that no mail server can use (rfc7672#3.1): {', '.join(unusable)}"


def _of_address(report: MxReport, host: Host, address: Address) -> Iterator[str]:
    if not address.reached:
        if not _of_our_side(host, address):
            yield address.named.why
        return
    if address.named.trouble:
        yield address.named.trouble
    shown = address.named.certificate
    if shown is not None:
        yield from (one.words for one in shown.findings)
        yield from _ending(shown)
        yield from _nameless(address, shown)
    verdict = dane(report, host, address)
    if verdict is not None and verdict.words and host.tlsa_secure and address.named.shown is not None:
        yield f"by DANE mail is refused: {verdict.words}"
    sts = mta_sts(report, host, address)
    if sts is not None and not sts.goes:
        yield f"by MTA-STS mail is refused: {sts.words}"


def _of_our_side(host: Host, address: Address) -> bool:
    """We have no IPv6, say, and have reached the host otherwise."""
    here = address.named.why in (os.strerror(errno.ENETUNREACH), os.strerror(errno.EADDRNOTAVAIL))
    return here and any(one.reached for one in host.addresses)


def _ending(shown: Certificate) -> Iterator[str]:
    left = shown.days_left()
    if left is not None and 0 <= left < SOON:
        yield f"certificate ends in {left} days"


def _nameless(address: Address, shown: Certificate) -> Iterator[str]:
    """Senders without SNI there are many: Postfix without DANE, QQ, Outlook."""
    other = address.nameless
    if other.trouble:
        yield f"to who does not say whom he wants (no SNI): {other.trouble}"
    elif other.certificate is not None and other.certificate.pin != shown.pin:
        words = "; ".join(one.words for one in other.certificate.findings)
        yield "another certificate to who does not say whom he wants (no SNI)" + (
            f": {words}" if words else ""
        )
