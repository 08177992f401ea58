"""People that a checker of twisted.cred knows: any `ICredentialsChecker`, by its name or by strcred."""

from collections.abc import Collection
from dataclasses import dataclass
from traceback import extract_tb
from typing import Any

from twisted.cred import strcred
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.error import LoginDenied, UnauthorizedLogin
from twisted.internet.defer import CancelledError, maybeDeferred

from mailtwist.auth.api import LoginRequest, LoginUnavailable, Person
from mailtwist.auth.directories.accounts import account_of
from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import Dotted, Duration, Hostnames
from mailtwist.kit.steps import step

OURSELVES = "mailtwist"


@dataclass(frozen=True)
class Settings:
    """People that a checker of twisted.cred knows."""

    checker: str = setting(
        words="An `ICredentialsChecker` that takes user names with passwords: the name of the object, of its"
        " class or of a function that makes it; or what Twisted's `--auth` takes.",
        example="my_mail.people:Checker",
    )
    domains: Hostnames = setting(
        Hostnames(),
        words="The domains whose people it knows; only there they get mail. By default it is asked about"
        " everybody's logins.",
    )
    timeout: Duration = setting(Duration(30), words="How long its answer may take.")


class CredDirectory:
    """`auth.api.Directory` and `SupportsOpening`: what a login opens is the checker's own avatar id.

    A checker cannot tell whom it knows before it sees the password, so everybody in its domains may be
    somebody.  It sees the canonical name and the bare password, never a code."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._checker = checker_of(settings.checker)
        self._domains = frozenset(settings.domains)
        self._timeout = settings.timeout
        self._clock = assembly.clock
        self._words = f"[directory:{assembly.name}]"

    async def find(self, name: str) -> Person | None:
        if not self._answers_for(name):
            return None
        return Person(account_of(name), name, (name,) if name.rpartition("@")[2] in self._domains else ())

    async def recipient(self, address: str) -> Person | None:
        """Only in domains that it is said to know: everywhere would be an open relay."""
        domain = address.rpartition("@")[2]
        return await self.find(address) if domain in self._domains else None

    async def domains(self) -> Collection[str]:
        return self._domains

    async def accepts(self, person: Person, password: bytes) -> bool:
        return await self._avatar_id(person, password) is not None

    async def open(self, person: Person, password: bytes, request: LoginRequest) -> Any | None:
        return await self._avatar_id(person, password)

    async def _avatar_id(self, person: Person, password: bytes) -> Any | None:
        if not password or not self._answers_for(person.name):
            return None
        asked = maybeDeferred(self._checker.requestAvatarId, UsernamePassword(person.name.encode(), password))
        late = self._clock.later(self._timeout, asked.cancel)
        step("{words}: the checker is asked about {name}", words=self._words, name=person.name)
        try:
            return await asked
        except (UnauthorizedLogin, LoginDenied):
            return None
        except CancelledError:
            if late.active():  # it is the client that went
                raise
            raise LoginUnavailable(f"{self._words} does not answer") from None
        except Exception as error:
            raise LoginUnavailable(f"{self._words} failed: {_where(error)}") from None
        finally:
            if late.active():
                late.cancel()

    def _answers_for(self, name: str) -> bool:
        return not self._domains or name.rpartition("@")[2] in self._domains


def _where(error: Exception) -> str:
    """What went wrong in a checker, and in which line of it; not in its own words, which may have the
    password in them."""
    frames = extract_tb(error.__traceback__)
    line = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{line}"


def checker_of(text: str) -> Any:
    """The checker that `text` means; ValueError says why there is none that could be used."""
    kind = text.partition(":")[0]
    if kind == OURSELVES:
        raise ValueError("mailtwist cannot be its own directory")
    found = _by_strcred(text) if kind in _strcred_kinds() else _by_name(text)
    taken = [interface.__name__ for interface in found.credentialInterfaces]
    if not any(IUsernamePassword.isOrExtends(interface) for interface in found.credentialInterfaces):
        raise ValueError(
            f"{text} takes {', '.join(taken) or 'no credentials'}; it has to take IUsernamePassword, because"
            " a second factor comes with the password, and the answer to a challenge has no room for it"
        )
    return found


def _strcred_kinds() -> set[str]:
    return {factory.authType for factory in strcred.findCheckerFactories()}


def _by_strcred(text: str) -> Any:
    try:
        return strcred.makeChecker(text)
    except (strcred.StrcredException, LookupError, ValueError, OSError) as error:
        raise ValueError(
            f"{text.partition(':')[0]} makes no checker: {error or type(error).__name__}"
        ) from None


def _by_name(text: str) -> Any:
    found = Dotted.parse(text).resolve()
    if not ICredentialsChecker.providedBy(found) and callable(found):
        found = found()
    if not ICredentialsChecker.providedBy(found):
        raise ValueError(f"{text} does not provide twisted.cred.checkers.ICredentialsChecker")
    return found


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    try:
        checker_of(settings.checker)
    except ValueError as error:
        return [("checker", str(error))]
    return []


part = Part(Settings, CredDirectory, check)
