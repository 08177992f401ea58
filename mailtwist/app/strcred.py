"""`--auth mailtwist:/etc/mailtwist.ini` for any Twisted application: its logins are decided here."""

from pathlib import Path
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.internet.defer import Deferred, DeferredLock
from zope.interface import implementer

from mailtwist.app.assemble import Assembled
from mailtwist.auth.api import LoginUnavailable
from mailtwist.auth.checker import DecisionChecker, the_checker
from mailtwist.config.load import load
from mailtwist.config.sections import Config
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn, started
from mailtwist.kit.trouble import Trouble

NOT_BEGUN = Event("login.not_begun", "--auth mailtwist:{config}: nobody can log in: {error}", "error")


@implementer(ICredentialsChecker)
class ConfigChecker:
    """The checker of an ini file.  Directories, factors and state begin with the first login and end with the
    reactor; a server may use the same state folder at the same time."""

    credentialInterfaces = DecisionChecker.credentialInterfaces

    def __init__(self, config: Config) -> None:
        self._config = config
        self._begun: Assembled | None = None
        self._beginning = DeferredLock()

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        return started(self._login(credentials))

    async def _login(self, credentials: Any) -> Any:
        checker = await self._checker()
        return await checker.requestAvatarId(credentials)

    async def _checker(self) -> DecisionChecker:
        await self._beginning.acquire()
        try:
            if self._begun is None:
                self._begun = await self._assembled()
            return self._begun.one(the_checker)
        finally:
            self._beginning.release()

    async def _assembled(self) -> Assembled:
        assembled = Assembled(self._config)
        assembled.one(the_checker)
        try:
            await assembled.start()
        except (Trouble, OSError, ValueError) as error:
            NOT_BEGUN.log(config=str(self._config.path), error=str(error))
            raise LoginUnavailable(str(error)) from error
        from twisted.internet import reactor

        trigger = getattr(reactor, "addSystemEventTrigger")  # noqa: B009  (the reactor is a module to mypy)
        trigger("before", "shutdown", lambda: spawn(self.stop(), "ending logins"))
        return assembled

    async def stop(self) -> None:
        """Everything that began has ended; the next login begins anew."""
        begun, self._begun = self._begun, None
        if begun is not None:
            await begun.stop()


def checker_from(path: str) -> ConfigChecker:
    """For the ini file `path`: `BadConfig` or `CannotAssemble` when that cannot be."""
    config = load(Path(path))
    Assembled(config).one(the_checker)
    return ConfigChecker(config)
