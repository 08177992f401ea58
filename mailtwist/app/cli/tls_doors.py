"""What our own listeners show to those who ask with a name, without one and with a wrong one: that which is
stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mailtwist.config.network import Endpoint
from mailtwist.config.sections import Section
from mailtwist.gateway.api import Kind
from mailtwist.gateway.probe.sni import AT_ONCE, WRONG, SniPlan, Try, reachable, tried
from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import together
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.certificates import Bundle
from mailtwist.tls.checking import Checked
from mailtwist.tls.names import covers
from mailtwist.tls.verdict import pin_of, safe, spelled

KNOWN: Mapping[str, tuple[Kind | None, tuple[int, int]]] = {
    "smtp": ("smtp", (25, 465)),
    "submission": ("submission", (587, 465)),
    "imap": ("imap", (143, 993)),
    "pop3": ("pop3", (110, 995)),
    "sieve": ("sieve", (4190, 4190)),
    "lmtp": ("lmtp", (24, 24)),
    "web": (None, (80, 443)),
    "alpn": (None, (443, 443)),
}
"""Services by their type, without `_gateway`: how TLS begins by STARTTLS, and the usual ports (without TLS
from the first octet, and with it)."""

NAMES = 20
"""That are asked for at one listener."""

SECONDS = 5.0
HERE = {"": "127.0.0.1", "localhost": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True)
class Listener:
    """One port of a service, and what it should show."""

    service: Section
    kind: Kind | None
    place: Endpoint
    part: Any

    @property
    def title(self) -> str:
        return f"[{self.service.title}] {self.address}:{self.place.port}"

    @property
    def address(self) -> str:
        return HERE.get(self.place.host, self.place.host)

    @cached_property
    def names(self) -> list[str]:
        every = [name for bundle in self.part.bundles for name in bundle.names]
        return list(dict.fromkeys(name for name in every if not name.startswith("*.")))[:NAMES]

    def stored(self, name: str) -> Sequence[Bundle]:
        """For `name`; what is shown by default, when it has none."""
        found = [bundle for bundle in self.part.bundles if covers(bundle.names, name)]
        real = [bundle for bundle in found if not bundle.bootstrap]
        return real or found or self.part.table.shown


def listeners(sections: Sequence[Section], parts: Mapping[str, Any]) -> tuple[list[Listener], list[str]]:
    """Those that speak TLS; and sentences about those that nobody can look at from here."""
    found: list[Listener] = []
    notes: list[str] = []
    for service in sections:
        name = str(getattr(service.settings, "tls", None))
        if service.room != "service" or name not in parts:
            continue
        if getattr(service.settings, "proxy_protocol", ()):
            notes.append(f"[{service.title}] is behind a proxy and is not looked at")
        elif not hasattr(parts[name], "table"):
            notes.append(f"[{service.title}] has certificates from [tls:{name}], which does not tell them")
        else:
            found += _of(service, parts[name])
    return found, notes


def _of(service: Section, part: Any) -> list[Listener]:
    implicit = getattr(service.settings, "tls_mode", "starttls") == "implicit"
    kind, ports = KNOWN.get(service.type.removesuffix("_gateway"), (None, (0, 0)))
    places = service.settings.listen
    if places is None:
        places = [Endpoint("", ports[implicit])]
    if kind is None and not implicit:  # nobody knows how TLS begins there
        return []
    return [Listener(service, None if implicit else kind, one, part) for one in places if one.port]


async def looked_at(listener: Listener, clock: Clock, name: str) -> Checked:
    """One connection for each name and way; `name` is who we say we are."""
    plan = SniPlan(
        "localhost", [listener.address], listener.place.port, clock, None, listener.kind, name, SECONDS
    )
    try:
        address = await reachable(plan)
    except Trouble as trouble:
        why = safe(str(getattr(trouble, "why", "") or trouble.detail), 200)
        return Checked([f"{listener.title} does not take connections: {why}"])
    asked = [(one, Try("right", "TLSv1.3")) for one in listener.names]
    asked += [("", Try("none", "TLSv1.3")), ("", Try("none", "TLSv1.2")), (WRONG, Try("wrong", "TLSv1.3"))]
    for at in range(0, len(asked), AT_ONCE):
        some = asked[at : at + AT_ONCE]
        await together(*(_tried(listener, clock, name, address, one, way) for one, way in some))
    found = Checked()
    for one, way in asked:
        found.add(_judged(listener, one, way))
    return found


async def _tried(listener: Listener, clock: Clock, name: str, address: str, asked: str, way: Try) -> None:
    host = asked or "localhost"
    port, kind = listener.place.port, listener.kind
    await tried(SniPlan(host, [address], port, clock, None, kind, name, SECONDS), address, way)


def _judged(listener: Listener, asked: str, way: Try) -> Checked:
    whom = {"right": f"to who asks for {asked}", "none": "without a name (SNI)", "wrong": "with a wrong name"}
    whom_words = f"{whom[way.who]} ({way.version})"
    shown = way.certificate
    if _refuses(listener, way):
        if shown is None:
            return Checked()
        return Checked([f"{listener.title} shows a certificate {whom_words}, which it is to refuse"])
    if shown is None:
        return Checked([f"{listener.title}: no TLS {whom_words}: {way.why}"])
    stored = listener.stored(asked if way.who == "right" else listener.part.default_name)
    if any(_is(bundle, shown.pin, shown.expires) for bundle in stored):
        return Checked()
    names = ", ".join(shown.names) or "no name"
    until = "" if shown.expires is None else f" until {shown.expires:%Y-%m-%d %H:%M} UTC"
    words = f"shows another certificate {whom_words} than the one that is stored: for {names}{until}"
    return Checked([f"{listener.title} {words}"])


def _refuses(listener: Listener, way: Try) -> bool:
    settings = listener.service.settings
    answers = {"none": getattr(settings, "sni_missing", ""), "wrong": getattr(settings, "sni_unknown", "")}
    return answers.get(way.who) == "reject"


def _is(bundle: Bundle, pin: str, expires: Any) -> bool:
    return spelled(pin_of(bundle.leaf)) == pin and bundle.leaf.not_valid_after_utc == expires
