"""What all mail services let an operator choose."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from mailtwist.auth.checker import takes_tokens
from mailtwist.config.network import Endpoint, Endpoints, Networks
from mailtwist.config.part import Assembly, installed
from mailtwist.config.problems import hint, shown
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, Names, PartName
from mailtwist.kit.lock import is_taken
from mailtwist.services.door import Door, Visitor
from mailtwist.services.limits import Connections
from mailtwist.services.listen import CannotListen, bind
from mailtwist.services.service import MailService
from mailtwist.tls.listener import Answer, Policy

NOBODY_COMES = "nobody can reach it; leave that out, or name it in the services of one of type alpn"
Ports = tuple[int, int]
"""The well-known ones of a service: with STARTTLS, and with TLS from the start."""


@dataclass(frozen=True)
class ServiceSettings:
    """The settings of every service."""

    listen: Endpoints | None = setting(
        None,
        words="Where to listen; by default the service's own port on all addresses. `none`: it is reached"
        " through a service of type alpn only.",
        example="127.0.0.1:1430, [::1]:1430",
    )
    tls: Annotated[str | None, PartName("tls")] = setting(
        None, words="The certificates; without any, there is no TLS and only trusted networks can log in."
    )
    tls_mode: Literal["starttls", "implicit"] = setting(
        "starttls", words="Whether a connection asks for TLS, or begins with it."
    )
    sni_missing: Answer = setting(
        "default",
        words="What clients hear that ask for no server name, as QQ's and some of Outlook's do: the default"
        " certificate, or that they are refused.",
    )
    sni_unknown: Answer = setting(
        "default",
        words="What clients hear that ask for a name of which no certificate is here: the same choice.",
    )
    alpn: Literal["strict", "lenient"] | None = setting(
        None,
        words="Whether clients that ask by ALPN for another protocol are refused. By default they are where"
        " TLS begins the connection (rfc7301#3.2), but other mail servers never.",
    )
    session_tickets: bool | None = setting(
        None,
        words="Whether clients may resume a TLS session by a ticket, unless [tls:...] forbids it; by default"
        " other mail servers may not: some of Microsoft's do not come back from it.",
    )
    connections: Annotated[int, AtLeast(1)] = setting(10_000, words="Connections in all.")
    connections_per_address: Annotated[int, AtLeast(1)] = setting(
        250, words="Connections of one IPv4 address or one IPv6 /64; trusted networks have no limit."
    )
    connections_per_network: Annotated[int, AtLeast(1)] = setting(
        1_000, words="Connections of one IPv4 /24 or one IPv6 /48; trusted networks have no limit."
    )
    proxy_protocol: Networks = setting(
        Networks(),
        words="Proxies in front (HAProxy, a cloud's load balancer) whose connections begin with a PROXY"
        " header, version 1 or 2, which tells who the client is. Then nobody else may connect here: write"
        " another service for those who come by themselves.",
        example="192.0.2.10, 2001:db8::10",
    )
    proxy_protocol_tls: bool = setting(
        False,
        words="Whether a client counts as encrypted when the proxy says that it speaks TLS; the way from"
        " there to here has to be safe.",
    )

    between_servers: ClassVar[bool] = False
    """Clients are other mail servers, which nobody can set up."""

    def __post_init__(self) -> None:
        if self.between_servers and self.alpn == "strict":
            raise ValueError("alpn: other mail servers come without it or with anything; leave it out")
        if any(network.prefixlen == 0 for network in self.proxy_protocol):
            raise ValueError(
                "proxy_protocol: anybody could say that he is somebody else; write the proxies' own addresses"
            )
        if self.proxy_protocol_tls and not self.proxy_protocol:
            raise ValueError('"proxy_protocol_tls = yes" needs "proxy_protocol", the addresses of proxies')
        if self.tls_mode == "implicit" and self.tls is None:
            raise ValueError('"tls_mode = implicit" needs certificates; write "tls = NAME" and [tls:NAME]')

    @property
    def implicit(self) -> bool:
        return self.tls_mode == "implicit"

    @property
    def policy(self) -> Policy:
        """How hellos are answered."""
        known = not self.between_servers
        return Policy(
            missing=self.sni_missing,
            unknown=self.sni_unknown,
            strict=(self.alpn == "strict") if self.alpn else (self.implicit and known),
            tickets=known if self.session_tickets is None else self.session_tickets,
        )


def known(group: str, without: Names) -> Names:
    """`without`, all of which is installed in the group; ValueError says what is not."""
    there = installed(group)
    for name in without:
        if name not in there:
            raise ValueError(f'without: no extension "{shown(name)}" is installed{hint(name, there)}')
    return without


def places(settings: ServiceSettings, ports: Ports) -> Endpoints:
    """Where to listen."""
    if settings.listen is None:
        return Endpoints([Endpoint("", ports[settings.implicit])])
    return settings.listen


def free(ports: Ports) -> Callable[[Any, Assembly], Awaitable[list[tuple[str, str]]]]:
    """A part's `check`: its ports can be bound.  While a server runs on the same state folder, ports that are
    taken are taken to be its own."""

    async def check(settings: ServiceSettings, assembly: Assembly) -> list[tuple[str, str]]:
        problems = []
        if not places(settings, ports) and not _is_led_to(assembly):
            problems.append(("listen", NOBODY_COMES))
        for place in places(settings, ports):
            try:
                for bound in bind(place):
                    bound.close()
            except CannotListen as error:
                if not (error.in_use and is_taken(assembly.folder)):
                    problems.append(("listen", str(error)))
        return problems

    return check


def _is_led_to(assembly: Assembly) -> bool:
    services = assembly.parts("service").values()
    return any(assembly.name in getattr(one, "leads_to", ()) for one in services)


def _listener(settings: ServiceSettings, assembly: Assembly, alpn: Sequence[bytes]) -> Any:
    """For TLS.  A third party's context factory, which knows no listeners, is taken as it is."""
    if settings.tls is None:
        return None
    contexts = assembly.part("tls", settings.tls)
    if hasattr(contexts, "listener"):
        return contexts.listener(settings.policy, assembly.name, alpn)
    if settings.policy.rejects:
        raise ValueError(f"sni_missing and sni_unknown: [tls:{settings.tls}] cannot do that; leave them out")
    return contexts


