"""The way to log in behind us with the client's own password."""

from mailtwist.auth.api import LoginRefused
from mailtwist.config.part import Assembly
from mailtwist.gateway.api import Errand
from mailtwist.gateway.upstream.names import Names
from mailtwist.gateway.upstream.settings import Settings
from mailtwist.gateway.upstream.talk import Talk


class Passthrough:
    """`gateway.upstream.ways.LogsIn`."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._names = Names(settings, assembly)

    async def log_in(self, talk: Talk, errand: Errand) -> None:
        if not errand.password:
            raise LoginRefused("no-vault")
        await talk.password(self._names.of(errand), errand.password)
