"""Where this process speaks http:// anyhow, so that nothing else has to listen there."""

from collections.abc import Iterator
from dataclasses import dataclass

from mailtwist.config.network import Endpoints
from mailtwist.config.part import Assembly
from mailtwist.web.site import Site


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

    def on_port(self, port: int) -> Iterator[Served]:
        """On any address; 0 is no port that anybody else could mean."""
        for served in self._served:
            if port and any(place.port == port for place in served.places):
                yield served


def the_sites(assembly: Assembly) -> Sites:
    return Sites()