def mail_service(
    settings: ServiceSettings,
    assembly: Assembly,
    *,
    ports: Ports,
    kind: type[Visitor],
    full: bytes,
    facts: dict[str, Any],
    clients: Networks | None = None,
    socket_mode: int | None = None,
) -> MailService:
    """A service whose servers are of `kind`, each with `facts` as attributes; `full` is what one client too
    many hears.  `clients` are the networks that may connect, None is any; `socket_mode` says who may open its
    Unix sockets, None is who the umask says."""
    alpn = getattr(kind, "alpn", ())
    listener = _listener(settings, assembly, facts.get("alpn", alpn))
    implicit = listener if settings.implicit else None
    offered = None if settings.implicit else listener

    ours = {"ctx": offered, "takes_tokens": takes_tokens(assembly)}

    def make() -> Visitor:
        made = kind()
        for name, value in {**ours, **facts}.items():
            setattr(made, name, value)
        return made

    connections = Connections(
        settings.connections_per_address, settings.connections_per_network, settings.connections
    )
    allowed = None if clients is None else Networks((*clients, *assembly.trusted))
    door = Door(assembly.name, make, connections, full, assembly.trusted, assembly.clock, allowed)
    service = MailService(places(settings, ports), door, implicit, socket_mode, alpn)
    if settings.proxy_protocol:
        service.stand_behind(
            settings.proxy_protocol, assembly.clock, settings.proxy_protocol_tls, settings.connections
        )
    return service
