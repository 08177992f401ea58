"""Connections that are made to find out: they remember how they were greeted, and refuse no certificate."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from cryptography import x509

from mailtwist.gateway.probe.found import Certificate
from mailtwist.protocols.client import Call
from mailtwist.protocols.dialogue import said
from mailtwist.tls.looking import Looking as Anybody
from mailtwist.tls.outbound import Outbound, Towards
from mailtwist.tls.verdict import Finding, Shown, pin_of, safe, spelled

MOST_NAMES = 20

_LOGIN = re.compile(rb'(?:L (LOGIN) |(USER) |(?:L AUTHENTICATE|AUTHENTICATE|AUTH) "?([A-Z0-9-]{1,20}))')


class Heard(Call):
    """`greeting` is the first line, `tried` are the ways to log in in the order in which they were used."""

    greeting = ""
    tried: tuple[str, ...] = ()

    async def line(self, limit: int = 8192) -> bytes:
        line = await super().line(limit)
        self.greeting = self.greeting or said(line)
        return line

    def write(self, data: bytes) -> None:
        if found := _LOGIN.match(data):
            command, user, mechanism = found.groups()
            way = "USER/PASS" if user else (command or mechanism).decode("ascii")
            self.tried = (*self.tried, f"AUTHENTICATE {way}" if mechanism and command is None else way)
        super().write(data)


class Looking(Anybody):
    """For `Call.start_tls`: whatever is shown passes, and is in `certificate` afterwards, with `tls`, its
    version and cipher.  With `named` the server is asked for `host`."""

    def __init__(self, outbound: Outbound, host: str, *, named: bool = True) -> None:
        towards = Towards(outbound, host, nameless=not named)
        super().__init__(towards)
        self._host = towards.host

    @property
    def certificate(self) -> Certificate | None:
        return None if self.shown is None else certificate(self.shown, self.shown.findings((self._host,)))

    @property
    def tls(self) -> str:
        return "" if self.shown is None else f"{self.shown.version} {self.shown.cipher}"


def certificate(shown: Shown, findings: Sequence[Finding]) -> Certificate:
    """The server's own, in words that are fit for a terminal."""
    try:
        leaf = shown.chain[0]
        return Certificate(
            names=tuple(safe(name) for name in _names(leaf)[:MOST_NAMES]),
            issuer=safe(leaf.issuer.rfc4514_string()),
            begins=leaf.not_valid_before_utc,
            expires=leaf.not_valid_after_utc,
            pin=spelled(pin_of(leaf)),
            findings=tuple(findings),
        )
    except Exception:  # none, damaged, or of a kind that nobody knows: the findings say so
        words = Finding("validation-failure", "the certificate cannot be read")
        return Certificate(findings=tuple(findings) or (words,))


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = names.get_values_for_type(x509.IPAddress)
    there: list[str] = list(names.get_values_for_type(x509.DNSName))
    return there + [str(one) for one in addresses if isinstance(one, IPv4Address | IPv6Address)]
