"""The directory judges password and code in one: FreeIPA, or OpenLDAP with its overlay otp.  rfc4513#5.1"""

import re
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from twisted.internet.defer import DeferredSemaphore

from mailtwist.auth.api import AccountUnavailable, Directory, LoginUnavailable, Person
from mailtwist.auth.directories.binding import SupportsBinding
from mailtwist.auth.factors.api import Asked, Proof
from mailtwist.auth.factors.elsewhere import Coded, CodeSettings
from mailtwist.config.part import Assembly, Part
from mailtwist.config.problems import shown
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, PartName
from mailtwist.config.words import repeated, split
from mailtwist.kit.events import Event
from mailtwist.kit.steps import step
from mailtwist.kit.within import TooLate, within

T = TypeVar("T")
KIND = "ldap-concat"

NO_CODE = Event(
    "ldap_concat.no_code",
    "[factor:{factor}] the directory takes the same string of {account} twice, so there is no code in it: a"
    " password has digits at its end, and no token belongs to it; or codes count again and again there"
    " (`taken_once = no`)",
    "warn",
)

SHORTEST = 6
"""Digits of a code: which of those in the string are the code's alone, nobody here knows."""

NOT_LDAP = "directory = {name}: this directory takes no password and code in one; name one of `type = ldap`"
NO_ATTRIBUTE = '"{text}" is no attribute; write "pwdChangedTime", or "none"'
ATTRIBUTE_TWICE = '"{text}" is there twice; write it once'
NOT_READ = "when a password was changed cannot be read ({why}); mend it, or write `changed = none`"

TOGETHER = 30.0
"""Seconds in which parallel connections of one client come with the same string, whatever is known of the
password."""

STRANGERS = 32
"""Strings that are tried at once: nobody is known yet.  The directory has more connections (64), for those
whose passwords it judges; a server that is slow to refuse would keep them waiting."""

_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}")
_FILETIME = re.compile(rb"0|[0-9]{17,19}")
_GENERALIZED = re.compile(
    rb"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})(?:([0-9]{2})([0-9]{2})?)?(?:[.,][0-9]{1,9})?"
    rb"(?:Z|([+-])([0-9]{2})([0-9]{2})?)"
)
_WINDOWS_EPOCH = datetime(1601, 1, 1, tzinfo=UTC).timestamp()


class Attributes(tuple[str, ...]):
    """Names of attributes, or `none`."""

    kind: ClassVar[str] = "attributes"

    @classmethod
    def parse(cls, text: str) -> Self:
        if text.strip() == "none":
            return cls()
        found = cls(split(text))
        for one in found:
            if not _ATTRIBUTE.fullmatch(one):
                raise ValueError(NO_ATTRIBUTE.format(text=shown(one)))
        if twice := repeated(one.lower() for one in found):
            raise ValueError(ATTRIBUTE_TWICE.format(text=twice))
        return found

    def __str__(self) -> str:
        return ", ".join(self) or "none"


@dataclass(frozen=True)
class Settings(CodeSettings):
    """Codes that the directory takes in one string with the password, and says nothing about either alone.
    It is the one factor that hears passwords: the directory's own."""

    directory: Annotated[str, PartName("directory")] = setting(
        words="The directory whose people bind with both, of `type = ldap`.", example="people"
    )
    order: Literal["password code", "code password"] = setting(
        "password code", words="What comes first in what is sent there."
    )
    changed: Attributes = setting(
        Attributes(("krbLastPwdChange", "pwdChangedTime", "pwdLastSet")),
        words="Which attributes may tell when a password was changed (FreeIPA, OpenLDAP, Active Directory):"
        " the latest counts, and strings from before are no longer known. For people without any of them,"
        " or with `none`, no string is remembered: each login needs a new code.",
    )
    taken_once: bool = setting(
        True,
        words="The directory takes each code once. A string that was right is tried a second time: who has no"
        " token there, and a password that ends in digits, would come in with that alone. `no`, where codes"
        " count again and again: then everybody has to have a token.",
    )
    timeout: Annotated[Duration, AtLeast(0.1), AtMost(30)] = setting(
        Duration(10), words="How long the directory may take for both."
    )


