"""A world in which months are seconds: authorities in memory, DNS as a test says, a clock that it turns."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailtwist.config.authority import AuthoritySettings
from mailtwist.config.network import Networks
from mailtwist.config.rate import Rate
from mailtwist.kit.dns import DnsAway
from mailtwist.kit.spawn import started
from mailtwist.testing.certificates import MemoryStore
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce
from mailtwist.tls.acme.api import Issued, KeyKind, Solver
from mailtwist.tls.acme.ari import Renewal as Window
from mailtwist.tls.acme.csr import Key, new_key, pem_of
from mailtwist.tls.acme.keys import KeyPolicy, Keys
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.acme.published import Published
from mailtwist.tls.acme.renewal import Renewal
from mailtwist.tls.acme.shelf import Kept, Shelf
from mailtwist.tls.acme.trying import Trying
from mailtwist.tls.acme.wanted import PointsHere, WantedNames

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
HOST = "mail.example.org"
HERE = "192.0.2.7"


def certified(names: Sequence[str], key: Key, begin: float, life: float) -> bytes:
    """Key and certificate as they are kept; nobody asks who signed it."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "simulated")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.fromtimestamp(int(begin), UTC))
        .not_valid_after(datetime.fromtimestamp(int(begin + life), UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return pem_of(key) + certificate.public_bytes(Encoding.PEM)


@dataclass
class Simulated:
    """`Authority`.  `fails(names)` says why it does not issue, None: it does; `window(certificate)` is what
    it suggests."""

    word: str
    clock: ManualClock
    life: float = 90 * DAY
    staging: "Simulated | None" = None
    fails: Callable[[Sequence[str]], NotIssued | None] = lambda names: None
    window: Callable[[x509.Certificate], Window | None] = lambda certificate: None
    delay: Callable[[Sequence[str]], Awaitable[None] | None] = lambda names: None
    tried: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)
    made: list[tuple[float, tuple[str, ...], Issued | None]] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    revoked: list[tuple[x509.Certificate, int]] = field(default_factory=list)

    @property
    def directory(self) -> str:
        return f"https://{self.word}.example.net/directory"

    @property
    def settings(self) -> AuthoritySettings:
        return AuthoritySettings(directory=self.directory)

    async def issued(
        self, names: Sequence[str], key: Key, solvers: Sequence[Solver], replaces: Issued | None
    ) -> Issued:
        now = self.clock.now()
        self.tried.append((now, tuple(names)))
        if (waiting := self.delay(names)) is not None:
            await waiting
        if (error := self.fails(names)) is not None:
            raise error
        kind: KeyKind = "EC" if "Elliptic" in type(key).__name__ or "EC" in type(key).__name__ else "RSA"
        pem = certified(names, key, self.clock.now(), self.life)
        made = Issued(names[0], kind, pem, self.directory, f"{self.directory}/1", self.clock.now())
        self.made.append((self.clock.now(), tuple(names), replaces))
        return made

    async def renewal(self, certificate: x509.Certificate) -> Window | None:
        self.asked.append(self.clock.now())
        return self.window(certificate)

    async def revoke(self, certificate: x509.Certificate, reason: int, key: Key | None) -> None:
        self.revoked.append((certificate, reason))


@dataclass
class Found:
    records: tuple[str, ...]
    ttl: int = 300


@dataclass
class Told:
    answer: Found | None


class SaidDns:
    """`addresses` by name; `tlsa` by name, what each server of the zone has; `away`: nobody answers."""

    def __init__(self) -> None:
        self.addresses_of: dict[str, tuple[str, ...]] = {HOST: (HERE,)}
        self.tlsa: dict[str, list[Found | None]] = {}
        self.away = False

    async def addresses(self, name: str) -> Found:
        if self.away:
            raise DnsAway(name, "A", "away")
        return Found(self.addresses_of.get(name, ()))

    async def authoritative(self, name: str, kind: str) -> Sequence[Told]:
        if self.away:
            raise DnsAway(name, kind, "away")
        return [Told(one) for one in self.tlsa.get(name, [Found(())])]


class World:
    def __init__(
        self,
        *authorities: Simulated,
        clock: ManualClock | None = None,
        store: Any = None,
        names: Sequence[str] = (),
        prefixes: Sequence[str] = (),
        domains: Collection[str] = (),
        on_demand: Sequence[str] = (),
        kinds: Sequence[KeyKind] = ("EC",),
        policy: KeyPolicy = "rotate",
        seed: int = 1,
        strangers: Rate | None = None,
    ) -> None:
        self.clock = clock or authorities[0].clock
        self.store = store or MemoryStore(self.clock)
        self.dns = SaidDns()
        self.domains = set(domains)
        self.threads = AtOnce()
        points = PointsHere(self.dns, HOST, Networks(), lambda address: False)
        self.wanted = WantedNames(HOST, names, prefixes, self._domains, on_demand, points)
        self.trying = Trying(authorities, (), self.clock)
        self.keys = Keys(policy, self.store, self.threads, Published(self.dns))
        self.renewal = Renewal(
            self.store,
            self.clock,
            Shelf(self.store, self.threads),
            self.trying,
            self.keys,
            kinds,
            self.wanted,
            HOST,
            "[tls:main]",
            Random(seed).random,
            strangers,
        )

    async def _domains(self) -> Collection[str]:
        return self.domains

    def pass_time(self, seconds: float, step: float = 5 * MINUTE) -> None:
        """In steps: who wakes sees all of them."""
        while seconds > 0:
            self.clock.advance(min(step, seconds))
            seconds -= step

    def kept(self, name: str = HOST, kind: KeyKind = "EC") -> Kept | None:
        return result(Shelf(self.store, self.threads).all()).get((name, kind))


class WithWorld(TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.ca = Simulated("first", self.clock)

    def world(self, *more: Simulated, **how: object) -> World:
        world = World(self.ca, *more, **how)  # type: ignore[arg-type]
        result(world.renewal.start())
        self.addCleanup(world.renewal.stop)
        world.clock.advance(0)
        return world


def result(work: Any) -> Any:
    """What a coroutine that waits for nothing returns."""
    found: list[Any] = []
    done: Deferred[Any] = started(work)
    done.addBoth(found.append)
    if not found:
        raise AssertionError("it waits")
    if hasattr(found[0], "raiseException"):
        found[0].raiseException()
    return found[0]


_keys: list[Key] = []


def a_key() -> Key:
    if not _keys:
        _keys.append(new_key("EC"))
    return _keys[0]
