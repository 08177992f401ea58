"""Certificates that come by themselves: ordered at Let's Encrypt or others, renewed, and swapped in."""

from collections.abc import Collection, Iterable, Sequence
from random import random
from typing import Any, Protocol, runtime_checkable

from twisted.internet.defer import Deferred, DeferredLock

from mailtwist.config.authority import AuthoritySettings, authority
from mailtwist.config.dns import the_dns
from mailtwist.config.domain import DomainSettings
from mailtwist.config.network import Endpoints
from mailtwist.config.part import Assembly, Part, installed
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.acme import http01
from mailtwist.tls.acme.api import Solver
from mailtwist.tls.acme.authorities import KnownAuthority
from mailtwist.tls.acme.folder import FolderStore
from mailtwist.tls.acme.keys import Keys, kinds_of
from mailtwist.tls.acme.published import Published
from mailtwist.tls.acme.renewal import Renewal
from mailtwist.tls.acme.settings import Settings, kinds_tried, troubles
from mailtwist.tls.acme.shelf import Shelf
from mailtwist.tls.acme.strangers import least
from mailtwist.tls.acme.tls_alpn01 import Shown
from mailtwist.tls.acme.trying import Trying
from mailtwist.tls.acme.wanted import PointsHere, WantedNames
from mailtwist.tls.acme.wishes import Leaves, Takes
from mailtwist.tls.certificates import BadCertificate, Bundle
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.names import covers
from mailtwist.tls.own import bootstrap
from mailtwist.tls.own_listeners import OwnListeners

SWAPPED = Event("tls.swapped", "{section}: from now on {names} is served with a new certificate")
BOOTSTRAP = Event(
    "tls.bootstrap",
    "{section}: until there is a certificate for {name}, one of our own making is shown",
    "warn",
)
NOT_SWAPPED = Event("tls.not_swapped", "{section}: the certificates stay as they are: {words}", "error")
HTTPS = 443


@runtime_checkable
class KnowsDomains(Protocol):
    """A directory that knows whose mail is here."""

    async def domains(self) -> Collection[str]: ...


