"""The password, once the second factor has passed: the directory is asked, unless it is away."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from mailtwist.auth.api import (
    Accepted,
    AccountUnavailable,
    Directory,
    LoginRefused,
    LoginRequest,
    LoginUnavailable,
    SupportsClosing,
    SupportsOpening,
    SupportsPlaces,
)
from mailtwist.auth.audit import reason_of
from mailtwist.auth.breaker import Breaker, Entry
from mailtwist.auth.identity import Who
from mailtwist.auth.places import client_of
from mailtwist.auth.turnstile import Turnstile, become_known, stand_aside
from mailtwist.config.login import LoginSettings
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import spawn, started
from mailtwist.kit.trouble import Trouble

_Answer = tuple[Any, str]
"""What was opened; and the reason if the password is wrong, else ''."""

Judging = Callable[[], Awaitable[bool]]
"""Somebody else's answer to whether a password is right."""

STRANGERS = 32
"""Passwords alone that are before directories at once; others wait, and are no trouble of
the directory."""

NOWHERE = "(none)"
DOUBTED = "directory-doubted"
"""The reason when a directory has refused a password and is not believed."""


WRONG, BEHIND, NO_VAULT = "wrong-password", "refused-behind", "no-vault"
"""Reasons: the directory does not take the password; it does, and the server behind it does not; a password
is wanted there, and none is sealed."""


class Asking:
    """All directories by name, each behind a breaker of its own, or behind several: one for each place to
    which it sends logins."""

    def __init__(self, directories: Mapping[str, Directory], clock: Clock, settings: LoginSettings) -> None:
        self._directories = directories
        self._openers = {
            name: directory
            for name, directory in directories.items()
            if isinstance(directory, SupportsOpening)
        }
        self._strangers = Turnstile(clock, STRANGERS)
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._clock = clock
        self._settings = settings

    @asynccontextmanager
    async def entered(self, who: Who, request: LoginRequest, *, trusted: bool) -> AsyncIterator[Entry]:
        """The right to ask the directory that would know him.  `LoginUnavailable` when it is away, or what is
        behind it."""
        entry = self._breaker(who.directory or NOWHERE, await self._place(who, request)).enter(trusted)
        try:
            yield entry
        finally:
            entry.left()

    async def _place(self, who: Who, request: LoginRequest) -> str:
        """Of whoever would open something; the same for who may not log in."""
        opener = self._openers.get(who.directory, request.behind)
        return await opener.place(who.person, request) if isinstance(opener, SupportsPlaces) else ""

    def _breaker(self, directory: str, place: str) -> Breaker:
        key = directory, place
        if key not in self._breakers:
            words = f" {place}" if place else ""
            self._breakers[key] = Breaker(directory, self._clock, self._settings, words)
        return self._breakers[key]

    async def opened(
        self,
        who: Who,
        password: bytes,
        request: LoginRequest,
        entry: Entry,
        *,
        coded: bool,
        judge: Judging | None = None,
    ) -> Any:
        """What the directory opened, if it opens anything, or what there is behind it; the password is right.
        `LoginRefused` when it is wrong; for who may not log in, after the same work.  `LoginUnavailable` also
        when the directory seems to refuse everybody.  `coded`: a right code has led here.  `judge` says
        whether the password is right, in place of a directory that opens nothing."""
        stand_aside()
        answer = partial(self._answer, who, password, request, judge)
        if entry.trusted or coded:  # whose code was right must not be told apart by how long this takes
            become_known()
            return await self._opened(who, answer(), entry, request, coded=coded)
        async with self._strangers.turn():
            return await self._opened(who, answer(), entry, request)

    async def unsealed(self, who: Who, password: bytes, request: LoginRequest, entry: Entry) -> Any:
        """The same for a password that was sealed under an app password.  It is for whoever opens something:
        a directory that opens nothing is not asked about it."""
        if who.directory in self._openers:
            return await self.opened(who, password, request, entry, coded=False)
        if who.reason:
            raise LoginRefused(who.reason)
        return await self._opened(who, self._behind(who, password, request, vault=True), entry, request)

    async def without_password(self, who: Who, request: LoginRequest) -> Any:
        """For an app password with no other one in it: the account is there and enabled, and that is enough
        for a directory that opens nothing.  `LoginRefused` where that is not so."""
        if who.reason or who.directory in self._openers:
            raise LoginRefused(who.reason or NO_VAULT)
        opened, wrong = await _answered(self._behind(who, b"", request))
        if wrong:
            raise LoginRefused(wrong)
        return opened

    async def _opened(
        self,
        who: Who,
        answer: Coroutine[Any, Any, _Answer],
        entry: Entry,
        request: LoginRequest,
        *,
        coded: bool = False,
    ) -> Any:
        if entry.is_old_news(who.account):
            answer.close()
            raise LoginUnavailable(DOUBTED)
        try:
            opened, wrong = await _answered(answer)
        except (CancelledError, AccountUnavailable, LoginRefused):  # the client is gone; or it is his trouble
            raise
        except Exception as error:
            client = "" if entry.trusted else client_of(request.address)
            entry.away(_short(error), coded, client or who.account)
            raise
        if not (wrong or who.reason):
            entry.accepted()
            return opened
        dropped(opened)
        if not entry.refused(who.account):
            raise LoginUnavailable(DOUBTED)
        raise LoginRefused(who.reason or wrong)

    async def _answer(
        self, who: Who, password: bytes, request: LoginRequest, judge: Judging | None
    ) -> _Answer:
        directory = self._directories.get(who.directory)
        if directory is None:
            return None, WRONG
        opener = None if who.reason else self._openers.get(who.directory)
        if opener is not None:
            opened = await opener.open(who.person, password, request)
            return opened, WRONG if opened is None else ""
        right = await (directory.accepts(who.person, password) if judge is None else judge())
        if not right:
            return None, WRONG
        return await self._behind(who, password, request)

    async def _behind(
        self, who: Who, password: bytes, request: LoginRequest, *, vault: bool = False
    ) -> _Answer:
        """What there is behind a directory that opens nothing and has said yes."""
        if who.reason or request.behind is None:
            return None, ""
        accepted = Accepted(who.account, who.name, password, vault=vault)
        try:
            return await request.behind.open(accepted, request), ""
        except LoginRefused as refused:
            if refused.reason == NO_VAULT:
                raise
            return None, BEHIND