class LdapConcat(Coded):
    """`auth.factors.api.Factor`, `SupportsSome` and `SupportsBoth`."""

    kind = KIND

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        super().__init__(settings, assembly)
        directory: Any = assembly.part("directory", settings.directory)
        self._settings = settings
        self._turns = DeferredSemaphore(STRANGERS)
        self._directory: Directory = directory
        if not isinstance(directory, SupportsBinding):
            raise ValueError(NOT_LDAP.format(name=settings.directory))
        self._binding: SupportsBinding = directory

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        """Of a code alone nobody says anything."""
        return None

    async def verify_both(self, asked: Asked, password: bytes, code: str) -> Proof | None:
        if not password or not self.looks_like(code):
            return None
        begun = self._clock.seconds()
        await self._turn(asked)
        try:
            waited = self._clock.seconds() - begun
            return await self._in_time(asked, self._verified(asked, password, code), waited)
        finally:
            self._turns.release()

    async def _turn(self, asked: Asked) -> None:
        async def acquired() -> None:
            await self._turns.acquire()

        try:
            await within(self._clock, min(float(self._settings.timeout), asked.seconds) / 2, acquired())
        except TooLate:
            raise AccountUnavailable("many strings wait for the directory") from None

    async def still_right(self, asked: Asked, since: float) -> bool:
        return await self._in_time(asked, self._still_right(asked, since))

    async def _verified(self, asked: Asked, password: bytes, code: str) -> Proof | None:
        both = (password, code.encode())
        secret = b"".join(both if self._settings.order == "password code" else both[::-1])
        right = await self._binding.bound(asked.person, secret)
        step("a bind with {order} in one: {word}", order=self._settings.order, word="yes" if right else "no")
        if not right or not await self._is_code(asked, secret):
            return None
        proof = self.proof(asked, self._surely(code))
        return replace(proof, password=True, lasts=await self._can_last(asked.person))

    async def _is_code(self, asked: Asked, secret: bytes) -> bool:
        """What was right once is wrong now."""
        if not self._settings.taken_once or not await self._binding.bound(asked.person, secret):
            return True
        step("the same string is right a second time: there is no code in it")
        NO_CODE.log(factor=self._section, account=asked.account)
        return False

    def _surely(self, code: str) -> str:
        """What belongs to the code however the string is divided, or another division would be a new code."""
        if not code.isdigit():
            return code
        return code[-SHORTEST:] if self._settings.order == "password code" else code[:SHORTEST]

    async def _can_last(self, person: Person) -> bool:
        """The code is used; what cannot be read now is no reason to ask for another."""
        try:
            return await self._changed(person) is not None
        except LoginUnavailable:
            return False

    async def _still_right(self, asked: Asked, since: float) -> bool:
        person = await self._directory.find(asked.person.name)
        if person is None or person.account != asked.account or not person.enabled:
            step("{name} is not there any more, or may not log in", name=asked.person.name)
            return False
        changed = await self._changed(person)
        if changed is None:
            return abs(self._clock.now() - since) < TOGETHER
        step("the password was changed {when}", when="since then" if changed > since else "before that")
        return changed <= since

    async def _changed(self, person: Person) -> float | None:
        """When his password was, in seconds since 1970; None when nothing says it."""
        if not self._settings.changed:
            return None
        found = await self._binding.attributes(person, self._settings.changed)
        times = _times(found)
        step("{names}: {told}", names=self._settings.changed, told="told" if times else "not told")
        return max(times, default=None)

    async def _in_time(self, asked: Asked, work: Coroutine[Any, Any, T], waited: float = 0.0) -> T:
        seconds = min(float(self._settings.timeout), asked.seconds) - waited
        try:
            return await within(self._clock, seconds, work)
        except TooLate:
            raise self.away(f"there was no answer in {seconds:g} s") from None


def _times(found: Mapping[str, tuple[bytes, ...]]) -> list[float]:
    told = (time_of(value) for values in found.values() for value in values)
    return [one for one in told if one is not None]


def time_of(value: bytes) -> float | None:
    """GeneralizedTime (rfc4517#3.3.13), or what Windows counts since 1601, where 0 says that the password has
    to be changed first; the end of the second, minute or hour that is told.  None for anything else."""
    if _FILETIME.fullmatch(value):
        return int(value) / 1e7 + _WINDOWS_EPOCH if int(value) else float("inf")
    found = _GENERALIZED.fullmatch(value)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    away = timedelta(hours=int(found[8] or 0), minutes=int(found[9] or 0))
    unit = 1 if found[6] else 60 if found[5] else 3600
    try:
        there = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
        return (there + (away if found[7] == b"-" else -away)).timestamp() + unit
    except (ValueError, OverflowError):
        return None


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """When passwords were changed can be read; the rest the directory tries itself."""
    factor = LdapConcat(settings, assembly)
    try:
        await factor._changed(Person("?check", "mailtwist-check"))
    except LoginUnavailable as trouble:
        return [("changed", NOT_READ.format(why=trouble.reason))]
    return []


part = Part(Settings, LdapConcat, check)
