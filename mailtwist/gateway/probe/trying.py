"""One port is tried: with TLS at once, in clear, behind a PROXY header; then somebody may log in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from mailtwist.auth.api import LoginRefused, LoginUnavailable
from mailtwist.gateway.api import Kind
from mailtwist.gateway.probe.found import Port
from mailtwist.gateway.probe.heard import Heard, Looking
from mailtwist.gateway.probe.words import WORDS
from mailtwist.kit.clock import Clock, process_clock
from mailtwist.kit.connecting import NotConnected, connected
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.dialogue import printable
from mailtwist.protocols.proxy import header_v1, header_v2
from mailtwist.tls.outbound import Outbound

IMPLICIT = (993, 995, 465)
"""Ports with TLS from the start, by custom."""

SERVERS_SPEAK_LATE: tuple[Kind, ...] = ("smtp", "lmtp", "sieve")
"""Kinds whose servers may take it ill when they are spoken to first (postscreen, on port 25)."""

PARTING = 1.0
"""Seconds for an answer to LOGOUT."""

MOST_WORDS = 300

Proxy = Literal["none", "v1", "v2"]


@dataclass(frozen=True)
class Plan:
    """How all ports are tried.  `seconds` is for each connection, `name` what we call ourselves, `pins` are
    keys with which a certificate is right, whatever else is said against it."""

    host: str
    addresses: Sequence[str]
    outbound: Outbound
    name: str = "localhost"
    seconds: float = 8.0
    pins: tuple[str, ...] = ()
    try_proxy: bool = False
    clock: Clock | None = None


async def tried(plan: Plan, kind: Kind, number: int) -> Port:
    """All that the port says before a login."""
    found: Port | None = None
    failed: list[str] = []
    for implicit, proxy in _ways(plan, kind, number):
        if proxy != "none" and not (plan.try_proxy and failed):
            continue
        port = Port(kind, number, proxy=proxy)
        await _attempt(plan, port, implicit)
        if port.served:
            await _nameless(plan, port)
            return port
        if found is None or port.greeting:  # what the first way says, or the one that was answered
            found = port
        failed.append(f"{_called(implicit, proxy)}: {port.why}")
        if not port.reached:
            return port
    assert found is not None
    found.why, found.proxy = "; ".join(failed), "none"
    return found


def _ways(plan: Plan, kind: Kind, number: int) -> Iterator[tuple[bool, Proxy]]:
    """Whether TLS comes first, and what stands before all: the usual way comes first."""
    usual = (143, 110, 587, 25, 24, 4190)
    first = number in IMPLICIT or not (number in usual or kind in SERVERS_SPEAK_LATE)
    proxies: tuple[Proxy, ...] = ("none", "v2", "v1")
    for proxy in proxies:
        yield first, proxy
        yield not first, proxy


def _called(implicit: bool, proxy: Proxy) -> str:
    words = "with TLS" if implicit else "in clear"
    return words if proxy == "none" else f"{words} behind a PROXY header {proxy}"


async def _attempt(plan: Plan, port: Port, implicit: bool) -> None:
    """One connection: `port` knows what came of it."""
    call: Heard | None = None
    try:
        call = await _reached(plan, port)
        await _greeted(plan, port, call, implicit)
    except Trouble as trouble:
        port.why = _why(trouble)
    finally:
        if call is not None:
            port.greeting = call.greeting
            await _parted(call, WORDS[port.kind].bye if port.served else b"")


async def _greeted(plan: Plan, port: Port, call: Heard, implicit: bool) -> None:
    if implicit:
        await _secured(plan, port, call)
    words = WORDS[port.kind]
    port.offer = await words.greeted(call, plan.name)
    port.served = True
    if not implicit and port.offers_tls:
        port.clear = port.offer
        port.offer = await words.start_tls(call, plan.name, partial(_secured, plan, port, call))
        port.security = "starttls"
    else:
        port.security = "implicit" if implicit else "plain"


async def _secured(plan: Plan, port: Port, call: Heard) -> None:
    looking = Looking(plan.outbound, plan.host)
    await call.start_tls(looking)
    port.certificate, port.tls = looking.certificate, looking.tls


async def _reached(plan: Plan, port: Port) -> Heard:
    """A connection to the first address that takes one, behind the PROXY header where there is to be one.
    Nobody waits longer for it than its plan says, whatever comes."""
    last: Trouble = NotConnected(plan.host, "it has no address")
    clock = plan.clock or process_clock()
    for address in plan.addresses:
        call = Heard(f"{plan.host}:{port.number}", clock, plan.seconds)
        try:
            await connected(call, address, port.number, plan.seconds)
        except NotConnected as trouble:
            last = trouble
            continue
        call.until = clock.seconds() + 2 * plan.seconds
        port.reached, port.address = True, address
        if port.proxy != "none":
            call.write(header_v2() if port.proxy == "v2" else header_v1())
        return call
    raise last


async def _parted(call: Heard, bye: bytes) -> None:
    """Said good bye, where somebody listens, and gone."""
    if bye and not call.over:
        call.write(bye)
        call.until = call.clock.seconds() + PARTING
        try:
            while True:
                await call.line()
        except Trouble:  # it hangs up, which is the end we wait for, or does not
            pass
    call.abort()


# -- who does not say whom he wants
async def _nameless(plan: Plan, port: Port) -> None:
    """Whether another certificate is shown to who asks for no name."""
    if port.certificate is None or plan.host in plan.addresses:
        return
    call: Heard | None = None
    looking = Looking(plan.outbound, plan.host, named=False)
    try:
        call = await _reached(plan, port)
        if port.security == "starttls":
            await WORDS[port.kind].greeted(call, plan.name)
            await WORDS[port.kind].start_tls(call, plan.name, partial(call.start_tls, looking))
        else:
            await call.start_tls(looking)
    except Trouble:  # what is missing is no certificate for the nameless, which some servers do not have
        pass
    finally:
        if call is not None:
            await _parted(call, b"")
    port.nameless = looking.certificate


# -- who logs in
async def logged_in(plan: Plan, port: Port, user: bytes, secret: bytes) -> bool:
    """`port` knows what the server offers then, or why there was no login.  False: name or password are
    wrong, and nobody should try them again.  They are sent only to whom they are for."""
    if why := _unsafe(plan, port):
        port.login = why
        return True
    again = Port(port.kind, port.number, proxy=port.proxy)
    call: Heard | None = None
    try:
        call = await _reached(plan, again)
        await _greeted(plan, again, call, port.security == "implicit")
        again_unsafe = _unsafe(plan, again)
        if again_unsafe:
            port.login = again_unsafe
            return True
        port.late = await WORDS[port.kind].log_in(call, again.offer, user, secret)
        port.mechanism = call.tried[-1] if call.tried else ""
    except LoginRefused:
        port.login = "refused: name or password are wrong"
        return False
    except (LoginUnavailable, Trouble) as trouble:
        port.login = f"no login: {_why(trouble)}"
    finally:
        if call is not None:
            port.tried = call.tried
            await _parted(call, WORDS[port.kind].bye)
    return True


def _unsafe(plan: Plan, port: Port) -> str:
    """Why nobody says a password there."""
    if port.security is None or not port.takes_password:
        return "not tried: no way to log in with a password"
    if port.certificate is None:
        loopback = port.address.startswith("127.") or port.address == "::1"
        return "" if loopback else "not tried: the password would go in clear"
    if port.certificate.right or port.certificate.pin in plan.pins:
        return ""
    return f"not tried: {port.certificate.words}"


def _why(trouble: Trouble) -> str:
    words = getattr(trouble, "why", "") or trouble.detail or trouble.public
    return printable(words.encode("ascii", "replace")[:MOST_WORDS])
