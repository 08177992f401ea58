"""What `mailtwist tls dns` and `tls check` go by: our names, our keys, our authorities, our domains."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mailtwist.app.cli.inside import Inside
from mailtwist.app.cli.tls_sections import begun
from mailtwist.config.dns import the_dns
from mailtwist.config.domain import DomainSettings
from mailtwist.config.sections import Section
from mailtwist.kit.dns import Dns, DnsAway
from mailtwist.kit.dns_records import Answer, Mx, takes_no_mail
from mailtwist.kit.spawn import together
from mailtwist.kit.trouble import Trouble
from mailtwist.kit.within import TooLate, within
from mailtwist.tls.acme.authorities import KnownAuthority
from mailtwist.tls.acme.published import digest_of
from mailtwist.tls.acme.settings import kinds_tried
from mailtwist.tls.acme.status import Status
from mailtwist.tls.advised import Issuing, OurKey, Policy
from mailtwist.tls.certificates import Bundle
from mailtwist.tls.names import covers

HTTPS = 443
PATIENCE = 20.0
"""Seconds for an authority to say how it is called."""


@dataclass(frozen=True)
class Ordered:
    """A section whose certificates are ordered: `status` of all, `issuing` those whom we order at, and how
    names are proved."""

    section: str
    part: Any
    status: Sequence[Status]
    issuing: Sequence[Issuing]
    silent: Sequence[str]
    """Sentences about authorities that do not answer."""

    methods: Sequence[str]

    @property
    def wanted(self) -> Sequence[Status]:
        return [one for one in self.status if one.why]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for one in self.wanted for name in one.names))


@dataclass(frozen=True)
class Ours:
    """`mx` has an answer for each domain, or why there is none."""

    hostname: str
    dns: Dns
    parts: Mapping[str, Any]
    ordered: Sequence[Ordered]
    domains: Sequence[str]
    mx: Mapping[str, Answer[Mx] | DnsAway]
    others: Sequence[tuple[str, Bundle, Policy]] = ()
    """Certificates that are not ordered here, with their sections."""

    @property
    def bundles(self) -> Sequence[tuple[str, Bundle]]:
        """All, by section."""
        return [(f"[tls:{name}]", bundle) for name, part in self.parts.items() for bundle in part.bundles]

    def hosts_of(self, domain: str) -> list[str]:
        """Who takes its mail; this host, as long as DNS does not say otherwise."""
        answer = self.mx.get(domain)
        if not isinstance(answer, Answer) or not answer.records:
            return [self.hostname]
        return [] if takes_no_mail(answer) else [one.host for one in answer.records]

    def has(self, name: str) -> bool:
        """There is a certificate for it."""
        return any(covers(bundle.names, name) and not bundle.bootstrap for _, bundle in self.bundles)

    @property
    def hosts(self) -> list[str]:
        """Names that senders of mail connect to, and that have a certificate here or want one."""
        wanted = [name for one in self.ordered for name in one.names]
        found = [self.hostname, *(host for domain in self.domains for host in self.hosts_of(domain))]
        return [host for host in dict.fromkeys(found) if self.has(host) or covers(wanted, host)]

    def keys_of(self, host: str) -> list[OurKey]:
        found = []
        for ordered in self.ordered:
            policy: Policy = ordered.part.settings.key_policy
            for one in ordered.status:
                if one.digest and covers(one.names, host):
                    kind = str(one.key_kind)
                    found.append(
                        OurKey(ordered.section, kind, one.digest, one.next_digest, policy, one.switches)
                    )
        for section, bundle, policy in self.others:
            if covers(bundle.names, host):
                key: Any = bundle.key
                found.append(OurKey(section, bundle.key_kind, digest_of(key), "", policy))
        return list({one.digest: one for one in reversed(found)}.values())[::-1]


async def ours(inside: Inside, section: str | None) -> Ours:
    """As it is now.  `StateAway`, and what else keeps sections from beginning."""
    parts = await begun(inside, section)
    dns = inside.one(the_dns)
    ordered = [await _ordered(inside, name, part) for name, part in parts.items() if hasattr(part, "renewal")]
    domains = await _domains(inside)
    mx = dict(zip(domains, await together(*(_mx(dns, domain) for domain in domains)), strict=True))
    types = {one.name: one.type for one in inside.sections if one.room == "tls"}
    others: list[tuple[str, Bundle, Policy]] = [
        (f"[tls:{name}]", bundle, "rotate" if types[name] == "self_signed" else "others")
        for name, part in parts.items()
        if not hasattr(part, "renewal")
        for bundle in part.bundles
    ]
    return Ours(inside.hostname, dns, parts, ordered, domains, mx, others)


async def _ordered(inside: Inside, name: str, part: Any) -> Ordered:
    found = await together(*(_issuing(inside, one) for one in part.authorities))
    on_443 = any(HTTPS in _ports(one) for one in inside.sections if one.room == "service")
    return Ordered(
        f"[tls:{name}]",
        part,
        await part.renewal.status(),
        [one for one, _ in found],
        [why for _, why in found if why],
        kinds_tried(part.settings, on_443),
    )


def _ports(service: Section) -> Collection[int]:
    if service.settings.listen is None:
        implicit = service.type in ("alpn", "web") and service.settings.tls_mode == "implicit"
        return {HTTPS} if implicit else ()
    return {endpoint.port for endpoint in service.settings.listen}


async def _issuing(inside: Inside, one: KnownAuthority) -> tuple[Issuing, str]:
    kept = await one.account() or {}
    account, why = str(kept.get("url", "")), ""
    issuers: Sequence[str] = ()
    try:
        issuers = await within(inside.clock, PATIENCE, one.issuers())
    except TooLate:
        why = f"{one.word} does not answer"
    except Trouble as trouble:
        why = f"{one.word}: {trouble.detail or trouble.public}"
    return Issuing(one.word, issuers, account), why


async def _domains(inside: Inside) -> list[str]:
    found = set(inside.several(DomainSettings))
    for part in inside.parts("directory").values():
        if hasattr(part, "domains"):
            found.update(await part.domains())
    return sorted(found)


async def _mx(dns: Dns, domain: str) -> Answer[Mx] | DnsAway:
    try:
        return await dns.mx(domain)
    except DnsAway as away:
        return away
