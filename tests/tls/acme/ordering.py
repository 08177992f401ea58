"""What a test needs to order a certificate: a client with an account, solvers, a port for http-01."""

from collections.abc import Callable
from typing import Any

from cryptography import x509
from twisted.internet import reactor
from twisted.internet.interfaces import IDelayedCall
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from mailtwist.config.authority import AuthoritySettings, HttpsUrl
from mailtwist.config.values import File, Secret
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.dns import Dns
from mailtwist.kit.spawn import spawn
from mailtwist.testing.certificates import MemoryStore
from mailtwist.testing.threads import AtOnce
from mailtwist.tls.acme.account_key import AccountKey
from mailtwist.tls.acme.api import Issued, Solver
from mailtwist.tls.acme.client import Client, https_for
from mailtwist.tls.acme.csr import new_key
from mailtwist.tls.acme.http01 import shown, token_in
from mailtwist.tls.acme.order import issued
from mailtwist.tls.dns.api import Propagation
from tests.tls.acme.fake_ca import FakeCA
from tests.tls.acme.pebble import Pebble, Zones

BRISK = 50.0


class Brisk(SystemClock):
    """The machine's time, while what is waited for comes so much sooner: no test waits for a pause."""

    def seconds(self) -> float:
        return super().seconds() * BRISK

    def later(self, seconds: float, call: Callable[..., object], *args: object) -> IDelayedCall:
        return super().later(seconds / BRISK, call, *args)


def settings_for(ca: FakeCA | Pebble, **more: Any) -> AuthoritySettings:
    """As of an `[authority:...]`; times count by `Brisk`."""
    more = {"reply_time": 20 * BRISK, "order_time": 60 * BRISK} | more
    return AuthoritySettings(directory=HttpsUrl(ca.directory), roots=File(ca.roots), **more)


def client(case: Any, ca: FakeCA | Pebble, key: AccountKey | None = None, **more: Any) -> Client:
    """One that has no account yet, gone after the test; `more` are settings."""
    settings = settings_for(ca, **more)
    clock = Brisk()
    https = https_for(settings, clock)
    case.addCleanup(https.stop)
    return Client(settings, key or AccountKey.new(), https, clock, AtOnce())


async def registered(case: Any, ca: FakeCA | Pebble, **more: Any) -> Client:
    """One with a new account."""
    made = client(case, ca, **more)
    await made.register(["postmaster@example.test"], agree=True)
    return made


async def certified(
    one: Client, *names: str, by: list[Solver] | tuple[Solver, ...], replaces: Issued | None = None
) -> Issued:
    """With a new key."""
    return await issued(one, names, new_key(), by, replaces)


def leaf_of(made: Issued) -> x509.Certificate:
    return x509.load_pem_x509_certificate(made.pem)


class AllProven:
    """`acme.api.Solver` for an authority that believes everything.  It knows what it was told."""

    def __init__(self, kind: Any = "http-01", cannot: str = "") -> None:
        self.kind = kind
        self._cannot = cannot
        self.told: list[tuple[str, str]] = []

    async def can(self, challenge: Any) -> str:
        return self._cannot

    async def present(self, challenge: Any) -> None:
        self.told.append(("present", challenge.name))

    async def withdraw(self, challenge: Any) -> None:
        self.told.append(("withdraw", challenge.name))


class ProofPort(Resource):
    """What a store shows for http-01, at a port."""

    isLeaf = True

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self._store = store
        self.asked: list[str] = []

    def render_GET(self, request: Any) -> int:
        spawn(self._answer(request), "a proof")
        return NOT_DONE_YET

    async def _answer(self, request: Any) -> None:
        self.asked.append(request.getHeader("host"))
        token = token_in(request.path.decode("ascii"))
        found = await shown(self._store, token) if token else None
        request.setResponseCode(200 if found else 404)
        request.write(found or b"nothing")
        request.finish()


def proofs_at(case: Any, port: int, store: MemoryStore) -> ProofPort:
    """Until the test ends."""
    resource = ProofPort(store)
    site = Site(resource)
    site.noisy = False
    site.log = lambda request: None
    listening = reactor.listenTCP(port, site, interface="127.0.0.1")
    case.addCleanup(listening.stopListening)
    return resource


class InZones:
    """`tls.dns.api.Publisher` for the zones of the tests."""

    propagation = Propagation("resolver", 30.0)

    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self.now: set[tuple[str, str]] = set()
        self.most = 0

    async def add(self, name: str, value: str) -> None:
        if (name, value) not in self.now:
            self.now.add((name, value))
            self._zones.txt(name, value)
        self.most = max(self.most, len(self.now))

    async def remove(self, name: str, value: str) -> None:
        self.now.discard((name, value))
        self._zones.without_txt(name, value)


def resolver(zones: Zones) -> Dns:
    return Dns(SystemClock(), ["127.0.0.1"], zones.port)


def secret(text: str) -> Secret:
    return Secret(text)
