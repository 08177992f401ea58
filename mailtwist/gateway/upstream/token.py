"""The way to log in behind us with the access token that the client has shown here."""

from mailtwist.auth.api import LoginRefused
from mailtwist.config.part import Assembly
from mailtwist.gateway.api import Errand
from mailtwist.gateway.upstream.names import Names
from mailtwist.gateway.upstream.settings import Settings
from mailtwist.gateway.upstream.talk import Talk


class Handed:
    """`gateway.upstream.ways.LogsIn`.  The server behind judges the token too: it has to be one for both.
    Who has logged in here by a password has none."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._names = Names(settings, assembly)

    async def log_in(self, talk: Talk, errand: Errand) -> None:
        if not errand.token:
            raise LoginRefused("no-vault")
        await talk.token(self._names.of(errand), errand.token)
