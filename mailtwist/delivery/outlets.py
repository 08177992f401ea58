"""The two ways of mail that this server writes itself: into its own mailboxes, or to a smarthost."""

from collections.abc import Sequence

from mailtwist.config.notices import NoticesSettings
from mailtwist.delivery.api import Target
from mailtwist.delivery.pipeline import Pipeline
from mailtwist.delivery.remote.handing import NextServer, NotReached, hand_over
from mailtwist.delivery.remote.session import Ours
from mailtwist.delivery.trace import delivered_to
from mailtwist.kit.clock import Clock
from mailtwist.kit.resolver import Resolver
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import NULL, Address
from mailtwist.protocols.smtp.sending import Outgoing
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.outbound import Outbound
from mailtwist.tls.policy import Policy, named

CONNECT_TIME, ANSWER_TIME, OPENING_TIME = 30.0, 60.0, 120.0
"""Seconds for a connection to the smarthost, for an answer, and until it is ready for mail.  Who waits here
can come again; one attempt must not last as long as the lease of a notice."""


class ByTargets:
    """Into the mailboxes of this server."""

    def __init__(self, targets: Sequence[Target], hostname: str, clock: Clock) -> None:
        self._pipeline = Pipeline(targets, hostname, clock)

    async def send(self, to: str, octets: bytes) -> None:
        """It is in the mailbox, on the disk."""
        address = _address(to)
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
        self._resolver = Resolver(clock)

    async def send(self, to: str, octets: bytes) -> None:
        """The smarthost has taken it."""
        outgoing = Outgoing(NULL, _address(to), octets)
        times = CONNECT_TIME, ANSWER_TIME, OPENING_TIME
        ours = Ours(self._hostname, self._outbound(), self._clock, *times)
        await hand_over(self._server(), outgoing, ours, self._resolver)

    def _server(self) -> NextServer:
        settings = self._settings
        assert settings.smarthost is not None
        password = settings.smarthost_password
        return NextServer(
            settings.smarthost.host,
            settings.smarthost.port,
            self._policy(),
            settings.smarthost_tls == "implicit",
            settings.smarthost_user,
            password.reveal() if password else "",
        )

    def _policy(self) -> Policy:
        settings = self._settings
        word = "none" if settings.smarthost_tls == "none" else settings.smarthost_policy
        return named(word, settings.smarthost_names)

    def _outbound(self) -> Outbound:
        """Read each time: who replaces the file need not restart anything."""
        try:
            return Outbound(roots=self._settings.smarthost_ca)
        except BadCertificate as bad:
            raise NotReached(bad.words) from bad


def _address(to: str) -> Address:
    local, _, domain = to.rpartition("@")
    return Address(local, domain)
