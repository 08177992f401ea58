"""Certificates of txacme: any of its stores is read, and its service can issue them (`mailtwist[txacme]`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.interfaces import IDelayedCall

from mailtwist.config.authority import AuthoritySettings, authority
from mailtwist.config.network import Endpoints
from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, Duration
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.acme.api import Solver
from mailtwist.tls.acme.authorities import KnownAuthority
from mailtwist.tls.acme.folder import FolderStore
from mailtwist.tls.acme.http01 import Http01, shown
from mailtwist.tls.acme.tls_alpn01 import Shown, TlsAlpn01
from mailtwist.tls.certificates import BadCertificate, Bundle, read_bundle
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.ending import Ending
from mailtwist.tls.names import ServerName, ServerNames, covers, server_name
from mailtwist.tls.own import bootstrap
from mailtwist.tls.txacme.issuing import Issuing
from mailtwist.tls.txacme.store import PrivateStore, named, texts_of

SERVED = Event("tls.txacme_served", "{section}: certificate for {names}, valid until {until}")
NOT_SERVED = Event(
    "tls.txacme_not_served", "{section}: {name} in txacme's store is not served: {words}", "error"
)
NOT_READ = Event("tls.txacme_not_read", "{section}: txacme's store cannot be read: {error}", "error")

LOOK_EVERY = 60.0
"""Seconds: a store tells nobody that it has changed."""
WITHOUT = "txacme is not installed; write: pip install 'mailtwist[txacme]'"
WITHOUT_AGREEING = (
    "an account is made for that; read the terms of the authority and write agree_to_terms = yes"
)
FOREIGN = "a store of somebody else's has no names to wait for; write a folder, or leave `names` away"


@dataclass(frozen=True)
class Settings:
    """Certificates of txacme."""

    store: str = setting(
        "txacme",
        words="A folder (without a slash before it: below the state folder) as txacme's DirectoryStore fills"
        " one, or `module:name`, a certificate store of txacme or what makes one.",
    )
    names: ServerNames = setting(
        ServerNames(),
        words="Names that txacme's service gets certificates for, one for each; by default the store is only"
        " read. `type = acme` does that better.",
    )
    email: str = setting("", words="Whom the authority may write to.", example="postmaster@example.org")
    agree_to_terms: bool = setting(False, words="You have read the terms of the authority and agree to them.")
    authority: str = setting(
        "letsencrypt", words="Who issues: a word that everybody knows, or the name of an [authority:...]."
    )
    challenge: Literal["http-01", "tls-alpn-01"] = setting(
        "http-01", words="How a name is proven: at our port 80, or at our port 443."
    )
    http_listen: Endpoints = setting(
        Endpoints.parse(":80"),
        words="Where http-01 is answered; `none` where a site of ours does that.",
    )
    check_every: Annotated[Duration, AtLeast(60)] = setting(
        Duration.parse("1 d"), words="How often txacme's service looks which certificates end soon."
    )
    default_name: ServerName = setting(
        ServerName(""),
        words="The name whose certificate is shown to clients that ask for none, or for one that is not here;"
        " by default the first of `names`, or else the first that is in the store.",
    )
    session_tickets: bool = setting(True, words="Clients may resume a TLS session by a ticket.")


class TxacmeCertificates(ServerContexts):
    """A context factory whose certificates are in a store of txacme.  Until there is one for the default name
    and for `names`, one of our own making is shown."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        default = settings.default_name or next(iter(settings.names), "")
        super().__init__(default, settings.session_tickets, assembly.clock)
        self._settings = settings
        self._assembly = assembly
        self._section = f"[tls:{assembly.name}]"
        self._store: Any = None
        self._known: dict[str, Bundle] = {}
        self._told: dict[str, str] = {}
        self._bootstrap: tuple[Bundle, ...] = ()
        self._ending = Ending(self._section)
        self._next: IDelayedCall | None = None
        self._looking: Deferred[object] | None = None
        self._one = DeferredLock()
        self._issuing: _Issues | None = None

    async def start(self) -> None:
        """`BadCertificate` when the store is none."""
        self._store = opened(self._settings, self._assembly, self._look)
        await self._take_over()
        self._look_later()
        if self._settings.names:
            self._issuing = _Issues(self._settings, self._assembly, self, self._store)
            await self._issuing.start()

    async def stop(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()
        if self._looking is not None:
            self._looking.cancel()
        if self._issuing is not None:
            await self._issuing.stop()

    async def reload(self) -> None:
        """What is in the store now."""
        await self._take_over()

    # -- http-01
    @property
    def http_listen(self) -> Endpoints:
        wanted = self._settings.names and self._settings.challenge == "http-01"
        return self._settings.http_listen if wanted else Endpoints()

    async def http_proof(self, token: str) -> bytes | None:
        return await shown(self._issuing.proofs, token) if self._issuing is not None else None

    # -- what is in the store
    def _look_later(self) -> None:
        self._next = self._assembly.clock.later(LOOK_EVERY, self._look_again)

    def _look_again(self) -> None:
        self._look_later()
        self._look()

    def _look(self) -> None:
        self._looking = spawn(self._take_over(), "reading txacme's store")

    async def _take_over(self) -> None:
        """What can be served is; of what cannot be, the old one stays."""
        await self._one.acquire()
        try:
            texts = await texts_of(self._store)
            found = await self._assembly.threads.run(_bundles, texts)
            await self._serve(found)
        except Trouble as error:
            NOT_READ.log(section=self._section, error=error.detail or error.public)
        except Exception as error:  # a store is anybody's code
            NOT_READ.log(section=self._section, error=f"{type(error).__name__}: {error}")
        finally:
            self._one.release()
        if not self.bundles:
            self.serve(await self._self_made(()))
        self._ending.look(self.bundles, self._assembly.clock.now())

    async def _serve(self, found: Mapping[str, Bundle | BadCertificate]) -> None:
        new = {
            name: one for name, one in found.items() if isinstance(one, Bundle) and self._is_new(name, one)
        }
        self._tell({name: one.words for name, one in found.items() if isinstance(one, BadCertificate)})
        gone = self._known.keys() - found.keys()
        if not new and not gone and self.bundles:
            return
        known = {name: one for name, one in self._known.items() if name in found} | new
        await self.change([*known.values(), *await self._self_made(tuple(known.values()))])
        self._known = known
        for bundle in new.values():
            SERVED.log(section=self._section, names=", ".join(bundle.names), until=bundle.until)

    def _is_new(self, name: str, bundle: Bundle) -> bool:
        """Something else than is served; and what is no good now comes in place of nothing only."""
        known = self._known.get(name)
        if known is None:
            return True
        return bundle.contents != known.contents and not bundle.troubles(self._assembly.clock.now())

    def _tell(self, words: dict[str, str]) -> None:
        """Each trouble once."""
        for name in words:
            if self._told.get(name) != words[name]:
                NOT_SERVED.log(section=self._section, name=name, words=words[name])
        self._told = words

    async def _self_made(self, real: Sequence[Bundle]) -> tuple[Bundle, ...]:
        """For the names that must be there and are not."""
        wanted = dict.fromkeys([*self._settings.names, *([self.default_name] if self.default_name else [])])
        names = [name for name in wanted if not any(covers(one.names, name) for one in real)]
        if not names and not real:
            names = [_host_name(self._assembly.hostname)]
        if not names:
            return ()
        if [one.names for one in self._bootstrap] != [tuple(names)]:
            made = await self._assembly.threads.run(bootstrap, names, self._assembly.clock.now())
            self._bootstrap = (made,)
        return self._bootstrap


class _Issues:
    """txacme's service at work for one section: in the first of several processes; all show its proofs."""

    def __init__(
        self, settings: Settings, assembly: Assembly, contexts: TxacmeCertificates, store: Any
    ) -> None:
        clock, threads = assembly.clock, assembly.threads
        folder = assembly.folder / "tls" / f"{assembly.name}-txacme"
        self.proofs = FolderStore(folder, assembly.files, clock, threads)
        self._shown = Shown(self.proofs, contexts)
        self._issuing: Issuing | None = None
        if assembly.first:
            known = authority(settings.authority, assembly.several(AuthoritySettings))
            contact = [settings.email] if settings.email else []
            account = KnownAuthority(
                settings.authority, known, contact, settings.agree_to_terms, self.proofs, clock, threads
            )
            solver: Solver = Http01(self.proofs, clock)
            if settings.challenge == "tls-alpn-01":
                solver = TlsAlpn01(self.proofs, contexts, clock, threads)
            section = f"[tls:{assembly.name}]"
            self._issuing = Issuing(section, store, account, [solver], settings.check_every)

    async def start(self) -> None:
        from twisted.internet import reactor

        await self.proofs.start(reactor)
        self._shown.start()
        if self._issuing is not None:
            self._issuing.start(reactor)

    async def stop(self) -> None:
        if self._issuing is not None:
            await self._issuing.stop()
        self._shown.stop()
        await self.proofs.stop()


def opened(settings: Settings, assembly: Assembly, stored: Any = lambda: None) -> Any:
    """The store.  `BadCertificate` with a sentence."""
    if find_spec("txacme") is None or find_spec("pem") is None:
        raise BadCertificate("store", WITHOUT)
    if ":" not in settings.store or "/" in settings.store:
        folder = assembly.folder / settings.store
        return PrivateStore(folder, assembly.files, assembly.threads, settings.names, stored)
    if settings.names:
        raise BadCertificate("names", FOREIGN)
    try:
        return named(settings.store)
    except ValueError as error:
        raise BadCertificate("store", str(error))


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """txacme is there, and so are the store and the authority."""
    problems = []
    try:
        opened(settings, assembly)
    except BadCertificate as bad:
        problems.append((bad.setting, bad.words))
    if settings.names and not settings.agree_to_terms:
        problems.append(("agree_to_terms", WITHOUT_AGREEING))
    try:
        authority(settings.authority, assembly.several(AuthoritySettings))
    except ValueError as error:
        problems.append(("authority", str(error)))
    return problems


def _bundles(texts: Mapping[str, bytes]) -> dict[str, Bundle | BadCertificate]:
    """In a thread.  Names are those in the certificates, whatever the store calls them."""
    found: dict[str, Bundle | BadCertificate] = {}
    for name, text in texts.items():
        try:
            found[name] = read_bundle(text, text)
        except BadCertificate as bad:
            found[name] = bad
    return found


def _host_name(text: str) -> str:
    try:
        return server_name(text)
    except ValueError:  # a machine may be called anything
        return "localhost"


part = Part(Settings, TxacmeCertificates, check)
