"""Who gets in: the one decision behind every door."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from mailtwist.auth.api import (
    Accepted,
    Directory,
    EncryptionRequired,
    Factor,
    LoginRefused,
    LoginRequest,
    LoginUnavailable,
    Person,
    Proof,
    SupportsOpening,
)
from mailtwist.auth.audit import Audit, Story, the_audit
from mailtwist.auth.devices import Devices
from mailtwist.auth.flight import Verdict, judged_once
from mailtwist.auth.grammar import SEPARATOR, Split, split
from mailtwist.auth.names import BadName, clean, login_name
from mailtwist.auth.once import used_once
from mailtwist.auth.places import client_of, network_of
from mailtwist.config.login import LoginSettings
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event, login_id
from mailtwist.kit.ids import new_id
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable, Volatile
from mailtwist.state.keys import IDENTITY, Keys
from mailtwist.state.process import durable, keys, volatile
from mailtwist.state.records import Device

REFUSED_FOR = 30 * 86400.0
"""A wrong code makes its string a known wrong one for so long: a fixed list of strings meets no new codes."""

AGAIN_WITHIN = 90.0
"""Until then it is judged again: a clock may be at the edge of a step."""

NOBODY = Event(
    "login.nobody", "[login] factor = required, but there is no [factor:...]: nobody gets in", "error"
)


@dataclass(frozen=True, slots=True)
class _Who:
    """Whom a name means.  A name that means nobody, or somebody who may not log in (`reason`), has an account
    id of its own that depends on the name, so that it takes the same way and is counted like a real one."""

    account: str
    name: str
    person: Person
    directory: Directory | None
    reason: str = ""


class Decision:
    """`decide` is the only way in, for all doors.  One per process: `assembly.one(the_decision)`."""

    def __init__(
        self,
        *,
        directories: Sequence[Directory],
        factors: Sequence[Factor],
        durable: Durable,
        volatile: Volatile,
        keys: Keys,
        clock: Clock,
        settings: LoginSettings,
        audit: Audit,
    ) -> None:
        self._directories = tuple(directories)
        self._factors = tuple(factors)
        self._durable = durable
        self._volatile = volatile
        self._keys = keys
        self._clock = clock
        self._settings = settings
        self._audit = audit
        self._devices = Devices(durable, keys, clock, settings)

    async def start(self) -> None:
        if self._settings.factor == "required" and not self._factors:
            NOBODY.log()

    async def decide(self, request: LoginRequest) -> Accepted:
        """The way in, or `LoginRefused` (whatever was wrong), `LoginUnavailable` (something we need is away),
        `EncryptionRequired`.  Refusals of all kinds look the same and come at the same times."""
        if not (request.tls or request.trusted):
            raise EncryptionRequired
        story = Story(request, self._clock.seconds())
        login_id.set(new_id())
        try:
            accepted = await self._decided(request, story)
        except CancelledError:  # the client is gone
            raise
        except Exception as error:
            trouble = self._told(story, error)
            await self._release(story.begun)
            raise trouble from None  # the log has it, without secrets
        self._audit.accepted(story)
        return accepted

    def _told(self, story: Story, error: Exception) -> Trouble:
        """What the log says of it; what the door hears."""
        if isinstance(error, LoginRefused):
            self._audit.refused(story, error.reason)
            return LoginRefused(error.reason)
        if not isinstance(error, Trouble):
            self._audit.broken(story, error)
            return LoginUnavailable(type(error).__name__)
        self._audit.unavailable(story, error)
        return LoginUnavailable(error.detail or error.public)

    async def _release(self, begun: float) -> None:
        """The next multiple of the quantum after the least time that a refusal takes, from the beginning."""
        elapsed = self._clock.seconds() - begun
        quantum = self._settings.quantum
        at = ceil(max(elapsed, self._settings.refusal) / quantum) * quantum
        released: Deferred[None] = Deferred()
        call = self._clock.later(max(0.0, at - elapsed), released.callback, None)
        try:
            await released
        finally:
            if call.active():
                call.cancel()

    async def _decided(self, request: LoginRequest, story: Story) -> Accepted:
        story.name = name = self._name(request)
        who = await self._who(name)
        story.account, story.known = who.account, who.reason != "unknown"
        full = self._keys.mac(IDENTITY, self._keys.versions(IDENTITY)[0], who.account, request.secret)
        client = client_of(request.address)
        verdict = await judged_once(
            self._volatile, full, client, lambda: self._judged(request, who.account, full, client)
        )
        if verdict.reason:
            raise LoginRefused(who.reason or verdict.reason)
        password = request.secret[: verdict.length]
        opened = await self._opened(who, password, request)
        device = await self._kept(verdict, request, who.account, full)
        story.how, story.device = "code" if verdict.fresh else "device" if device else "password", device
        return Accepted(who.account, who.name, password, device, opened)

    # -- who it is
    def _name(self, request: LoginRequest) -> str:
        if not clean(request.user, request.secret):
            raise LoginRefused("bad-octets")
        domain = self._settings.default_domain or ""
        try:
            name = login_name(request.user, domain)
            wanted = login_name(request.authzid, domain) if request.authzid else name
        except BadName:
            raise LoginRefused("bad-name") from None
        if wanted != name:
            raise LoginRefused("other-identity")
        return name

    async def _who(self, name: str) -> _Who:
        for directory in self._directories:
            person = await directory.find(name)
            if person is not None and person.enabled:
                return _Who(person.account, person.name, person, directory)
            if person is not None:
                return self._nobody(name, directory, "disabled")
        return self._nobody(name, next(iter(self._directories), None), "unknown")

    def _nobody(self, name: str, directory: Directory | None, reason: str) -> _Who:
        mark = self._keys.mac(IDENTITY, self._keys.versions(IDENTITY)[0], "nobody", name)
        account = f"?{mark[:10].hex()}"
        return _Who(account, name, Person(account, name), directory, reason)

    # -- the second factor
    async def _judged(self, request: LoginRequest, account: str, full: bytes, client: str) -> Verdict:
        device = await self._devices.find(account, request.secret)
        if device is not None:
            return _by_device(device, request)
        if await self._refused_before(full):
            return Verdict("refused-before")
        if not await self._needs_code(account):
            return Verdict(length=len(request.secret))
        parts = split(request.secret, self._is_code)
        if parts is None or not parts.password:
            return Verdict("no-code" if parts is None else "no-password")
        return await self._by_code(request, account, parts, full, client)

    async def _by_code(
        self, request: LoginRequest, account: str, parts: Split, full: bytes, client: str
    ) -> Verdict:
        proof = await self._proof(account, parts.code)
        if proof is None:
            await self._volatile.refuse(full, REFUSED_FOR)
            return Verdict("wrong-code")
        who = client or new_id()
        by = self._keys.mac(IDENTITY, self._keys.versions(IDENTITY)[0], account, request.secret, who)
        join = self._settings.join
        if not await used_once(self._volatile, self._durable, account, proof, by, client, join):
            return Verdict("used-code")
        return Verdict(length=len(parts.password), fresh=True)

    def _is_code(self, text: str) -> bool:
        return any(factor.looks_like(text) for factor in self._factors)

    async def _needs_code(self, account: str) -> bool:
        if self._settings.factor == "required":
            return True
        return any([await factor.enrolled(account) for factor in self._factors])

    async def _refused_before(self, full: bytes) -> bool:
        ago = await self._volatile.refused(full)
        return ago is not None and ago > AGAIN_WITHIN

    async def _proof(self, account: str, code: str) -> Proof | None:
        """All factors that know such codes are asked, whatever the first one says."""
        proofs = [await factor.verify(account, code) for factor in self._factors if factor.looks_like(code)]
        return next((proof for proof in proofs if proof is not None), None)

    # -- the password
    async def _opened(self, who: _Who, password: bytes, request: LoginRequest) -> Any:
        """What the directory opened, if it opens anything; the password is right."""
        if who.directory is None:
            raise LoginRefused(who.reason)
        if isinstance(who.directory, SupportsOpening) and not who.reason:
            opened = await who.directory.open(who.person, password, request)
            right = opened is not None
        else:
            opened, right = None, await who.directory.accepts(who.person, password)
        if who.reason or not right:
            raise LoginRefused(who.reason or "wrong-password")
        return opened

    async def _kept(self, verdict: Verdict, request: LoginRequest, account: str, full: bytes) -> str:
        """The device that this login used or became."""
        if verdict.record is not None:
            await self._devices.touch(verdict.record, request)
        if not verdict.fresh:
            return verdict.device
        await self._volatile.forgive(full)
        return await self._devices.remember(account, request)


def _by_device(device: Device, request: LoginRequest) -> Verdict:
    """A string that is known is judged by its record alone, and nothing is counted against its owner."""
    if device.revoked_at is not None:
        return Verdict("revoked-device")
    if device.protocols and request.protocol not in device.protocols:
        return Verdict("other-protocol")
    if not device.knows(network_of(request.address)):
        return Verdict("other-network")
    password = request.secret.rpartition(SEPARATOR)[0]
    return Verdict(length=len(password), device=device.id, record=device)


def the_decision(assembly: Assembly) -> Decision:
    """For `assembly.one`: all directories and factors of the config, in its order."""
    return Decision(
        directories=tuple(assembly.parts("directory").values()),
        factors=tuple(assembly.parts("factor").values()),
        durable=durable(assembly),
        volatile=volatile(assembly),
        keys=keys(assembly),
        clock=assembly.clock,
        settings=assembly.login,
        audit=assembly.one(the_audit),
    )
