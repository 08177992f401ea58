"""The way without a login behind us: the server believes us who it is."""

from mailtwist.auth.api import LoginUnavailable
from mailtwist.config.part import Assembly
from mailtwist.gateway.api import Errand
from mailtwist.gateway.upstream.settings import Settings
from mailtwist.gateway.upstream.talk import Talk


class Trusted:
    """`gateway.upstream.ways.LogsIn`: XCLIENT LOGIN has said it, before."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        """Nothing has to be known."""

    async def log_in(self, talk: Talk, errand: Errand) -> None:
        if not talk.vouched:
            raise LoginUnavailable(f"{talk.call.where} does not take XCLIENT LOGIN from us")
