"""tls-alpn-01: the authority connects to our port 443 and is shown a certificate made for it.  rfc8737"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from twisted.internet.defer import DeferredLock

from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.kit.threads import Threads
from mailtwist.kit.trouble import Trouble
from mailtwist.kit.within import pause
from mailtwist.tls.acme.api import Challenge, Kind, Store
from mailtwist.tls.acme.shared import Shared
from mailtwist.tls.certificates import BadCertificate

ACME_IDENTIFIER = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
LIFE = 24 * 3600.0
HEARD = 2.0
"""Seconds in which other processes hear of a proof: the authority may be let in by any of them."""

NO_WILDCARD = "no authority takes tls-alpn-01 for a wildcard; write dns-01 into challenges"
ANOTHER = "another proof for {name} is being shown; a name can have one at a time"
NOT_FOLLOWED = Event("acme.proofs_unread", "proofs of other processes cannot be read: {error}", "error")
NOT_SHOWN = Event("acme.proof_broken", "the proof for {name} cannot be shown: {error}", "error")


class Proves(Protocol):
    """`ServerContexts` is one."""

    def prove(self, name: str, pem: bytes) -> None: ...

    def proved(self, name: str) -> None: ...


class TlsAlpn01:
    """`acme.api.Solver`.  The proof lies in the store, too: `Shown` gives it to the listeners of each
    process, which have `heard` seconds for that."""

    kind: Kind = "tls-alpn-01"

    def __init__(
        self, store: Store, contexts: Proves, clock: Clock, threads: Threads, heard: float = 0.0
    ) -> None:
        self._store = store
        self._heard = heard
        self._contexts = contexts
        self._clock = clock
        self._threads = threads
        self._shared = Shared()
        self._names: dict[str, str] = {}

    async def can(self, challenge: Challenge) -> str:
        if challenge.wildcard:
            return NO_WILDCARD
        return "" if self._is_free_for(challenge) else ANOTHER.format(name=challenge.name)

    async def present(self, challenge: Challenge) -> None:
        if not self._is_free_for(challenge):
            raise Trouble("4.3.2", "A proof is in the way", ANOTHER.format(name=challenge.name))
        self._names[challenge.name] = challenge.key_authorization
        self._shared.take((challenge.name, challenge.key_authorization))
        now = self._clock.now()
        pem = await self._threads.run(proof, challenge.name, challenge.key_authorization, now)
        if self._names.get(challenge.name) != challenge.key_authorization:
            return  # withdrawn meanwhile
        self._contexts.prove(challenge.name, pem)
        await self._store.show(self.kind, challenge.name, pem, now + LIFE)
        if self._heard:
            await pause(self._clock, self._heard)

    async def withdraw(self, challenge: Challenge) -> None:
        name = challenge.name
        if not self._is_free_for(challenge):
            return
        if self._shared.give((name, challenge.key_authorization)):
            self._names.pop(name, None)
            self._contexts.proved(name)
            await self._store.hide(self.kind, name)

    def _is_free_for(self, challenge: Challenge) -> bool:
        return self._names.get(challenge.name, challenge.key_authorization) == challenge.key_authorization


class Shown:
    """Proofs that any process has put into the store are shown by the listeners of this one.  What happens in
    a handshake waits for nothing: the store is read when it has changed."""

    def __init__(self, store: Store, contexts: Proves) -> None:
        self._store = store
        self._contexts = contexts
        self._proofs: dict[str, bytes] = {}
        self._one = DeferredLock()
        self._waiting = False
        self._end: Any = None

    def start(self) -> None:
        self._end = self._store.listen(self._changed)
        self._changed()

    def stop(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None

    def _changed(self) -> None:
        if not self._waiting:
            self._waiting = True
            spawn(self._follow(), "reading proofs")

    async def _follow(self) -> None:
        """One after the other; many changes at once are one reading."""
        await self._one.acquire()
        self._waiting = False
        try:
            self._take_over(await self._store.showing("tls-alpn-01"))
        except Trouble as error:
            NOT_FOLLOWED.log(error=str(error))
        finally:
            self._one.release()

    def _take_over(self, proofs: Any) -> None:
        if self._end is None:
            return
        for name in self._proofs.keys() - proofs.keys():
            del self._proofs[name]
            with suppress(ValueError):  # no host name: it was never shown
                self._contexts.proved(name)
        for name, pem in proofs.items():
            if self._proofs.get(name) != pem:
                self._proofs[name] = pem
                self._show(name, pem)

    def _show(self, name: str, pem: bytes) -> None:
        try:
            self._contexts.prove(name, pem)
        except BadCertificate as bad:
            NOT_SHOWN.log(name=name, error=bad.words)
        except ValueError as error:
            NOT_SHOWN.log(name=name, error=str(error))


def proof(name: str, key_authorization: str, now: float) -> bytes:
    """A key of its own and a certificate for `name` alone that holds the digest (rfc8737#3), in PEM.  Blocks
    for some milliseconds."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ACME challenge")])
    at = datetime.fromtimestamp(now, UTC)
    digest = b"\x04\x20" + sha256(key_authorization.encode()).digest()
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.UnrecognizedExtension(ACME_IDENTIFIER, digest), critical=True)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem + made.public_bytes(Encoding.PEM)


def build(settings: Any, assembly: Any, source: Any) -> TlsAlpn01:
    alone = source.serves and assembly.workers == 1
    heard = 0.0 if alone else HEARD
    return TlsAlpn01(source.store, source, assembly.clock, assembly.threads, heard)
