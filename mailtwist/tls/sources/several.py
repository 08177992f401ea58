"""Several sections as one: every listener that names this one shows the certificates of all of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from OpenSSL.SSL import Context

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.names import ServerName
from mailtwist.tls.table import Contents

NOT_TOGETHER = Event("tls.not_together", "[tls:{section}]: nothing changed: {setting}: {words}", "error")


class Sections(tuple[str, ...]):
    """Names of `[tls:...]` sections, separated by commas or blanks."""

    @classmethod
    def parse(cls, text: str) -> Self:
        names = [word for word in re.split(r"[\s,]+", text.strip()) if word]
        if not names:
            raise ValueError("write the name of a [tls:...] section, or several with commas between them")
        return cls(dict.fromkeys(names))


@dataclass(frozen=True)
class Settings:
    """Several tls sections as one."""

    sections: Sections = setting(
        words="The tls sections whose certificates are served together; for a name that two of them have, the"
        " certificate that was issued later.",
        example="public, partners",
    )
    default_name: ServerName = setting(
        ServerName(""),
        words="The name whose certificate is shown to clients that ask for none, or for one that is not here;"
        " by default the first name of the first section.",
    )
    session_tickets: bool = setting(True, words="Clients may resume a TLS session by a ticket.")


class Several(ServerContexts):
    """A context factory that follows others."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        super().__init__(settings.default_name, settings.session_tickets, assembly.clock)
        self._name = assembly.name
        self._members = [assembly.part("tls", name) for name in settings.sections]
        self.asked = self._pass_on

    async def start(self) -> None:
        """The members have started before: they were built before."""
        for member in self._members:
            member.listen(self._follow)
        await self._together()

    @property
    def made(self) -> Mapping[Contents, Context]:
        """What the members have made is ours too."""
        return {what: context for one in (super(), *self._members) for what, context in one.made.items()}

    @property
    def proving(self) -> bool:
        return super().proving or any(member.proving for member in self._members)

    def proof(self, name: bytes) -> Context | None:
        """Who orders a certificate for one of them knows nothing of us."""
        shown = (one.proof(name) for one in (super(), *self._members))
        return next((context for context in shown if context is not None), None)

    def _pass_on(self, name: str) -> None:
        for member in self._members:
            if member.asked is not None:
                member.asked(name)

    def _follow(self) -> None:
        spawn(self._followed(), "serving what one of several has changed")

    async def _followed(self) -> None:
        try:
            await self._together()
        except BadCertificate as bad:
            NOT_TOGETHER.log(section=self._name, setting=bad.setting, words=bad.words)

    async def _together(self) -> None:
        await self.change([bundle for member in self._members for bundle in member.bundles])


part = Part(Settings, Several)
