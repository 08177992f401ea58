"""What the services that hand mail to a server behind have in common: submission, MX and LMTP gateways."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from mailtwist.config.network import Networks
from mailtwist.config.part import Assembly
from mailtwist.config.settings import setting
from mailtwist.config.values import Names, PartName
from mailtwist.delivery.trace import received
from mailtwist.gateway.abilities import common
from mailtwist.gateway.api import Guest as Client
from mailtwist.gateway.api import Kind, Upstream
from mailtwist.gateway.chosen import BOTH, Chosen
from mailtwist.gateway.forwarding import Forwarding
from mailtwist.gateway.transaction import Performance
from mailtwist.kit.ids import new_id
from mailtwist.kit.spawn import spawn
from mailtwist.mail.envelope import Envelope, Recipient
from mailtwist.protocols.dialogue import Offer
from mailtwist.protocols.server import peer
from mailtwist.protocols.smtp.command import Reply
from mailtwist.protocols.smtp.door import Mail, Transfer
from mailtwist.protocols.smtp.extension import GROUP, Dialect, Protocol
from mailtwist.protocols.smtp.legacy import ReceptionDelivery
from mailtwist.protocols.smtp.limits import Limits
from mailtwist.protocols.smtp.offers import largest, most
from mailtwist.protocols.smtp.server import ESMTPServer
from mailtwist.services.door import Guest
from mailtwist.services.service import MailService
from mailtwist.services.settings import Ports, known, mail_service
from mailtwist.services.taking import FULL, TakingSettings, limits


@dataclass(frozen=True)
class HandingSettings(TakingSettings):
    """The settings of a service that hands mail on."""

    upstream: Annotated[str | None, PartName("upstream")] = setting(
        None, words="The server behind us that mail goes to, unless a directory has asked one already."
    )
    route: Annotated[str | None, PartName("route")] = setting(
        None, words="Instead of `upstream`: which server is whose."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.upstream and self.route:
            raise ValueError(BOTH)


NEEDS = {
    "8bitmime": ("8BITMIME",),
    "binarymime": ("BINARYMIME", "CHUNKING"),
    "dsn": ("DSN",),
    "smtputf8": ("SMTPUTF8",),
}
"""Extensions of ours of which the server behind has to do its part, and what it says then.  All others are
between the client and us."""

NOT_OURS = frozenset({"expn"})
"""Asks what the server behind knows and is not asked."""


class Behind:
    """What clients of one service are offered: what we can do, and the servers behind can too."""

    def __init__(
        self,
        upstreams: Callable[[], tuple[Upstream, ...]],
        kind: Kind,
        without: Names,
        limits: Limits,
        protocol: Protocol = "smtp",
    ) -> None:
        self._upstreams = upstreams
        self._kind = kind
        self._without = frozenset(known(GROUP, without)) | NOT_OURS
        self._limits = limits
        self._protocol = protocol
        self.dialect = lru_cache(maxsize=64)(self._dialect)

    @property
    def offer(self) -> Offer:
        """What the servers that were reached have in common, as far as it is known."""
        serving = [upstream for upstream in self._upstreams() if upstream.serves(self._kind)]
        offers = {upstream.name: self._of(upstream) for upstream in serving}
        there = {name: offer for name, offer in offers.items() if offer}
        return common(there) if there else Offer()

    def limits(self, offer: Offer) -> Limits:
        """Ours, and no more than theirs."""
        ours = self._limits
        return replace(
            ours,
            message=min(ours.message, largest(offer) or ours.message),
            recipients=min(ours.recipients, most(offer, "RCPTMAX") or ours.recipients),
            mails=min(ours.mails, most(offer, "MAILMAX") or ours.mails),
        )

    def _of(self, upstream: Upstream) -> Offer:
        late = self._kind == "submission"
        return Offer(upstream.offered(self._kind, late=late) or upstream.offered(self._kind, late=False))

    def _dialect(self, offer: Offer) -> Dialect:
        missing = {name for name, words in NEEDS.items() if not all(map(offer.has, words))}
        return Dialect.installed(self._without | missing, self._protocol)


class Handing(Guest, ESMTPServer):
    """One connection whose mail goes on to a server behind."""

    behind: Behind

    def makeConnection(self, transport: Any) -> None:
        self.offer(self.behind.offer)
        super().makeConnection(transport)

    # The client hears what was answered so far, however long the server behind takes for this.
    async def accept_sender(self, mail: Mail) -> None:
        self.turns.flush()
        await super().accept_sender(mail)

    async def accept_recipient(self, recipient: Recipient) -> Any:
        self.turns.flush()
        return await super().accept_recipient(recipient)

    async def begin(self) -> Transfer:
        self.turns.flush()
        return await super().begin()

    async def commit(self, transfer: Transfer) -> Sequence[Reply]:
        self.turns.flush()
        return await super().commit(transfer)

    def offer(self, offer: Offer) -> None:
        """From now on the client is told, and may use, what goes with `offer`."""
        self.dialect = self.behind.dialect(offer)
        self.limits = self.behind.limits(offer)


class Submitting(Handing):
    """Of somebody who logs in: here, and there."""

    def _keep(self, interface: Any, avatar: Any, logout: Any) -> None:
        super()._keep(interface, avatar, logout)
        reception = getattr(avatar, "reception", None)
        if isinstance(reception, Performance):
            self.offer(reception.offer)

    def start_tls(self) -> None:
        super().start_tls()
        self.offer(self.behind.offer)


class Forwarder(Handing):
    """Of somebody who does not: another mail server."""

    chosen: Chosen
    kind: Kind

    def makeConnection(self, transport: Any) -> None:
        self._forwarding = Forwarding(self.kind, self.chosen, self._client, self._trace)
        self.delivery = ReceptionDelivery(self._forwarding)
        super().makeConnection(transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        spawn(self._forwarding.close(), "leaving a server behind")

    def _client(self) -> Client:
        its = peer(self.transport)
        return Client(
            address=self.address,
            peer=its,
            tls=self.startedTLS,
            client=self.session.helo,
            connection=self.turns.id,
            hops=its.hops,
        )

    def _trace(self, envelope: Envelope, protocol: str) -> bytes:
        return received(envelope, by=self.hostname, protocol=protocol, id=new_id(), now=self.clock.now())


def forwarding(
    settings: HandingSettings,
    assembly: Assembly,
    *,
    kind: Kind,
    ports: Ports,
    protocol: Protocol = "smtp",
    clients: Networks | None = None,
    socket_mode: int | None = None,
) -> MailService:
    """A service on which nobody logs in.  `clients` and `socket_mode` are those of `mail_service`."""
    chosen = Chosen(assembly, settings.upstream, settings.route)
    if not chosen:
        raise ValueError('nobody takes the mail; write "upstream = NAME" or "route = NAME"')
    its = limits(settings)
    return mail_service(
        settings,
        assembly,
        ports=ports,
        kind=Forwarder,
        full=FULL,
        facts={
            "host": assembly.hostname.encode(),
            "trusted": assembly.trusted.contains,
            "auth_offered": False,
            "chosen": chosen,
            "kind": kind,
            "behind": Behind(everywhere(assembly, chosen), kind, settings.without, its, protocol),
        },
        clients=clients,
        socket_mode=socket_mode,
    )


def everywhere(assembly: Assembly, chosen: Chosen) -> Callable[[], tuple[Upstream, ...]]:
    """The servers that clients of a service may come to: when the section names none, a directory does."""
    return lambda: chosen.possible or tuple(assembly.parts("upstream").values())
