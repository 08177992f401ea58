"""Who gets in: the one decision behind every door."""

from dataclasses import replace

from twisted.internet.defer import CancelledError

from mailtwist.auth.api import (
    Accepted,
    EncryptionRequired,
    LoginRefused,
    LoginRequest,
    LoginUnavailable,
    Source,
    TooManyAttempts,
)
from mailtwist.auth.arriving import Arriving, the_arriving
from mailtwist.auth.asking import Asking, the_asking
from mailtwist.auth.audit import LONGEST, Audit, Story, the_audit, without
from mailtwist.auth.bearers import Bearers, the_bearers
from mailtwist.auth.devices import Devices, the_devices
from mailtwist.auth.guess import Guess
from mailtwist.auth.identity import Identities, the_identities
from mailtwist.auth.limits import Admission, Attempt, Limits, the_limits
from mailtwist.auth.login import Login
from mailtwist.auth.misses import Misses, the_misses
from mailtwist.auth.notices import Notices, the_notices
from mailtwist.auth.release import Release
from mailtwist.auth.returning import Returning, the_returning
from mailtwist.auth.sessions import Sessions, the_sessions
from mailtwist.auth.turnstile import Turnstile, the_turnstile
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event, login_id
from mailtwist.kit.ids import new_id
from mailtwist.kit.trouble import Trouble
from mailtwist.state.records import Device

NOBODY = Event(
    "login.nobody", "[login] factor = required, but there is no [factor:...]: nobody gets in", "error"
)

LOCKS = frozenset({"account", "account_long", "known", "known_long"})
"""Limits of which the owner of an account is told when they are reached."""

JUDGED = frozenset({"wrong-password", "refused-behind", "old-password", "wrong-either"})
"""Reasons of a refusal by a directory, or by what is behind it."""


