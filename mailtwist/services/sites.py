"""Where this process speaks http:// anyhow, so that nothing else has to listen there."""

from collections.abc import Iterator
from dataclasses import dataclass

from mailtwist.config.network import LOOPBACK, Endpoint, Endpoints
from mailtwist.config.part import Assembly
from mailtwist.web.site import Site

LOCAL = frozenset(LOOPBACK)


@dataclass(frozen=True)
class Served:
    """The site of `[service:...]`, and where."""

    service: str
    places: Endpoints
    site: Site


class Sites:
    """Those that do not begin with TLS."""

    def __init__(self) -> None:
        self._served: list[Served] = []

    def add(self, service: str, places: Endpoints, site: Site) -> None:
        self._served.append(Served(service, places, site))

    def instead_of(self, place: Endpoint) -> Iterator[Served]:
        """On its port, on any address; but not where only this machine comes, unless nobody else is to come
        to `place`.  0 is no port that anybody else could mean."""
        for served in self._served:
            if place.port and any(_is_met(place, one) for one in served.places):
                yield served


def _is_met(place: Endpoint, one: Endpoint) -> bool:
    return place.port == one.port and (not set(one.hosts) <= LOCAL or set(place.hosts) <= LOCAL)


def the_sites(assembly: Assembly) -> Sites:
    return Sites()
