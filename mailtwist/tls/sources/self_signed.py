"""A certificate of our own making: TLS from the first second, for a demo or until a real one is there."""

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.interfaces import IDelayedCall

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.kit.events import Event
from mailtwist.kit.files import write_whole
from mailtwist.kit.spawn import spawn
from mailtwist.tls.certificates import BadCertificate, Bundle, read_bundle
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.names import ServerName, ServerNames, covers, server_name
from mailtwist.tls.own import self_signed

MADE = Event("tls.self_signed", "{section}: made a certificate for {names}, valid until {until}: {path}")
NOT_RENEWED = Event("tls.not_renewed", "{section}: no new certificate was made: {error}", "error")

RENEW_BEFORE = 30 * 86400.0
LOOK_EVERY = 6 * 3600.0
LOOPBACK = ("127.0.0.1", "::1")


@dataclass(frozen=True)
class Settings:
    """A self-signed certificate."""

    names: ServerNames = setting(
        ServerNames(), words="Names in the certificate, besides the server's host name and localhost."
    )
    default_name: ServerName = setting(
        ServerName(""),
        words="The name whose certificate is shown to clients that ask for none, or for one that is not here;"
        " by default the server's host name.",
    )
    session_tickets: bool = setting(True, words="Clients may resume a TLS session by a ticket.")


class SelfSigned(ServerContexts):
    """A context factory with one certificate, kept in the state folder and made anew when it is missing,
    unusable, for other names, or near its end."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        super().__init__(settings.default_name, settings.session_tickets)
        self._assembly = assembly
        self._path = assembly.folder / "tls" / f"{assembly.name}.pem"
        self._names = _names(assembly.hostname, settings.names)
        self._next: IDelayedCall | None = None

    async def start(self) -> None:
        self._look_later()
        await self._look()

    async def reload(self) -> None:
        """What is served is good for another while, or else it stays and the log says why."""
        self._look_later()
        try:
            await self._look()
        except (OSError, BadCertificate) as error:
            NOT_RENEWED.log(section=f"[tls:{self._assembly.name}]", error=str(error))

    async def stop(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()

    async def _look(self) -> None:
        bundle = await self._assembly.threads.run(self._bundle)
        if [one.leaf for one in self.bundles] != [bundle.leaf]:
            self.serve([bundle])

    def _look_later(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = self._assembly.clock.later(LOOK_EVERY, self._look_again)

    def _look_again(self) -> None:
        spawn(self.reload(), "renewing a certificate")

    def _bundle(self) -> Bundle:
        """In a thread."""
        known = self._known()
        if known is not None:
            return known
        pem = self_signed(self._names, self._assembly.clock.now())
        self._assembly.files.make_folder(self._path.parent)
        write_whole(self._assembly.files, self._path, pem, 0o600)
        made = read_bundle(pem, pem)
        section, names = f"[tls:{self._assembly.name}]", ", ".join(self._names)
        MADE.log(section=section, names=names, until=made.until, path=str(self._path))
        return made

    def _known(self) -> Bundle | None:
        try:
            pem = self._path.read_bytes()
            bundle = read_bundle(pem, pem)
        except (OSError, BadCertificate):
            return None
        now = self._assembly.clock.now()
        if bundle.troubles(now) or bundle.expired(now + RENEW_BEFORE):
            return None
        hosts = [name for name in self._names if name not in LOOPBACK]
        return bundle if all(covers(bundle.names, name) for name in hosts) else None


def _names(hostname: str, wanted: Sequence[str]) -> tuple[str, ...]:
    try:
        host = [server_name(hostname)]
    except ValueError:  # a machine may be called anything
        host = []
    return tuple(dict.fromkeys([*host, *wanted, "localhost", *LOOPBACK]))


part = Part(Settings, SelfSigned)
