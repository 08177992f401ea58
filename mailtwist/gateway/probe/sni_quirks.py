"""What is peculiar about a server's answers to SNI, versions and ALPN, one sentence each."""

from collections.abc import Iterator, Sequence

from mailtwist.delivery.remote.mx import literal
from mailtwist.gateway.probe.sni import ODD, SniReport, Try, Who

MEANT: dict[Who, str] = {
    "right": "to who asks for the right name",
    "none": "to who does not say whom he wants (no SNI)",
    "wrong": "to who asks for a name that is not there",
}


def problems(report: SniReport) -> list[str]:
    """What somebody should look at."""
    if report.why:
        return [report.why]
    found = [*_right(report), *_nameless(report), *_versions(report), *_alpn(report)]
    return list(dict.fromkeys(found))


def notes(report: SniReport) -> list[str]:
    """What is neither good nor bad."""
    return [*_wrong(report), *_strict(report), *_address(report)] if not report.why else []


def _of(report: SniReport, who: Who) -> Sequence[Try]:
    return [one for one in report.names if one.who == who]


def _shown(tries: Sequence[Try]) -> Try | None:
    """The first of them in which a certificate was shown."""
    return next((one for one in tries if one.certificate is not None), None)


def _right(report: SniReport) -> Iterator[str]:
    tries = _of(report, "right")
    if _shown(tries) is None:
        yield f"no TLS {MEANT['right']}: {tries[-1].why}"
    for one in tries:
        if one.certificate is not None:
            yield from (found.words for found in one.certificate.findings)


def _nameless(report: SniReport) -> Iterator[str]:
    """Those are many, and some of them are big: QQ, Outlook, each Postfix without DANE."""
    right = _shown(_of(report, "right"))
    for one in _of(report, "none"):
        named = [other for other in _of(report, "right") if other.version == one.version]
        if one.certificate is None and _shown(named) is not None:
            yield f"no TLS {MEANT['none']}, {one.version}: {one.why}"
        elif one.certificate is not None and right is not None and _differs(one, right):
            words = "; ".join(found.words for found in one.certificate.findings)
            yield f"another certificate {MEANT['none']}" + (f": {words}" if words else "")


def _differs(one: Try, other: Try) -> bool:
    ours, theirs = one.certificate, other.certificate
    return ours is not None and theirs is not None and set(ours.names) != set(theirs.names)


def _versions(report: SniReport) -> Iterator[str]:
    tries = _of(report, "right")
    if _shown(tries) is None:
        return
    for one in tries:
        if one.certificate is None:
            yield f"no {one.version}: {one.why}"


def _alpn(report: SniReport) -> Iterator[str]:
    if _shown(_of(report, "right")) is None:
        return
    for one in report.alpns:
        if one.alpn != (ODD,) and one.certificate is None:
            yield f'no TLS to who offers the protocol "{one.alpn[0]}" (ALPN): {one.why}'


def _wrong(report: SniReport) -> Iterator[str]:
    tries = _of(report, "wrong")
    shown, right = _shown(tries), _shown(_of(report, "right"))
    if right is None:
        return
    if shown is None:
        yield f"refuses a name that is not there: {tries[-1].why}"
    elif _differs(shown, right) and shown.certificate is not None:
        yield f"another certificate {MEANT['wrong']}: for {', '.join(shown.certificate.names) or 'no name'}"
    else:
        yield f"the same certificate {MEANT['wrong']}"


def _strict(report: SniReport) -> Iterator[str]:
    for one in report.alpns:
        if one.alpn == (ODD,):
            known = "refuses" if one.certificate is None else "takes no notice of"
            yield f"{known} protocols that are not its own (ALPN)"
        elif one.chosen:
            yield f'chooses "{one.chosen}" when that is offered (ALPN)'


def _address(report: SniReport) -> Iterator[str]:
    if literal(report.host):
        yield "an address is no name to ask for: all clients ask without one here"
