"""The way to log in behind us as a master user, who may be anybody; the client's password stays here."""

from mailtwist.auth.api import AccountUnavailable, LoginRefused
from mailtwist.config.part import Assembly
from mailtwist.gateway.api import Errand
from mailtwist.gateway.upstream.names import Names
from mailtwist.gateway.upstream.settings import Settings
from mailtwist.gateway.upstream.talk import Talk
from mailtwist.kit.events import Event

REFUSED = Event(
    "upstream.master_refused",
    "[upstream:{upstream}] {where} refuses the master user's login for {name}: it does not know one of them,"
    " or not this password",
    "error",
)


class Master:
    """`gateway.upstream.ways.LogsIn`.  A refusal is nothing that a client could mend by another password."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._name = assembly.name
        self._names = Names(settings, assembly)
        self._master = (settings.master_user or "").encode()
        self._password = settings.master_password.reveal().encode() if settings.master_password else b""
        self._by_name = settings.master_form == "*"

    async def log_in(self, talk: Talk, errand: Errand) -> None:
        user = self._names.of(errand)
        try:
            if self._by_name:
                await talk.password(user + b"*" + self._master, self._password)
            else:
                await talk.password(self._master, self._password, authzid=user)
        except LoginRefused:
            REFUSED.log(upstream=self._name, where=talk.call.where, name=errand.name)
            raise AccountUnavailable(f"{talk.call.where} refuses the master user") from None
