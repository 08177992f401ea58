"""Whoever comes back with a string that has passed before: no code, no limit; the password is asked about."""

from collections import deque
from typing import Any

from mailtwist.auth.api import Accepted, LoginRefused, LoginUnavailable, Source
from mailtwist.auth.asking import DOUBTED, NO_VAULT, Asking, dropped, the_asking
from mailtwist.auth.breaker import ACCOUNTS, Entry
from mailtwist.auth.devices import WAITS, Devices, the_devices
from mailtwist.auth.judging import Judge, the_judge
from mailtwist.auth.limits import Limits, the_limits
from mailtwist.auth.login import Login
from mailtwist.auth.misses import Misses, the_misses
from mailtwist.auth.notices import Notices, the_notices
from mailtwist.auth.places import network_of
from mailtwist.config.part import Assembly
from mailtwist.kit.spawn import spawn
from mailtwist.state.records import APP_PASSWORD, APPROVAL, BOTH_STRING, GUESSABLE, Device

LATELY = 2 * ACCOUNTS
"""Refused strings that are pardoned when it was the directory: it is doubted at the first few."""


class Returning:
    """One for the process.  Nobody who gets in needs the volatile state for it: what was remembered works
    while that is away, and whatever limits others have reached."""

    def __init__(
        self,
        devices: Devices,
        misses: Misses,
        asking: Asking,
        notices: Notices,
        judge: Judge,
        limits: Limits,
    ) -> None:
        self._devices = devices
        self._misses = misses
        self._asking = asking
        self._notices = notices
        self._judge = judge
        self._limits = limits
        self._refused: deque[tuple[tuple[str, str], Device]] = deque(maxlen=LATELY)

    async def known(self, login: Login) -> Device | None:
        """The device that its string is.  A password alone is none where nobody would be asked about it."""
        device = await self._devices.counting(login.request, login.account)
        if device is None or device.kind != APPROVAL:
            return device
        question = await self._judge.question(login.request, login.who)
        login.story.least = question.least  # an old password is refused no sooner than a wrong one
        return device if question.form == "approval" else None

    async def accepted(self, login: Login, device: Device, entry: Entry | None) -> Accepted:
        """A string that is known is judged by its record alone, and nothing is counted against its owner.
        `entry` may be None where no directory `needs_password`."""
        story = login.story
        story.how = "app-password" if device.kind == APP_PASSWORD else "device"
        story.device, story.source, story.counted = device.id, Source.TRUSTED, False
        reason = self._devices.verdict(device, login.request)
        if reason == WAITS:
            raise LoginUnavailable(reason)
        if reason:
            if device.kind in GUESSABLE:
                await self._like_any_other(login)
            if reason == "other-network":
                self._notices.tell(
                    login.who.subject,
                    "out-of-context",
                    device=device.id,
                    label=device.label,
                    network=network_of(login.request.address),
                    **login.facts(),
                )
            raise LoginRefused(reason)
        self._misses.check(device, login.request.address)
        password = self._devices.password(device, login.secret)
        opened = await self._opened(login, device, password, entry)
        try:
            await self._devices.succeeded(device, login.who.name, login.request, password)
        except BaseException:
            dropped(opened)
            raise
        vault = device.kind == APP_PASSWORD and password is not None
        return login.accepted(password or b"", device.id, opened, vault=vault)

    async def _like_any_other(self, login: Login) -> None:
        """`TooManyAttempts` where a string that nobody has saved would get that: who is locked out does not
        learn from the answer which one is saved, or he could try them all.  It costs nothing."""
        question = await self._judge.question(login.request, login.who)
        admission = await self._limits.admitted(await self._judge.attempt(login.request, login.who, question))
        await admission.forgiven()

    async def _opened(self, login: Login, device: Device, password: bytes | None, entry: Entry | None) -> Any:
        if password is None or entry is None:
            return await self._asking.without_password(login.who, login.request)
        try:
            return await self._asked(login, device, password, entry)
        except LoginRefused as refused:
            if login.who.reason or refused.reason == NO_VAULT:
                raise
            self._refused.append((entry.where, device))
            await self._devices.refused(device)
            raise LoginRefused("old-password") from None
        except LoginUnavailable as unavailable:
            if unavailable.reason == DOUBTED:
                self._pardon(entry.where)
            raise

    async def _asked(self, login: Login, device: Device, password: bytes, entry: Entry) -> Any:
        who, request = login.who, login.request
        if device.kind == APP_PASSWORD:
            return await self._asking.unsealed(who, password, request, entry)
        both = device.kind == BOTH_STRING
        judge = self._judge.still_right(request, who, device.created) if both else None
        return await self._asking.opened(who, password, request, entry, coded=False, judge=judge)

    def _pardon(self, directory: tuple[str, str]) -> None:
        """It refuses everybody (`Entry.where`): those who were the first have no old password either."""
        refused = list(self._refused)
        self._refused.clear()
        for where, device in refused:
            if where == directory:
                spawn(self._devices.pardoned(device), "pardoning a device")


def the_returning(assembly: Assembly) -> Returning:
    """For `assembly.one`."""
    return Returning(
        assembly.one(the_devices),
        assembly.one(the_misses),
        assembly.one(the_asking),
        assembly.one(the_notices),
        assembly.one(the_judge),
        assembly.one(the_limits),
    )
