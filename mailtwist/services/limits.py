"""How many connections one address, one network and everybody together may hold."""

from collections import Counter
from ipaddress import IPv4Address, ip_address, ip_network

from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event


class Connections:
    """Counts connections by address and by prefix: /24 for IPv4, /48 for IPv6, where one address is a /64.

    Whoever was let in by `enter` must `leave`.  Addresses are plain (`listen.plain`); a Unix socket's peer
    has none and counts towards the total only.
    """

    def __init__(self, per_address: int, per_prefix: int, total: int) -> None:
        self._limits = {"=": per_address, "/": per_prefix, "": total}
        self._held: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """There is room, and it is taken; False changes nothing."""
        keys = _keys(address)
        if any(self._held[key] >= self._limits[key[:1]] for key in keys):
            return False
        self._held.update(keys)
        return True

    def leave(self, address: str) -> None:
        for key in _keys(address):
            self._held[key] -= 1
            if self._held[key] <= 0:
                del self._held[key]

    def __len__(self) -> int:
        return self._held[""]


class Refusals:
    """What the log hears of those who are refused: once a second, so that a flood does not fill it."""

    def __init__(self, service: str, clock: Clock) -> None:
        self._service = service
        self._clock = clock
        self._count = 0
        self._quiet_until = 0.0

    def tell(self, event: Event, address: str, **facts: object) -> None:
        """`event` has the last of them, and `count`, how many there were."""
        self._count += 1
        now = self._clock.seconds()
        if now >= self._quiet_until:
            event.log(service=self._service, address=address, count=self._count, **facts)
            self._count, self._quiet_until = 0, now + 1


def _keys(address: str) -> tuple[str, ...]:
    try:
        parsed = ip_address(address)
    except ValueError:
        return ("",)
    near, far = (32, 24) if isinstance(parsed, IPv4Address) else (64, 48)
    return f"={ip_network((parsed, near), strict=False)}", f"/{ip_network((parsed, far), strict=False)}", ""
