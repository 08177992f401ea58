"""For tests of `type = ldap`: settings for the rig, a directory that ends, what it says."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from mailtwist.auth.directories.ldap.directory import LdapDirectory
from mailtwist.auth.directories.ldap.settings import Settings
from mailtwist.auth.directories.ldap.url import Urls
from mailtwist.config.login import LoginSettings
from mailtwist.config.secret import Secret
from mailtwist.config.values import Duration, File, Hostname
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.steps import steps_heard
from mailtwist.testing.assembly import OnePart
from tests.auth.directories.slapd import BASE, READER, READER_PASSWORD, slapd


def settings(**changed: Any) -> Settings:
    """Search, then bind, at the one slapd of the suite, by StartTLS."""
    its: dict[str, Any] = {
        "servers": Urls.parse(slapd().url),
        "roots": File(slapd().certificate.root),
        "base": BASE,
        "bind_dn": READER,
        "bind_password": Secret(READER_PASSWORD),
        "timeout": Duration(10),
    }
    return Settings(**{**its, **changed})


class LdapCase(TestCase):
    """`directory(...)` has these settings changed; `steps` is what it did, `events` what it logged."""

    default_domain: str | None = "example.org"

    def setUp(self) -> None:
        self.steps: list[str] = []
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def hearing(self) -> AbstractContextManager[None]:
        """What is done in this block is among the `steps`."""
        return steps_heard(self.steps.append)

    def assembly(self) -> OnePart:
        folder = Path(self.mktemp())
        folder.mkdir()
        domain = Hostname(self.default_domain) if self.default_domain else None
        made = OnePart(folder, clock=SystemClock(), login=LoginSettings(default_domain=domain), name="people")
        self.addCleanup(made.stop)
        return made

    def directory(self, **changed: Any) -> LdapDirectory:
        assembly = self.assembly()
        made = LdapDirectory(settings(**changed), assembly)
        assembly.made.append(made)
        return made

    def told(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one.get("event_id") == event]

    async def found(self, directory: LdapDirectory, name: str) -> Any:
        person = await directory.find(name)
        assert person is not None, name
        return person
