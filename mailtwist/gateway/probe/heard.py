"""Connections that are made to find out: they remember how they were greeted, and refuse no certificate."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure
from zope.interface import implementer

from mailtwist.gateway.probe.found import Certificate
from mailtwist.protocols.client import Call
from mailtwist.protocols.dialogue import said
from mailtwist.tls.outbound import Outbound
from mailtwist.tls.verdict import Finding, pin_of, safe, spelled

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


@implementer(IOpenSSLClientConnectionCreator)
class Looking:
    """For `Call.start_tls`: whatever is shown passes, and is in `shown` afterwards, with `tls`, its version
    and cipher.  With `named` the server is asked for `host`."""

    def __init__(self, outbound: Outbound, host: str, *, named: bool = True) -> None:
        self._outbound = outbound
        self._towards = outbound.context(host)
        self._named = named
        self.shown: Certificate | None = None
        self.tls = ""

    def clientConnectionForTLS(self, protocol: Any) -> SSL.Connection:
        if self._named:
            return self._towards.clientConnectionForTLS(protocol)
        connection = self._outbound.connection()
        protocol.objections = []
        connection.set_connect_state()
        return connection

    def judge(self, connection: SSL.Connection) -> None:
        self.shown = _shown(connection, self._towards.found(connection))
        self.tls = f"{connection.get_protocol_version_name()} {connection.get_cipher_name()}"

    def explain(self, reason: Failure) -> str:
        return self._towards.explain(reason)


def _shown(connection: SSL.Connection, findings: list[Finding]) -> Certificate:
    shown = connection.get_peer_certificate()
    try:
        assert shown is not None
        return described(shown.to_cryptography(), findings)
    except Exception:  # none, damaged, or of a kind that nobody knows: the findings say so
        words = Finding("validation-failure", "the certificate cannot be read")
        return Certificate(findings=tuple(findings) or (words,))


def described(leaf: x509.Certificate, findings: Iterable[Finding]) -> Certificate:
    """In words that are fit for a terminal.  Any exception for one that is damaged."""
    return Certificate(
        names=tuple(safe(name) for name in _names(leaf)[:MOST_NAMES]),
        issuer=safe(leaf.issuer.rfc4514_string()),
        begins=leaf.not_valid_before_utc,
        expires=leaf.not_valid_after_utc,
        pin=spelled(pin_of(leaf)),
        findings=tuple(findings),
    )


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = names.get_values_for_type(x509.IPAddress)
    there: list[str] = list(names.get_values_for_type(x509.DNSName))
    return there + [str(one) for one in addresses if isinstance(one, IPv4Address | IPv6Address)]
