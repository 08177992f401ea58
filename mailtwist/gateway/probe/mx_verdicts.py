"""What senders with DANE or MTA-STS would do with a server, by what is published.  rfc7672 rfc8461

The policies themselves come with the delivery of mail; this is for who wants to know whether what he has
published is right."""

from mailtwist.gateway.probe.mx_found import Address, Host, MxReport, Verdict
from mailtwist.tls.dane import findings, usable
from mailtwist.tls.policy import Verify


def dane(report: MxReport, host: Host, address: Address) -> Verdict | None:
    """None where nobody asks for DANE: no records, or nobody was reached."""
    if not host.tlsa or not address.reached:
        return None
    wrong = _by_tlsa(report, host, address)
    if not host.tlsa_secure:
        flaw = f"; else: {wrong}" if wrong else ""
        words = f"it does not apply: the resolver does not say that the TLSA records are signed{flaw}"
        return Verdict(True, address.named.shown is not None, words)
    return Verdict(not wrong, address.named.shown is not None, wrong)


def _by_tlsa(report: MxReport, host: Host, address: Address) -> str:
    shown = address.named.shown
    if shown is None:
        return address.named.trouble
    records = [one for one in host.tlsa if usable(one)]
    if not records:
        return ""  # encrypted is enough then (rfc7672#2.2)
    return "; ".join(one.words for one in findings(records, shown, (host.name, report.domain)))


def mta_sts(report: MxReport, host: Host, address: Address) -> Verdict | None:
    """None where there is no policy that says anything, or nobody was reached."""
    policy, seen = report.says.sts, address.named.seen
    if policy is None or policy.mode == "none" or seen is None:
        return None
    wrong = [one.words for one in Verify().findings(seen)]
    if not policy.names(host.name):
        wrong.insert(0, f"the policy does not name {host.name}")
    goes = not wrong or policy.mode == "testing"
    return Verdict(goes, seen.shown is not None, "; ".join(wrong))
