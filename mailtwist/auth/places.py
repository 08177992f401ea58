"""Where a client is: its address as everything compares it, and the network that counts as the same place."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

LOOPBACK = "127.0.0.0/24"
LATELY = 4096  # addresses that are not parsed again


@lru_cache(LATELY)
def client_of(address: str) -> str:
    """Who shares this is one client: an IPv4 address, or the /64 of an IPv6 one.  '' for what is no address
    (nobody is the same client then)."""
    parsed = _parsed(address)
    if parsed is None:
        return ""
    return str(ip_network((parsed, 32 if parsed.version == 4 else 64), strict=False))


@lru_cache(LATELY)
def network_of(address: str) -> str:
    """The network in which a saved string is honoured: /24, or /56 of IPv6.  A machine's own addresses of
    both families are one network.  '' for what is no address."""
    parsed = _parsed(address)
    if parsed is None:
        return ""
    if isinstance(parsed, IPv6Address) and parsed.is_loopback:
        return LOOPBACK
    return str(ip_network((parsed, 24 if parsed.version == 4 else 56), strict=False))


@lru_cache(LATELY)
def neighbourhood_of(address: str) -> str:
    """The network in which an attacker may have many addresses: /24, or /48 of IPv6.  '' for what is no
    address."""
    parsed = _parsed(address)
    if parsed is None:
        return ""
    return str(ip_network((parsed, 24 if parsed.version == 4 else 48), strict=False))


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed
