"""The way to log in behind us with an access token; the client's password stays here."""

from mailtwist.auth.api import AccountUnavailable, LoginRefused, LoginUnavailable
from mailtwist.config.part import Assembly
from mailtwist.gateway.api import Errand, SourceAway, TokenSource
from mailtwist.gateway.upstream.names import Names
from mailtwist.gateway.upstream.settings import Settings
from mailtwist.gateway.upstream.talk import Talk
from mailtwist.kit.events import Event

REFUSED = Event(
    "upstream.token_refused",
    "[upstream:{upstream}] {where} takes no access token of {name}, not even a new one: perhaps it knows him"
    " by another name, or the scope of [oauth:{source}] is another",
    "error",
)


class Xoauth2:
    """`gateway.upstream.ways.LogsIn`.  A token that is not taken is no wrong password: whoever logs in could
    mend it by no other one."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._name = assembly.name
        self._names = Names(settings, assembly)
        self._from = settings.oauth or ""
        self._source: TokenSource = assembly.part("oauth", self._from)

    async def log_in(self, talk: Talk, errand: Errand) -> None:
        user = self._names.of(errand)
        token = await self._token(errand)
        try:
            await talk.token(user, token.encode())
            return
        except LoginRefused:
            token = await self._token(errand, token)
        try:
            await talk.token(user, token.encode())
        except LoginRefused:
            where = talk.call.where
            REFUSED.log(upstream=self._name, where=where, name=errand.name, source=self._from)
            raise AccountUnavailable("token-refused") from None

    async def _token(self, errand: Errand, refused: str = "") -> str:
        try:
            return await self._source.access_token(errand.account, errand.name, refused=refused)
        except AccountUnavailable:
            raise
        except LoginUnavailable as away:
            raise SourceAway(away.reason) from away
