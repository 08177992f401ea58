"""What a server shows to clients that say whom they want, that do not, or that want somebody else.

Each way of beginning TLS has a connection of its own, as one server may treat them differently: by the name
(SNI), by the version, by the words for ALPN."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from mailtwist.gateway.api import Kind
from mailtwist.gateway.probe.asking import VERSIONS, Asking
from mailtwist.gateway.probe.found import Certificate
from mailtwist.gateway.probe.heard import certificate
from mailtwist.gateway.probe.words import WORDS
from mailtwist.kit.clock import Clock
from mailtwist.kit.connecting import NotConnected, connected
from mailtwist.kit.spawn import together
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.client import Call
from mailtwist.tls.looking import Looking
from mailtwist.tls.verdict import safe

WRONG = "wrong-name.invalid"
"""Nobody's (rfc2606#2)."""

ODD = "nonsense"
"""No protocol's name."""

ALPN: Mapping[Kind, str] = {
    "imap": "imap",
    "pop3": "pop3",
    "submission": "smtp",
    "smtp": "smtp",
    "sieve": "managesieve",
}
"""As IANA has them."""

AT_ONCE = 3
"""Connections: more from one address some servers refuse."""

Who = Literal["right", "none", "wrong"]


@dataclass(frozen=True)
class SniPlan:
    """`host` at `addresses`, of which the first one that takes a connection is looked at; with STARTTLS as
    `kind` has it, or with TLS from the first octet."""

    host: str
    addresses: Sequence[str]
    port: int
    clock: Clock
    roots: Path | None = None
    kind: Kind | None = None
    name: str = "localhost"
    seconds: float = 10.0


@dataclass(slots=True)
class Try:
    """One way to begin, and what came of it: `why` there was no TLS, or else what was shown.  `certificate`
    is judged for the host, whatever name was asked for."""

    who: Who
    version: str = ""
    alpn: tuple[str, ...] = ()
    why: str = ""
    tls: str = ""
    chosen: str = ""
    certificate: Certificate | None = None


@dataclass(slots=True)
class SniReport:
    """All of them: `names` by name and version, `alpns` by what was offered."""

    host: str
    port: int
    address: str = ""
    why: str = ""
    names: list[Try] = field(default_factory=list)
    alpns: list[Try] = field(default_factory=list)


async def looked_at(plan: SniPlan) -> SniReport:
    """In a bounded time."""
    report = SniReport(plan.host, plan.port)
    try:
        report.address = await reachable(plan)
    except Trouble as trouble:
        report.why = _why(trouble)
        return report
    whos: tuple[Who, ...] = ("right", "none", "wrong")
    report.names = [Try(who, version) for who in whos for version in VERSIONS]
    report.alpns = [Try("right", alpn=offered) for offered in _offers(plan)]
    tries = [*report.names, *report.alpns]
    for at in range(0, len(tries), AT_ONCE):
        await together(*(tried(plan, report.address, one) for one in tries[at : at + AT_ONCE]))
    return report


def _offers(plan: SniPlan) -> list[tuple[str, ...]]:
    known = [ALPN[plan.kind]] if plan.kind else [*dict.fromkeys(ALPN.values()), "http/1.1"]
    return [*((word,) for word in known), (ODD,)]


async def reachable(plan: SniPlan) -> str:
    """The first address that takes a connection.  `Trouble`."""
    last: Trouble = NotConnected(plan.host, "it has no address")
    for address in plan.addresses:
        call = Call(plan.host, plan.clock, plan.seconds)
        try:
            await connected(call, address, plan.port, plan.seconds)
        except NotConnected as trouble:
            last = trouble
        else:
            call.abort()
            return address
    raise last


async def tried(plan: SniPlan, address: str, one: Try) -> None:
    """What came of it is in `one`."""
    call = Call(plan.host, plan.clock, plan.seconds)
    outbound = Asking(plan.roots, nameless=one.who == "none", version=one.version, alpn=one.alpn)
    looking = Looking(outbound.context(WRONG if one.who == "wrong" else plan.host))
    try:
        await connected(call, address, plan.port, plan.seconds)
        call.until = plan.clock.seconds() + 2 * plan.seconds
        await _begun(plan, call, looking)
    except Trouble as trouble:
        one.why = _why(trouble)
    finally:
        call.abort()
    if (shown := looking.shown) is not None:
        one.tls, one.chosen = f"{shown.version} {shown.cipher}", shown.alpn
        one.certificate = certificate(shown, shown.findings((outbound.context(plan.host).host,)))


async def _begun(plan: SniPlan, call: Call, looking: Looking) -> None:
    if plan.kind is None:
        await call.start_tls(looking)
        return
    words = WORDS[plan.kind]
    await words.greeted(call, plan.name)
    await words.start_tls(call, plan.name, partial(call.start_tls, looking))


def _why(trouble: Trouble) -> str:
    return safe(str(getattr(trouble, "why", "") or trouble.detail or trouble.public), 300)
