"""From which networks clients come that send no server name, or one that is not here (QQ, old Outlooks)."""

from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address, ip_network

from mailtwist.kit.clock import Clock, process_clock
from mailtwist.kit.events import Event
from mailtwist.tls.table import Found

WITHOUT_NAME = Event(
    "tls.clients_without_name",
    "{service}: clients from {network} send no server name and {answer} ({count} so far)",
)

MOST_NETWORKS = 1024
"""That are remembered: who was not seen for longest is forgotten."""

MOST_TOLD = 50
"""Networks that the log names in a day."""

DAY = 86400.0


@dataclass(slots=True)
class Network:
    """`name` is a prefix: /24 of IPv4, /48 of IPv6; the times are seconds since 1970."""

    name: str
    missing: int = 0
    unknown: int = 0
    first: float = 0.0
    last: float = 0.0
    example: str = ""
    """A name that was asked for and is not here."""

    told: float = field(default=-DAY, repr=False)


class Nameless:
    """Counts them; the log hears of each network once a day."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or process_clock()
        self._networks: dict[str, Network] = {}
        self._day = self._told = 0

    @property
    def networks(self) -> list[Network]:
        """Who came last is first."""
        return list(reversed(self._networks.values()))

    def came(self, found: Found, address: str, asked: bytes | None, service: str, answer: str) -> None:
        """One more; `answer` is what happened then, for the log."""
        name, now = network_of(address), self._clock.now()
        network = self._networks.pop(name, None) or Network(name, first=now)
        self._networks[name] = network
        if len(self._networks) > MOST_NETWORKS:
            del self._networks[next(iter(self._networks))]
        network.last = now
        if found == "missing":
            network.missing += 1
            self._tell(network, now, service, answer)
        else:
            network.unknown += 1
            network.example = (asked or b"")[:253].decode("ascii", "replace")

    def _tell(self, network: Network, now: float, service: str, answer: str) -> None:
        if int(now // DAY) != self._day:
            self._day, self._told = int(now // DAY), 0
        if now - network.told >= DAY and self._told < MOST_TOLD:
            network.told = now
            self._told += 1
            WITHOUT_NAME.log(service=service, network=network.name, answer=answer, count=network.missing)


@lru_cache(4096)
def network_of(address: str) -> str:
    """'' for who has none: the client of a Unix socket."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return str(ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))
