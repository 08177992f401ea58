"""A port for `[tls:...]` parts that prove their names by http-01, where no site of ours listens already."""

from collections.abc import Iterator, Mapping, Sequence

from mailtwist.config.network import Endpoint, Endpoints
from mailtwist.config.part import Assembly
from mailtwist.kit.events import Event
from mailtwist.kit.lock import is_taken
from mailtwist.kit.spawn import together
from mailtwist.services.http import http_service
from mailtwist.services.listen import CannotListen, bind
from mailtwist.services.service import MailService
from mailtwist.services.settings import ServiceSettings
from mailtwist.services.sites import the_sites
from mailtwist.web.api import AnswersHttp
from mailtwist.web.choosing import PROOFS, site

BOUND = Event("web.port_bound", "authorities that ask for proofs by http-01 are answered on {places}")
NO_PROOFS = (
    "{error}; authorities cannot ask for proofs by http-01 there, so that names have to be proved in another"
    ' way; if somebody else listens there for good, write "http_listen = none" in [tls:...]'
)
NOT_BOUND = Event("web.port_not_bound", NO_PROOFS, "warn")
NEEDS_PAGE = (
    '[service:{service}] listens on port {port}, where [tls:{source}] proves names; add "acme_challenge" to'
    ' its pages, or write "http_listen = none" in [tls:{source}]'
)


class Port80:
    """As many listeners as there are places; one that cannot be bound is told, and is no reason not to serve
    mail."""

    def __init__(self, listeners: Sequence[MailService]) -> None:
        self._listeners = tuple(listeners)
        self.bound: tuple[int, ...] = ()

    @property
    def wanted(self) -> bool:
        """Some source wants to be asked."""
        return bool(self._listeners)

    @property
    def places(self) -> list[str]:
        return [place for one in self._all() for place in one.places]

    def _all(self) -> Iterator[MailService]:
        return (self._listeners[index] for index in self.bound)

    def bind(self, workers: int = 1) -> None:
        for index, listener in enumerate(self._listeners):
            try:
                listener.bind(workers)
            except CannotListen as error:
                NOT_BOUND.log(error=str(error))
            else:
                self.bound += (index,)

    def adopt(self, other: "Port80", worker: int) -> None:
        self.bound = other.bound
        for mine, its in zip(self._all(), other._all(), strict=True):
            mine.adopt(its, worker)

    def withdraw(self) -> None:
        for listener in self._all():
            listener.withdraw()

    async def start(self) -> None:
        for listener in self._all():
            await listener.start()
        if places := self.places:
            BOUND.log(places=", ".join(places))

    async def stop(self) -> None:
        await together(*(listener.stop() for listener in self._all()))


def port_80(assembly: Assembly) -> Port80:
    """For all sources that want to be asked.  The services have been built."""
    return Port80([_listener(place, assembly) for place in _wanted(assembly)])


def not_free(assembly: Assembly) -> Sequence[tuple[str, str]]:
    """(section of [tls:...], sentence) for each place that cannot be bound; nothing stays bound.  While a
    server runs on the same state folder, places that are taken are taken to be its own.  ValueError as for
    `port_80`."""
    found = []
    for place, source in _wanted(assembly).items():
        try:
            for bound in bind(place):
                bound.close()
        except CannotListen as error:
            if not (error.in_use and is_taken(assembly.folder)):
                found.append((source, NO_PROOFS.format(error=error)))
    return found


def _wanted(assembly: Assembly) -> Mapping[Endpoint, str]:
    """Each place once, with the section that wants it, and none where a site of ours is.  ValueError when
    that site would know no proofs."""
    sites = assembly.one(the_sites)
    wanted: dict[Endpoint, str] = {}
    for name, source in assembly.parts("tls").items():
        for place in source.http_listen if isinstance(source, AnswersHttp) else ():
            served = list(sites.instead_of(place))
            for one in served:
                if all(page.name != PROOFS for page in one.site.pages):
                    raise ValueError(NEEDS_PAGE.format(service=one.service, port=place.port, source=name))
            if not served:
                wanted.setdefault(place, name)
    return wanted


def _listener(place: Endpoint, assembly: Assembly) -> MailService:
    """With the usual limits of a service."""
    pages = site((PROOFS, "redirect"), assembly)
    return http_service(ServiceSettings(listen=Endpoints([place])), assembly, pages)
