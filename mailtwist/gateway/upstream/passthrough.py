"""The way to log in behind us with the client's own password."""

from mailtwist.auth.api import LoginRefused
from mailtwist.config.part import Assembly
from mailtwist.gateway.api import Errand
from mailtwist.gateway.upstream.names import user_name
from mailtwist.gateway.upstream.settings import Settings
from mailtwist.gateway.upstream.talk import Talk


class Passthrough:
    """`gateway.upstream.ways.LogsIn`."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._form = settings.user_name

    async def log_in(self, talk: Talk, errand: Errand) -> None:
        if not errand.password:
            raise LoginRefused("no-vault")
        await talk.password(user_name(errand, self._form), errand.password)
