"""Certificates from files that somebody else renews (certbot, acme.sh, a colleague), read again on reload."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.kit.events import Event
from mailtwist.tls.certificates import BadCertificate, Bundle, read_bundle
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.names import ServerName, ServerNames, covers

SERVED = Event("tls.served", "{section}: certificate for {names}, valid until {until}")
EXPIRED = Event("tls.expired", "{section}: the certificate for {names} {words}", "error")
KEPT = Event(
    "tls.kept", "{section}: new certificate not taken, the old one stays: {setting}: {words}", "error"
)


class Paths(tuple[Path, ...]):
    """File names, separated by commas."""

    @classmethod
    def parse(cls, text: str) -> Self:
        words = [word.strip() for word in text.split(",")]
        if not all(words):
            raise ValueError("write a file name, or several with commas between them")
        return cls(Path(word) for word in words)


@dataclass(frozen=True)
class Settings:
    """Certificates in PEM files."""

    certificate: Paths = setting(
        words="The certificate with its intermediates, PEM; several files with commas between them.",
        example="/etc/letsencrypt/live/mail.example.org/fullchain.pem",
    )
    key: Paths = setting(
        words="The private key of each certificate, PEM without a passphrase, in the same order.",
        example="/etc/letsencrypt/live/mail.example.org/privkey.pem",
    )
    names: ServerNames = setting(
        ServerNames(), words="Names to serve these certificates for; by default all that are in them."
    )
    default_name: ServerName = setting(
        ServerName(""),
        words="The name whose certificate is shown to clients that ask for none, or for one that is not here;"
        " by default the first name of the first certificate.",
    )
    session_tickets: bool = setting(True, words="Clients may resume a TLS session by a ticket.")


class FileCertificates(ServerContexts):
    """A context factory whose certificates are in files.  They are read by `start` and by `reload`."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        super().__init__(settings.default_name, settings.session_tickets)
        self._settings = settings
        self._assembly = assembly
        self._section = f"[tls:{assembly.name}]"

    async def start(self) -> None:
        """Raises `BadCertificate`.  A certificate that is only too old is served all the same: that is
        better than no TLS, and the log says so."""
        bundles = await self._assembly.threads.run(_read, self._settings)
        for bundle in bundles:
            for words in bundle.troubles(self._assembly.clock.now()):
                EXPIRED.log(section=self._section, names=", ".join(bundle.names), words=words)
        self._take(bundles)

    async def reload(self) -> None:
        """The files as they are now; what cannot be served changes nothing."""
        try:
            bundles = await self._assembly.threads.run(_read, self._settings)
            self._refuse_new_troubles(bundles)
            self._take(bundles)
        except BadCertificate as bad:
            KEPT.log(section=self._section, setting=bad.setting, words=bad.words)

    def _refuse_new_troubles(self, bundles: Sequence[Bundle]) -> None:
        """A certificate that is too old is not taken; one that is served already and was forgotten does not
        keep the others from being renewed."""
        served = [bundle.leaf for bundle in self.bundles]
        for bundle in bundles:
            for words in bundle.troubles(self._assembly.clock.now()):
                if bundle.leaf not in served:
                    raise BadCertificate("certificate", words)
                EXPIRED.log(section=self._section, names=", ".join(bundle.names), words=words)

    def _take(self, bundles: Sequence[Bundle]) -> None:
        self.serve(bundles)
        for bundle in bundles:
            SERVED.log(section=self._section, names=", ".join(bundle.names), until=bundle.until)


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """The files can be read, belong together, are not too old and are for the names that are wanted."""
    try:
        bundles = await assembly.threads.run(_read, settings)
        ServerContexts(settings.default_name).serve(bundles)
    except BadCertificate as bad:
        return [(bad.setting, bad.words)]
    now = assembly.clock.now()
    problems = [
        ("certificate", f"{path}: {words}")
        for path, bundle in zip(settings.certificate, bundles, strict=True)
        for words in bundle.troubles(now)
    ]
    return problems + [
        ("key", f"{path} can be read by everybody; write: chmod 600 {path}")
        for path in settings.key
        if path.stat().st_mode & 0o004
    ]


def _read(settings: Settings) -> list[Bundle]:
    """In a thread."""
    if len(settings.key) != len(settings.certificate):
        words = f"there are {len(settings.certificate)} certificates and {len(settings.key)} keys"
        raise BadCertificate("key", f"{words}; write one key for each certificate, in the same order")
    found = [_pair(*files) for files in zip(settings.certificate, settings.key, strict=True)]
    return _only(settings.names, found) if settings.names else found


def _only(names: Sequence[str], bundles: Sequence[Bundle]) -> list[Bundle]:
    """`bundles`, each for those of `names` that it covers."""
    for name in names:
        if not any(covers(bundle.names, name) for bundle in bundles):
            known = ", ".join(known for bundle in bundles for known in bundle.names)
            raise BadCertificate("names", f"no certificate is for {name}, they are for {known}")
    return [
        replace(bundle, names=tuple(name for name in names if covers(bundle.names, name)))
        for bundle in bundles
    ]


def _pair(certificate: Path, key: Path) -> Bundle:
    texts = _text("certificate", certificate), _text("key", key)
    try:
        return read_bundle(*texts)
    except BadCertificate as bad:
        path = key if bad.setting == "key" else certificate
        raise BadCertificate(bad.setting, f"{path}: {bad.words}")


def _text(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadCertificate(name, f"{path} cannot be read: {error.strerror}")


part = Part(Settings, FileCertificates, check)
