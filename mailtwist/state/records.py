"""What must last and what is shared, as records: tokens, devices, networks, used codes."""

from dataclasses import dataclass, field
from enum import Enum


class Use(Enum):
    """What became of a code: used now, used by the same client a moment ago, or long gone."""

    NEW = "new"
    JOINED = "joined"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Token:
    """Something an account makes codes with.  `sealed` is its seed, encrypted (`state.keys`); `drift` is how
    many steps its clock is ahead; it counts only once it is `active`."""

    id: str
    account: str
    kind: str
    sealed: bytes = field(repr=False)
    key_version: int
    created: float
    label: str = ""
    digits: int = 6
    period: int = 30
    algorithm: str = "SHA1"
    drift: int = 0
    active: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    """A network in which a device's string is honoured: `192.0.2.0/24`, with the first and last login."""

    net: str
    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Device:
    """A string that passed the second factor once and is honoured again where it was learned.  `lookup` is a
    keyed hash of it; times are seconds since 1970; no `protocols` means all.  A revoked device stays for a
    while, so that who still polls with its string is known."""

    id: str
    account: str
    kind: str
    lookup: bytes = field(repr=False)
    key_version: int
    created: float
    last_used: float
    expires_at: float
    idle: float
    last_address: str = ""
    networks: tuple[Network, ...] = ()
    protocols: tuple[str, ...] = ()
    client: str = ""
    label: str = ""
    uses: int = 1
    revoked_at: float | None = None

    def alive(self, now: float) -> bool:
        """Neither revoked, nor expired, nor idle for too long."""
        return self.revoked_at is None and now < min(self.expires_at, self.last_used + self.idle)

    def knows(self, net: str) -> bool:
        return any(network.net == net for network in self.networks)
