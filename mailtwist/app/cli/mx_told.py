"""What was found out about the mail servers of a domain, for people or for programs."""

from collections.abc import Iterator, Mapping, Sequence

from mailtwist.app.cli.answer import moment
from mailtwist.delivery.remote.mx import literal
from mailtwist.gateway.probe.found import Certificate
from mailtwist.gateway.probe.mx_found import Address, Host, Look, MxReport, Verdict
from mailtwist.gateway.probe.mx_quirks import problems
from mailtwist.gateway.probe.mx_verdicts import dane, mta_sts

WIDTH = 13
SHOWN = 10
DELIVERS = {True: "delivers, encrypted", False: "delivers, in clear"}


# -- for people
def told(report: MxReport) -> str:
    found = problems(report)
    lines = [report.domain, *_records(report)]
    for host in report.hosts:
        lines += ["", *_host(report, host)]
    if not report.why and not literal(report.domain):
        lines += ["", "Published:", *(f"* {words}" for words in _published(report))]
    lines += [
        "",
        *(("Problems:", *(f"* {words}" for words in found)) if found else ("No problem was found.",)),
    ]
    return "\n".join(lines) + "\n"


def _records(report: MxReport) -> Iterator[str]:
    if report.hosts and not report.published:
        yield "no MX record: mail goes to the host itself"


def _host(report: MxReport, host: Host) -> Iterator[str]:
    head = f"MX {host.record.preference} {host.name}" if report.published else host.name
    yield head + (f", port {report.port}" if report.port != 25 else "")
    if host.why:
        yield f"  {host.why}"
    for address in host.addresses:
        yield f"  {address.address}"
        for name, words in _address(report, host, address):
            yield f"    {name:{WIDTH}} {words}"
    if host.left:
        yield f"  {host.left} more addresses, which were not looked at"


def _address(report: MxReport, host: Host, address: Address) -> Iterator[tuple[str, str]]:
    seen = address.named.seen
    if seen is None:
        yield "not reached", address.named.why
        return
    yield "TLS", address.named.trouble or seen.how
    shown = address.named.certificate
    if shown is not None:
        yield "certificate", ", ".join(shown.names) or "no name"
        yield "issuer", shown.issuer or "?"
        yield "valid", f"{_day(shown, begins=True)} to {_day(shown)}"
        yield "key", shown.pin or "?"
        yield "without SNI", _nameless(address, shown)
    for source, verdict in _verdicts(report, host, address).items():
        yield source, _words(verdict)


def _nameless(address: Address, shown: Certificate) -> str:
    other = address.nameless.certificate
    if other is None:
        return address.nameless.trouble or "no certificate"
    if other.pin == shown.pin:
        return "the same certificate"
    return f"another certificate: {', '.join(other.names) or 'no name'}"


def _verdicts(report: MxReport, host: Host, address: Address) -> Mapping[str, Verdict]:
    found = dict(address.verdicts())
    for source, judge in (("DANE", dane), ("MTA-STS", mta_sts)):
        verdict = judge(report, host, address)
        if verdict is not None:
            found[source] = verdict
    return found


def _words(verdict: Verdict) -> str:
    if not verdict.goes:
        return f"refuses: {verdict.words}"
    how = DELIVERS[verdict.encrypted]
    return f"{how}; {verdict.words}" if verdict.words else how


def _published(report: MxReport) -> Iterator[str]:
    for host in report.hosts:
        for record in host.tlsa:
            signed = "" if host.tlsa_secure else " (not signed, as far as the resolver says)"
            yield f"TLSA of {host.name}: {str(record)[:140]}{signed}"
    if not any(host.tlsa for host in report.hosts):
        yield "DANE: no TLSA record"
    says = report.says
    if says.sts is not None:
        days = says.sts.max_age // 86400
        hosts = _listed(says.sts.hosts)
        yield f"MTA-STS: {says.sts.mode} for {days} days, id {says.sts_id}: {hosts}"
    else:
        yield f"MTA-STS: {says.sts_why or 'no record'}"
    yield f"TLSRPT: {_listed(says.reports) or says.reports_why or 'no record'}"


def _listed(words: Sequence[str]) -> str:
    """Those that somebody reads."""
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more


def _day(shown: Certificate, *, begins: bool = False) -> str:
    when = shown.begins if begins else shown.expires
    return moment(when.timestamp())[:10] if when else "?"


# -- for programs
def as_json(report: MxReport) -> Mapping[str, object]:
    says = report.says
    return {
        "domain": report.domain,
        "port": report.port,
        "mx_published": report.published,
        "mx_secure": report.secure,
        "why": report.why,
        "hosts": [_host_json(report, host) for host in report.hosts],
        "mta_sts": {
            "id": says.sts_id,
            "mode": says.sts.mode if says.sts else "",
            "max_age": says.sts.max_age if says.sts else 0,
            "mx": list(says.sts.hosts) if says.sts else [],
            "why": says.sts_why,
        },
        "tlsrpt": {"rua": list(says.reports), "why": says.reports_why},
        "problems": problems(report),
    }


def _host_json(report: MxReport, host: Host) -> Mapping[str, object]:
    return {
        "host": host.name,
        "preference": host.record.preference,
        "why": host.why,
        "alias": host.alias,
        "secure": host.secure,
        "tlsa": [str(one) for one in host.tlsa],
        "tlsa_secure": host.tlsa_secure,
        "tlsa_why": host.tlsa_why,
        "addresses": [_address_json(report, host, one) for one in host.addresses],
        "left_out": host.left,
    }


def _address_json(report: MxReport, host: Host, address: Address) -> Mapping[str, object]:
    verdicts = _verdicts(report, host, address)
    return {
        "address": address.address,
        **look_json(address.named),
        "without_sni": look_json(address.nameless),
        "policies": {
            source: {"delivers": one.goes, "encrypted": one.encrypted, "words": one.words}
            for source, one in verdicts.items()
        },
    }


def look_json(look: Look) -> Mapping[str, object]:
    seen, shown = look.seen, look.shown
    return {
        "reached": seen is not None,
        "why": look.trouble,
        "code": seen.lacks.code if seen and seen.lacks else "",
        "starttls": seen is not None
        and any(one.upper() == "STARTTLS" for one in seen.offers)
        or shown is not None,
        "protocol": shown.version if shown else "",
        "cipher": shown.cipher if shown else "",
        "certificate": certificate_json(look.certificate),
        "offers": list(seen.offers) if seen else [],
    }


def certificate_json(shown: Certificate | None) -> Mapping[str, object] | None:
    if shown is None:
        return None
    return {
        "names": list(shown.names),
        "issuer": shown.issuer,
        "begins": shown.begins and moment(shown.begins.timestamp()),
        "expires": shown.expires and moment(shown.expires.timestamp()),
        "pin": shown.pin,
        "right": shown.right,
        "findings": _findings(shown),
    }


def _findings(shown: Certificate) -> Sequence[Mapping[str, str]]:
    return [{"code": one.code, "words": one.words} for one in shown.findings]
