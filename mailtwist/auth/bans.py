"""Who is kept out by an admin: networks and accounts, for a while, from the next login on."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from mailtwist.auth.places import client_of
from mailtwist.kit.clock import Clock
from mailtwist.state.api import Durable
from mailtwist.state.records import Ban

LOOK_EVERY = 0.25

Network = IPv4Network | IPv6Network


class Bans:
    """The bans of the durable state.  Read again when the state has changed, and no oftener than four times a
    second."""

    def __init__(self, durable: Durable, clock: Clock) -> None:
        self._durable = durable
        self._clock = clock
        self._version: int | None = None
        self._looked = float("-inf")
        self._accounts: dict[str, Ban] = {}
        self._networks: dict[int, dict[Network, Ban]] = {4: {}, 6: {}}

    async def against(self, account: str, address: str) -> Ban | None:
        """The ban of the account, or of a network with the address in it; '' is nobody's."""
        await self._look()
        now = self._clock.now()
        found = [self._accounts.get(account), *self._around(address)]
        living = [ban for ban in found if ban is not None and ban.until > now]
        return max(living, key=lambda ban: ban.until, default=None)

    def _around(self, address: str) -> list[Ban | None]:
        """One look for each size of network, however many are banned."""
        client = client_of(address)
        if not client:
            return []
        net = ip_network(client)
        banned = self._networks[net.version]
        if not banned:
            return []
        return [banned.get(net.supernet(new_prefix=size)) for size in range(net.prefixlen + 1)]

    async def _look(self) -> None:
        seconds = self._clock.seconds()
        if seconds - self._looked < LOOK_EVERY:
            return
        version = self._durable.version()
        if version is not None and version == self._version:
            return
        self._looked = seconds
        bans = await self._durable.bans()
        self._version = version
        self._accounts = {ban.subject.partition(" ")[2]: ban for ban in bans if network_in(ban) is None}
        self._networks = {4: {}, 6: {}}
        for ban in bans:
            if (net := network_in(ban)) is not None:
                self._networks[net.version][net] = ban


def network_in(ban: Ban) -> Network | None:
    """The network that a ban is about; None when it is about an account."""
    kind, _, whom = ban.subject.partition(" ")
    if kind not in ("address", "network"):
        return None
    try:
        return ip_network(whom)
    except ValueError:
        return None


def subject_of(net: Network) -> str:
    """How a network is called in the list: one client's is an address."""
    whole = 32 if net.version == 4 else 64
    return f"{'address' if net.prefixlen >= whole else 'network'} {net}"


def covering(bans: Sequence[Ban], net: Network) -> Sequence[Ban]:
    """Those of networks that have all of `net` in them, `net` itself excepted."""
    return [
        ban
        for ban in bans
        if (found := network_in(ban)) is not None
        and found.version == net.version
        and found != net
        and net.subnet_of(found)  # type: ignore[arg-type]
    ]
