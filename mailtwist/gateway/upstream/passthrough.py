"""The way to log in behind us with the client's own password."""

from mailtwist.auth.api import LoginRefused
from mailtwist.config.part import Assembly
from mailtwist.config.problems import shown
from mailtwist.gateway.api import Errand
from mailtwist.gateway.upstream.names import Names
from mailtwist.gateway.upstream.settings import Settings
from mailtwist.gateway.upstream.talk import Talk
from mailtwist.kit.steps import step


class Passthrough:
    """`gateway.upstream.ways.LogsIn`."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._names = Names(settings, assembly)

    async def log_in(self, talk: Talk, errand: Errand) -> None:
        if not errand.password:
            raise LoginRefused("no-vault")
        name = self._names.of(errand)
        step("logging in as {name}", name=shown(name.decode("utf-8", "replace")))
        await talk.password(name, errand.password)