class Decision:
    """`decide` is the only way in, for all doors.  One per process: `assembly.one(the_decision)`."""

    def __init__(
        self,
        *,
        identities: Identities,
        limits: Limits,
        devices: Devices,
        misses: Misses,
        asking: Asking,
        returning: Returning,
        arriving: Arriving,
        bearers: Bearers,
        audit: Audit,
        notices: Notices,
        sessions: Sessions,
        release: Release,
        turnstile: Turnstile,
        clock: Clock,
        hopeless: bool,
    ) -> None:
        self._identities = identities
        self._limits = limits
        self._devices = devices
        self._misses = misses
        self._asking = asking
        self._returning = returning
        self._arriving = arriving
        self._bearers = bearers
        self._audit = audit
        self._notices = notices
        self._sessions = sessions
        self._release = release
        self._turnstile = turnstile
        self._clock = clock
        self._hopeless = hopeless

    async def start(self) -> None:
        if self._hopeless:
            NOBODY.log()

    async def decide(self, request: LoginRequest) -> Accepted:
        """The way in, or `LoginRefused` (whatever was wrong), `LoginUnavailable` (something we need is away,
        or a limit is reached), `EncryptionRequired`.  Refusals of all kinds look the same and come at the
        same times."""
        client = without(request.secret, request.client[:LONGEST])
        if client != request.client:
            request = replace(request, client=client)
        story = Story(request, self._clock.seconds())
        login_id.set(new_id())
        if not (request.tls or (request.trusted and not request.bearer)):
            self._audit.refused(story, "no-tls")
            raise EncryptionRequired
        try:
            accepted = await self._decided(request, story)
        except CancelledError:
            self._audit.gone(story)
            raise
        except Exception as error:
            trouble = self._told(story, error)
            judged = isinstance(trouble, LoginRefused) and (trouble.reason in JUDGED or story.slow)
            least = 0.0 if isinstance(trouble, TooManyAttempts) else story.least
            await self._release.wait(story.begun, judged=judged, least=least)
            raise trouble from None  # the log has it, without secrets
        self._audit.accepted(story)
        return accepted

    async def _decided(self, request: LoginRequest, story: Story) -> Accepted:
        name = await self._name(request, story)
        mark = await self._sessions.mark()
        if request.bearer:
            return await self._bearers.accepted(request, name, story, mark)
        login = Login(request, await self._identities.who(name), story, mark)
        story.account, story.name, story.known = login.who.subject, login.who.name, login.who.known
        await self._limits.let_in(login.who.subject, request.address)
        try:
            return await self._found(login)
        except LoginRefused as refused:  # whatever was wrong beside that
            raise LoginRefused(login.who.reason or refused.reason) from None

    async def _found(self, login: Login) -> Accepted:
        device = await self._returning.known(login)
        if device is None and self._devices.is_app_password(login.secret):
            login.story.counted = False
            raise LoginRefused("wrong-app-password")
        if device is None and not login.who.reason:
            self._misses.note(login.account, login.request.address, login.secret)
        if device is not None and not device.needs_password:
            return await self._returning.accepted(login, device, None)
        if device is not None:
            return await self._behind_the_breaker(login, device)
        async with self._turnstile.turn():
            return await self._behind_the_breaker(login, None)

    async def _behind_the_breaker(self, login: Login, device: Device | None) -> Accepted:
        async with self._asking.entered(login.who, login.request, trusted=device is not None) as entry:
            found = device or await self._arriving.accepted(login, entry)
            if isinstance(found, Accepted):
                self._misses.was_right(login.account, login.request.address, login.secret)
                return found
            return await self._returning.accepted(login, found, entry)

    async def _name(self, request: LoginRequest, story: Story) -> str:
        """What can be nobody's name, or no secret, costs its address something, and nobody else."""
        try:
            name = self._identities.name(request)
        except LoginRefused:
            story.source = Source.UNTRUSTED
            guess = Guess(lambda: self._misspelled(request))
            try:
                async with guess:
                    guess.wrong()
            finally:
                story.counted = guess.counted
            raise
        story.name = name
        return name

    async def _misspelled(self, request: LoginRequest) -> Admission:
        await self._limits.let_in("", request.address)
        attempt = Attempt(Source.UNTRUSTED, "", False, request.address, "", b"", "")
        return await self._limits.admitted(attempt)

    # -- no way in
    def _told(self, story: Story, error: Exception) -> Trouble:
        """What the log says of it; what the door hears."""
        if isinstance(error, LoginRefused):
            self._audit.refused(story, error.reason)
            return LoginRefused(error.reason)
        if not isinstance(error, Trouble):
            self._audit.broken(story, error)
            return LoginUnavailable(type(error).__name__)
        self._audit.unavailable(story, error)
        if isinstance(error, TooManyAttempts):
            self._locked(story, error)
            return TooManyAttempts(error.reason, error.retry, error.bucket)
        return LoginUnavailable(error.detail or error.public)

    def _locked(self, story: Story, error: TooManyAttempts) -> None:
        if error.began and error.bucket in LOCKS and story.known:
            until = self._clock.now() + error.retry
            self._notices.tell(story.account, "locked", name=story.name, until=round(until))


def the_decision(assembly: Assembly) -> Decision:
    """For `assembly.one`: all directories and factors of the config, in its order."""
    return Decision(
        identities=assembly.one(the_identities),
        limits=assembly.one(the_limits),
        devices=assembly.one(the_devices),
        misses=assembly.one(the_misses),
        asking=assembly.one(the_asking),
        returning=assembly.one(the_returning),
        arriving=assembly.one(the_arriving),
        bearers=assembly.one(the_bearers),
        audit=assembly.one(the_audit),
        notices=assembly.one(the_notices),
        sessions=assembly.one(the_sessions),
        release=Release(assembly.clock, assembly.login),
        turnstile=assembly.one(the_turnstile),
        clock=assembly.clock,
        hopeless=assembly.login.factor == "required" and not assembly.parts("factor"),
    )
