"""The two ways of mail that this server writes itself: into its own mailboxes, or to a smarthost."""

from collections.abc import Sequence
from typing import Any

from cryptography.x509 import load_pem_x509_certificates
from OpenSSL.crypto import X509
from twisted.internet import ssl

from mailtwist.config.notices import NoticesSettings
from mailtwist.delivery.api import Target
from mailtwist.delivery.pipeline import Pipeline
from mailtwist.delivery.trace import delivered_to
from mailtwist.kit.clock import Clock
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address
from mailtwist.protocols.smtp.client import NextServer, NotReached, Outgoing, hand_over


class ByTargets:
    """Into the mailboxes of this server."""

    def __init__(self, targets: Sequence[Target], hostname: str, clock: Clock) -> None:
        self._pipeline = Pipeline(targets, hostname, clock)

    async def send(self, to: str, octets: bytes) -> None:
        """It is in the mailbox, on the disk."""
        local, _, domain = to.rpartition("@")
        address = Address(local, domain)
        target = await self._pipeline.target(address)
        if target is None:
            raise Trouble(
                "5.1.2", "This server has no mailboxes for the address, and no smarthost is set", to
            )
        transfer = await target.begin(await target.places(address))
        try:
            await transfer.write(b"Return-Path: <>\r\n" + delivered_to(address) + octets)
            await transfer.commit()
        finally:
            await transfer.abort()


class BySmarthost:
    """To another server, which takes it from there."""

    def __init__(self, settings: NoticesSettings, hostname: str, clock: Clock) -> None:
        self._settings = settings
        self._hostname = hostname
        self._clock = clock

    async def send(self, to: str, octets: bytes) -> None:
        """The smarthost has taken it."""
        from twisted.internet import reactor

        outgoing = Outgoing("", to, octets)
        await hand_over(reactor, self._clock, self._server(), self._hostname, outgoing)

    def _server(self) -> NextServer:
        settings = self._settings
        assert settings.smarthost is not None
        password = settings.smarthost_password
        return NextServer(
            settings.smarthost.host,
            settings.smarthost.port,
            settings.smarthost_tls,
            self._roots(),
            settings.smarthost_user,
            password.reveal() if password else "",
        )

    def _roots(self) -> Any:
        """Read each time: who replaces the file need not restart anything."""
        path = self._settings.smarthost_ca
        if path is None:
            return None
        try:
            found = load_pem_x509_certificates(path.read_bytes())
        except (OSError, ValueError) as error:
            raise NotReached(f"{path}: {error}") from error
        return ssl.trustRootFromCertificates([ssl.Certificate(X509.from_cryptography(one)) for one in found])
