"""The way to log in behind us with a password that was sealed under an app password."""

from mailtwist.auth.api import LoginRefused
from mailtwist.config.part import Assembly
from mailtwist.gateway.api import Errand
from mailtwist.gateway.upstream.names import Names
from mailtwist.gateway.upstream.settings import Settings
from mailtwist.gateway.upstream.talk import Talk


class Sealed:
    """`gateway.upstream.ways.LogsIn`.  Any other password is one of our own directory, and no business of the
    server behind us."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._names = Names(settings, assembly)

    async def log_in(self, talk: Talk, errand: Errand) -> None:
        if not errand.vault:
            raise LoginRefused("no-vault")
        await talk.password(self._names.of(errand), errand.password)