class AcmeCertificates(ServerContexts):
    """A context factory whose certificates are ordered when they are missing or due.

    A server process follows the store; the first one of all workers orders, too.  In a process that was not
    told to `bind`, as commands are, nothing is ordered by itself: there `renewal` does what it is asked, and
    the proofs lie in the store, from where a server beside it shows them."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        """ValueError when an authority is none."""
        default = settings.default_name or assembly.hostname
        super().__init__(default, settings.session_tickets, assembly.clock)
        self.section = f"[tls:{assembly.name}]"
        self.http_listen: Endpoints = settings.http_listen
        self.settings = self._settings = settings
        self._assembly = assembly
        folder = assembly.folder / "tls" / assembly.name
        self.store = FolderStore(folder, assembly.files, assembly.clock, assembly.threads)
        self.authorities = [self._authority(word) for word in settings.authorities]
        self._shelf = Shelf(self.store, assembly.threads)
        self._shown = Shown(self.store, self)
        self._own = OwnListeners(self, self.section, assembly.clock)
        self._bootstrap: Bundle | None = None
        self._knowing: Sequence[object] = ()
        self._one = DeferredLock()
        self._waiting = self.serves = self._orders = False
        self._end: Any = None
        self._wishes: Leaves | Takes | None = None
        self._following: Deferred[object] | None = None
        self.renewal: Renewal
        """There from `start` on."""

    def _authority(self, word: str) -> KnownAuthority:
        settings, assembly = self._settings, self._assembly
        contact = [settings.email] if settings.email else []
        return KnownAuthority(
            word,
            authority(word, assembly.several(AuthoritySettings)),
            contact,
            settings.agree_to_terms,
            self.store,
            assembly.clock,
            assembly.threads,
            assembly.one(the_dns),
        )

    # -- a server's process
    def bind(self, workers: int = 1) -> None:
        """This process serves."""
        self.serves = True

    def adopt(self, other: object, worker: int) -> None:
        self.serves = True

    def withdraw(self) -> None: ...

    def unbind(self) -> None: ...

    async def http_proof(self, token: str) -> bytes | None:
        return await http01.shown(self.store, token)

    # -- its life
    async def start(self) -> None:
        """`StateAway` when the folder cannot be used.  What is in the store is served, and a certificate of
        our own making where that is not enough."""
        from twisted.internet import reactor

        self._orders = self.serves and self._assembly.first
        await self.store.start(reactor if self.serves else None)
        self._knowing = [
            part for room in ("directory", "target") for part in self._assembly.parts(room).values()
        ]
        self.renewal = self._renewal()
        await self._follow()
        if self.serves:
            self._end = self.store.listen(self._changed)
            self._shown.start()
        if self._orders:
            await self.renewal.start()
            self._wishes = Takes(self.store, self.renewal.asked)
        elif self.serves:
            self._wishes = Leaves(self.store, self._assembly.clock, self.renewal.wanted.allowed)
        if self._wishes is not None:
            self.asked = self._wishes.asked

    async def stop(self) -> None:
        self.asked = None
        if self._wishes is not None:
            self._wishes.stop()
            self._wishes = None
        if self._end is not None:
            self._end()
            self._end = None
        if self._following is not None:
            self._following.cancel()
        self._shown.stop()
        self._own.stop()
        if hasattr(self, "renewal"):
            await self.renewal.stop()
        for one in self.authorities:
            await one.stop()
        await self.store.stop()

    async def reload(self) -> None:
        """What somebody else has put there counts, and which names point here is looked up again."""
        await self._follow()
        self.renewal.look_soon()

    def _renewal(self) -> Renewal:
        settings, assembly = self._settings, self._assembly
        dns = assembly.one(the_dns)
        points = PointsHere(dns, assembly.hostname, settings.addresses)
        wanted = WantedNames(
            assembly.hostname,
            settings.names,
            settings.domain_names,
            self._domains,
            settings.on_demand,
            points,
        )
        trying = Trying(self.authorities, self._solvers(), assembly.clock)
        keys = Keys(settings.key_policy, self.store, assembly.threads, Published(dns))
        kinds = kinds_of(settings.key)
        return Renewal(
            self.store,
            assembly.clock,
            self._shelf,
            trying,
            keys,
            kinds,
            wanted,
            self.default_name,
            self.section,
            random,
            least(one.settings.certificates for one in self.authorities),
        )

    def _solvers(self) -> Sequence[Solver]:
        points = installed("mailtwist.challenge")
        kinds = kinds_tried(self._settings, not self.serves or self._is_on(HTTPS))
        return [points[kind].load()(self._settings, self._assembly, self) for kind in kinds if kind in points]

    def _is_on(self, port: int) -> bool:
        services = self._assembly.parts("service").values()
        return any(port in getattr(service, "ports", ()) for service in services)

    async def _domains(self) -> Collection[str]:
        found = set(self._assembly.several(DomainSettings))
        for part in self._knowing:
            if isinstance(part, KnowsDomains):
                found.update(await part.domains())
        return found

    # -- what is served
    def _changed(self) -> None:
        if not self._waiting:
            self._waiting = True
            self._following = spawn(self._follow(), "serving what has changed")

    async def _follow(self) -> None:
        """What is in the store is served; while it cannot be read, what was served stays."""
        await self._one.acquire()
        self._waiting = False
        try:
            kept = [its.bundle for its in (await self._shelf.all()).values()]
            await self._serve(kept)
        except BadCertificate as bad:
            NOT_SWAPPED.log(section=self.section, words=bad.words)
        except Trouble as error:
            if not self.bundles:
                raise
            NOT_SWAPPED.log(section=self.section, words=error.detail or str(error))
        finally:
            self._one.release()

    async def _serve(self, kept: Sequence[Bundle]) -> None:
        served = set(map(id, self.bundles))
        new = [bundle for bundle in kept if id(bundle) not in served]
        if self.bundles and not new and len(kept) == len(_real(self.bundles)):
            return
        await self.change([*kept, *await self._until_then(kept)])
        for bundle in new:
            SWAPPED.log(section=self.section, names=", ".join(bundle.names))
        self._own.look(new)

    async def _until_then(self, kept: Sequence[Bundle]) -> Sequence[Bundle]:
        """What is shown by default while there is nothing better."""
        if any(covers(bundle.names, self.default_name) for bundle in kept):
            return ()
        if self._bootstrap is None:
            names = [self.default_name]
            self._bootstrap = await self._assembly.threads.run(bootstrap, names, self._clock.now())
            BOOTSTRAP.log(section=self.section, name=self.default_name)
        return (self._bootstrap,)


def _real(bundles: Iterable[Bundle]) -> list[Bundle]:
    return [bundle for bundle in bundles if not bundle.bootstrap]


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """What can be told without asking anybody."""
    return list(troubles(settings, assembly.hostname, assembly.several(AuthoritySettings)))


part = Part(Settings, AcmeCertificates, check)
