"""A mail server behind the gateway, or a pool of them: `[upstream:...] type = server`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import inf

from mailtwist.auth.api import AccountUnavailable, LoginRefused, LoginUnavailable
from mailtwist.auth.places import client_of
from mailtwist.auth.reasons import REASONS
from mailtwist.config.part import Assembly, Part
from mailtwist.gateway.abilities import Abilities
from mailtwist.gateway.api import Errand, Guest, Kind, SourceAway
from mailtwist.gateway.dial import Dialled, Pool
from mailtwist.gateway.upstream.names import Names
from mailtwist.gateway.upstream.reaching import outbound, pool
from mailtwist.gateway.upstream.session import OpenSession
from mailtwist.gateway.upstream.settings import NOTHING_SERVED, Settings
from mailtwist.gateway.upstream.talk import TALKS, Talk
from mailtwist.gateway.upstream.ways import LOGINS
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.certificates import BadCertificate

TRIES = 2
"""Hosts that are tried for one client, before anything was said that must not be said twice."""

USUAL = 255
"""Octets of a password, or of a name, that every server takes, or refuses in order, if it is UTF-8."""


class Server:
    """`gateway.api.Upstream`."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        if not settings.ways():
            raise ValueError(NOTHING_SERVED)
        self.name = assembly.name
        self.hostname = assembly.hostname
        self.by_xclient, self.by_id = settings.xclient, settings.id
        self.pipelining = settings.pipelining
        self.sealed = settings.login == "sealed"
        self.judges = settings.login == "passthrough"
        self.one_domain = settings.user_name == "local"
        self._settings = settings
        self._threads = assembly.threads
        self._ways = settings.ways()
        self._names = Names(settings, assembly)
        self._login = LOGINS[settings.login](settings, assembly)
        self._abilities = Abilities(assembly.name)
        self._made = pool(settings, assembly)
        self._pool: Pool | None = None

    @property
    def hosts(self) -> Mapping[str, Sequence[Kind]]:
        """`gateway.api.SupportsHosts`."""
        return {host: tuple(self._ways) for host in self._settings.hosts}

    async def start(self) -> None:
        tls = await self._threads.run(outbound, self._settings)
        self._pool = self._made(tls)
        self._pool.start(self._learn)

    async def stop(self) -> None:
        if self._pool is not None:
            await self._pool.stop()

    # -- `gateway.api.Upstream`
    def serves(self, kind: Kind) -> bool:
        return kind in self._ways

    async def open(self, errand: Errand) -> OpenSession:
        try:
            who = client_of(errand.guest.address) or errand.account  # one client may have many names
            talk = await self._begun(errand.kind, errand.guest, who, self._vouch_for(errand))
            with _watched(talk.call):
                await self._logged_in(talk, errand)
        except LoginRefused:
            raise
        except AccountUnavailable as error:
            raise AccountUnavailable(self._told(error)) from error
        except Trouble as error:
            raise LoginUnavailable(self._told(error)) from error
        return self._opened(errand.kind, talk)

    async def ready(self, kind: Kind, guest: Guest) -> None:
        """`gateway.api.SupportsReadiness`."""
        try:
            await self._reached(kind).ready(kind, guest)
        except Trouble as error:
            raise LoginUnavailable(self._told(error)) from error

    async def visit(self, kind: Kind, guest: Guest) -> OpenSession:
        return self._opened(kind, await self._begun(kind, guest, client_of(guest.address)))

    def offered(self, kind: Kind, *, late: bool) -> Sequence[str]:
        return self._abilities.offered(kind, late=late)

    # -- the way there
    async def _logged_in(self, talk: Talk, errand: Errand) -> None:
        """What a server does with a secret, or a name, that it thought impossible says nothing of others."""
        try:
            await self._login.log_in(talk, errand)
        except (LoginRefused, AccountUnavailable):
            raise
        except Trouble as trouble:
            if _is_usual(errand.password) and len(errand.name) <= USUAL:
                raise
            raise AccountUnavailable(trouble.detail or trouble.public) from trouble

    async def _begun(self, kind: Kind, guest: Guest, who: str, vouch_for: bytes = b"") -> Talk:
        """Greeted, and told who comes.  Where that fails another host is asked, if there is one."""
        for rest in reversed(range(TRIES)):
            call = await self._dialled(kind, guest, who)
            talk = TALKS[kind](call, self)
            try:
                with _watched(call):
                    await self._greeted(kind, talk)
                    await talk.introduce(guest, vouch_for)
                return talk
            except Trouble:
                if not rest:
                    raise
        raise AssertionError("no try is left")

    async def _dialled(self, kind: Kind, guest: Guest, who: str) -> Dialled:
        call = await self._reached(kind).call(kind, guest, who)
        call.patience = self._settings.login_time
        call.until = call.clock.seconds() + self._settings.login_time
        return call

    def _reached(self, kind: Kind) -> Pool:
        if self._pool is None or not self.serves(kind):
            raise LoginUnavailable(f"it has no {kind}")
        return self._pool

    async def _greeted(self, kind: Kind, talk: Talk) -> None:
        await talk.greet()
        talk.offer = self._abilities.learned(kind, talk.call.host, talk.offer, late=False)

    async def _learn(self, kind: Kind, call: Dialled) -> None:
        """A check of a host: it does what we ask of it before a login."""
        await self._greeted(kind, TALKS[kind](call, self))

    def _opened(self, kind: Kind, talk: Talk) -> OpenSession:
        call = talk.call
        call.until = inf
        call.answered()
        offers = self._abilities.learned(kind, call.host, talk.offer, late=True)
        introduced = talk.introduced or self._settings.proxy != "none"
        return OpenSession(kind, call, offers, introduced)

    def _vouch_for(self, errand: Errand) -> bytes:
        return self._names.of(errand) if self._settings.login == "none" else b""

    def _told(self, error: Trouble) -> str:
        """A reason that the log knows says it all."""
        if isinstance(error, LoginUnavailable) and error.reason in REASONS:
            return error.reason
        here, why = f"[upstream:{self.name}]", error.detail or error.public
        return why if why.startswith(here) else f"{here} {why}"


def _is_usual(password: bytes) -> bool:
    try:
        password.decode()
    except UnicodeDecodeError:
        return False
    return len(password) <= USUAL


@contextmanager
def _watched(call: Dialled) -> Iterator[None]:
    """What fails here ends the call; whether it is to be blamed on the host, the pool is told."""
    try:
        yield
    except (LoginRefused, AccountUnavailable, SourceAway):
        call.answered()
        call.close()
        raise
    except Trouble as trouble:
        call.troubled(trouble.detail or trouble.public)
        call.abort()
        raise
    except BaseException:
        call.abort()
        raise


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    problems = [] if settings.ways() else [("hosts", NOTHING_SERVED)]
    try:
        await assembly.threads.run(outbound, settings)
    except BadCertificate as bad:
        problems.append((bad.setting, bad.words))
    return problems


part = Part(Settings, Server, check)