def _answered(answer: Coroutine[Any, Any, _Answer]) -> Deferred[_Answer]:
    """What a directory answers.  When it called its own question off, because that took too long say, it is
    away; the client is still there."""
    gone: list[bool] = []

    def leave(waiting: Deferred[_Answer]) -> None:
        gone.append(True)
        work.cancel()

    def ended(result: Any) -> None:
        failed = isinstance(result, Failure)
        if gone:  # the client does not wait for it
            dropped(None if failed else result[0])
            return
        if failed and result.check(CancelledError):
            result = Failure(LoginUnavailable("the directory gave up"))
        waiting.callback(result)

    waiting: Deferred[_Answer] = Deferred(leave)
    work = started(answer)
    work.addBoth(ended)
    return waiting


def dropped(opened: Any) -> None:
    """Nobody will take what a login opened: its end, if it has one."""
    if isinstance(opened, SupportsClosing):
        spawn(_closed(opened), "closing what a login opened")


async def _closed(opened: SupportsClosing) -> None:
    await opened.close()


def _short(error: Exception) -> str:
    """For the log; a directory's own words may have a password in them."""
    return reason_of(error) if isinstance(error, Trouble) else type(error).__name__


def the_asking(assembly: Assembly) -> Asking:
    """For `assembly.one`."""
    return Asking(assembly.parts("directory"), assembly.clock, assembly.login)
