"""Where the mail of a domain goes: its MX hosts in order, or the domain itself.  rfc5321#5.1 rfc7505"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from mailtwist.kit.dns import Dns
from mailtwist.kit.dns_records import Mx, takes_no_mail
from mailtwist.kit.trouble import Trouble

MOST = 30
"""Hosts of a domain that are looked at."""


class TakesNoMail(Trouble):
    """The domain says so, by a null MX."""

    def __init__(self, domain: str) -> None:
        super().__init__("5.1.10", "The domain takes no mail", domain)


class NoSuchDomain(Trouble):
    """There is no such name, as far as DNS says."""

    def __init__(self, domain: str) -> None:
        super().__init__("5.1.2", "There is no such domain", domain)


@dataclass(frozen=True, slots=True)
class Destination:
    """`hosts` in the order in which they are to be tried; `published` where they are MX records, else the
    domain stands for itself.  `secure`: a resolver that is believed vouches for that by DNSSEC."""

    domain: str
    hosts: tuple[Mx, ...]
    published: bool = True
    secure: bool = False


async def destination(dns: Dns, domain: str) -> Destination:
    """Of a domain, or of an address, which is its own.  `TakesNoMail`, `NoSuchDomain`; `kit.dns.DnsAway` when
    nobody can say."""
    address = literal(domain)
    if address:
        return Destination(address, (Mx(0, address),), published=False)
    answer = await dns.mx(domain)
    if takes_no_mail(answer):
        raise TakesNoMail(answer.name)
    if not answer.exists:
        raise NoSuchDomain(answer.name)
    if not answer:
        return Destination(answer.name, (Mx(0, answer.canonical),), published=False, secure=answer.secure)
    return Destination(answer.name, _once(answer.records)[:MOST], secure=answer.secure)


def _once(records: Sequence[Mx]) -> tuple[Mx, ...]:
    """Each host with its best preference; a null one among others means nothing (rfc7505#3)."""
    best: dict[str, Mx] = {}
    for record in sorted(records):
        if record.host:
            best.setdefault(record.host, record)
    return tuple(best.values())


def literal(domain: str) -> str:
    """The address that `domain` is, '' when it is a name."""
    try:
        return str(ip_address(domain.strip("[]")))
    except ValueError:
        return ""
