"""What a server behind us calls somebody."""

from mailtwist.auth.api import LoginRefused
from mailtwist.auth.names import BadName, login_name
from mailtwist.config.domain import DomainSettings, windows_domains
from mailtwist.config.part import Assembly
from mailtwist.gateway.api import Errand
from mailtwist.gateway.upstream.settings import Settings

NO_DOMAIN = (
    'with "user_name = local" people of several domains would be one there; write "domain = example.org", the'
    ' one that is cut off, or "default_domain" in [login]'
)


class Names:
    """The setting `user_name`: `canonical`: our login name; `typed`: what the client wrote, without a domain
    of Windows before it: the second factor was that of the name without; `local`: what stands before the @ of
    one domain.  ValueError when that is not said."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._form = settings.user_name
        self._default_domain = assembly.login.default_domain or ""
        self._windows = windows_domains(assembly.several(DomainSettings))
        self._domain = settings.domain or self._default_domain
        if self._form == "local" and not self._domain:
            raise ValueError(NO_DOMAIN)

    def of(self, errand: Errand) -> bytes:
        """`LoginRefused` for people of another domain than the one that is cut off: the second factor of
        theirs is not that of whoever has the name there."""
        if self._form == "local":
            local, _, domain = errand.name.rpartition("@")
            if not local or domain != self._domain:
                raise LoginRefused("bad-name")
            return local.encode()
        if self._form == "typed" and self._is_his(errand):
            return errand.typed.rpartition(b"\\")[2]
        return errand.name.encode()

    def _is_his(self, errand: Errand) -> bool:
        """What he typed is his name and no alias, which may be somebody else's name there."""
        try:
            return login_name(errand.typed, self._default_domain, self._windows) == errand.name
        except BadName:
            return False
