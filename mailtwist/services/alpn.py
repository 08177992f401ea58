"""One port for everything: clients say by ALPN whether they speak IMAP, SMTP, POP3 or HTTP.  rfc7301"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from twisted.internet.interfaces import IDelayedCall, IHandshakeListener
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import Names, PartName
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.ids import new_id
from mailtwist.services.door import PATIENCE_FOR_A_HANDSHAKE, Door, Visitor
from mailtwist.services.service import MailService
from mailtwist.services.settings import ServiceSettings, free, mail_service

PORTS = (443, 443)

WITHOUT_A_WORD = Event(
    "alpn.without_a_word", "{service}: {address} does not say what it speaks and is refused", "debug"
)


@dataclass(frozen=True)
class Settings(ServiceSettings):
    """One port for several services. Each is told from the others by what its clients say in ALPN: `imap`,
    `smtp`, `pop3`, `managesieve`, `http/1.1`."""

    tls: Annotated[str, PartName("tls")] = setting(words="The certificates.")
    tls_mode: Literal["implicit"] = setting("implicit", words="A connection begins with TLS.")
    services: Annotated[Names, PartName("service")] = setting(
        words="The services that are reached here; they have ports of their own too, or `listen = none`.",
        example="imaps, submissions, web",
    )
    default: Annotated[str | None, PartName("service")] = setting(
        None,
        words="The service of clients that use no ALPN; by default they are refused.",
    )


@implementer(IHandshakeListener)
class Undecided(Visitor, TwistedProtocol):
    """A connection until its handshake is done.  It is a visitor of the service then that it has asked for,
    as if it had come there."""

    alpn: tuple[bytes, ...]
    doors: Mapping[bytes, Door]
    default: Door | None
    clock: Clock
    _late: IDelayedCall | None = None

    def __init__(self) -> None:
        self.visit = new_id()  # type: ignore[misc]

    @property
    def said_goodbye(self) -> bool:
        return False

    def finish(self) -> None:
        self.transport.abortConnection()

    def connectionMade(self) -> None:
        self._late = self.clock.later(PATIENCE_FOR_A_HANDSHAKE, self.transport.abortConnection)

    def handshakeCompleted(self) -> None:
        tls: Any = self.transport
        word = tls.negotiatedProtocol
        chosen = self.default if word is None else self.doors[word]
        if chosen is None:
            WITHOUT_A_WORD.log(service=self.service, address=self.address)
            tls.loseConnection()
            return
        self._no_longer()
        super().connectionLost()
        inner = chosen.buildProtocol(tls.getPeer())
        tls.wrappedProtocol = inner
        inner.makeConnection(tls)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._no_longer()
        super().connectionLost(reason)

    def _no_longer(self) -> None:
        if self._late is not None and self._late.active():
            self._late.cancel()


def build(settings: Settings, assembly: Assembly) -> MailService:
    doors: dict[bytes, Door] = {}
    for name in settings.services:
        service = _reached("services", name, assembly)
        for word in service.alpn:
            if word in doors:
                spoken = word.decode("ascii", "replace")
                raise ValueError(
                    f'services: clients ask for two of them by "{spoken}"; leave out [service:{name}]'
                )
            doors[word] = service.door
    default = None if settings.default is None else _reached("default", settings.default, assembly).door
    made = mail_service(
        settings,
        assembly,
        ports=PORTS,
        kind=Undecided,
        full=b"",
        facts={"alpn": tuple(doors), "doors": doors, "default": default},
    )
    made.leads_to = frozenset({*settings.services, settings.default or ""})
    return made


def _reached(setting: str, name: str, assembly: Assembly) -> Any:
    """A service that speaks something; another one of this type does not."""
    service = assembly.part("service", name)
    if not getattr(service, "alpn", ()):
        raise ValueError(f"{setting}: nobody asks for [service:{name}] by ALPN; leave it out")
    return service


part = Part(Settings, build, free(PORTS))
