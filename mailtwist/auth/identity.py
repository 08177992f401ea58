"""Whom a login means: one account, whatever the client calls it."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailtwist.auth.api import Directory, LoginRefused, LoginRequest, Person
from mailtwist.auth.names import BadName, clean, login_name
from mailtwist.config.domain import DomainSettings, windows_domains
from mailtwist.config.login import LoginSettings
from mailtwist.config.part import Assembly
from mailtwist.state.keys import IDENTITY, Keys
from mailtwist.state.process import keys

UNKNOWN, DISABLED = "unknown", "disabled"


@dataclass(frozen=True, slots=True)
class Who:
    """Whom a name means.  A name that means nobody, or somebody who may not log in (`reason`), has an account
    id of its own that depends on the name, so that it takes the same way and is counted like a real one.
    `directory` is the name of the one that knows him, or would be asked; '' when there is none.
    `subject` is the id under which things are told: of who is disabled, his own."""

    account: str
    name: str
    person: Person
    directory: str
    reason: str = ""
    subject: str = ""

    @property
    def known(self) -> bool:
        """A directory has this name."""
        return self.reason != UNKNOWN


class Identities:
    """All directories by name, in the order in which they are asked."""

    def __init__(
        self,
        directories: Mapping[str, Directory],
        keys: Keys,
        settings: LoginSettings,
        windows: Mapping[str, str] = {},
    ) -> None:
        self._directories = directories
        self._keys = keys
        self._settings = settings
        self._windows = windows

    def name(self, request: LoginRequest) -> str:
        """The canonical login name; '' when only an access token says it.  `LoginRefused` when it can be
        nobody's, or somebody else's identity is asked for."""
        if not clean(request.user, request.secret, bearer=request.bearer):
            raise LoginRefused("bad-octets")
        if not request.user and not request.authzid:
            return ""
        domain = self._settings.default_domain or ""
        try:
            name = login_name(request.user, domain, self._windows)
            wanted = login_name(request.authzid, domain, self._windows) if request.authzid else name
        except BadName:
            raise LoginRefused("bad-name") from None
        if wanted != name:
            raise LoginRefused("other-identity")
        return name

    async def who(self, name: str) -> Who:
        """The first directory that knows the name decides.  '' is nobody's."""
        for where, directory in self._directories.items() if name else ():
            person = await directory.find(name)
            if person is not None and person.enabled:
                return Who(person.account, person.name, person, where, "", person.account)
            if person is not None:
                return self._nobody(name, where, DISABLED, person.account)
        return self._nobody(name, next(iter(self._directories), ""), UNKNOWN, "")

    def _nobody(self, name: str, directory: str, reason: str, subject: str) -> Who:
        mark = self._keys.mac(IDENTITY, self._keys.versions(IDENTITY)[0], "nobody", name)
        account = f"?{mark[:10].hex()}"
        return Who(account, name, Person(account, name), directory, reason, subject or account)


def the_identities(assembly: Assembly) -> Identities:
    """For `assembly.one`."""
    windows = windows_domains(assembly.several(DomainSettings))
    return Identities(assembly.parts("directory"), keys(assembly), assembly.login, windows)
