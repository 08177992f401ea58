"""Certificates from files that somebody else renews (certbot, acme.sh, a colleague), served at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from twisted.internet.defer import DeferredLock

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.kit.events import Event
from mailtwist.tls.certificates import BadCertificate, Bundle, read_bundle
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.ending import Ending
from mailtwist.tls.followed import Followed
from mailtwist.tls.names import ServerName, ServerNames, covers
from mailtwist.tls.own_listeners import OwnListeners

SERVED = Event("tls.served", "{section}: certificate for {names}, valid until {until}")
KEPT = Event(
    "tls.kept", "{section}: new certificate not taken, the old one stays: {setting}: {words}", "error"
)

MUST_BE_STAPLED = (
    "some clients refuse it without an OCSP answer (must-staple), and none is sent; order one without"
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
    """A context factory whose certificates are in files.  They are read by `start`, by `reload`, and when
    somebody has changed them."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        super().__init__(settings.default_name, settings.session_tickets)
        self._settings = settings
        self._assembly = assembly
        self._section = f"[tls:{assembly.name}]"
        self._pairs: list[Bundle] = []
        self._one_at_a_time = DeferredLock()
        self._ending = Ending(self._section)
        self._own = OwnListeners(self, self._section, assembly.clock)
        files = [*settings.certificate, *settings.key]
        self._files = Followed(files, assembly.clock, assembly.threads, self._renewed, self._look)

    async def start(self) -> None:
        """Raises `BadCertificate`.  A certificate that is only too old is served all the same: that is
        better than no TLS, and the log says so."""
        from twisted.internet import reactor

        await self._files.start(reactor)
        try:
            pairs = await self._assembly.threads.run(_read, self._settings)
            self.serve(_only(self._settings.names, pairs))
        except BadCertificate as bad:
            self._files.stop()
            raise BadCertificate(bad.setting, f"{self._section} {bad.setting}: {bad.words}") from None
        self._pairs = pairs
        self._look()
        for bundle in self.bundles:
            self._tell_served(bundle)

    async def stop(self) -> None:
        self._files.stop()
        self._own.stop()

    async def reload(self) -> None:
        """The files as they are now.  Of a pair that cannot be served the old one stays, and the log says
        why."""
        await self._files.seen()
        await self._renewed(True)
        self._look()

    def _look(self) -> None:
        self._ending.look(self.bundles, self._assembly.clock.now())

    # -- renewed files
    async def _renewed(self, loud: bool) -> bool:
        """Whether all that is there can be served; if not, that is told, when `loud`."""
        await self._one_at_a_time.acquire()
        try:
            read = await self._assembly.threads.run(_read_each, self._settings)
            refused = [one for one in read if isinstance(one, BadCertificate)]
            new = {
                at: one for at, one in enumerate(read) if isinstance(one, Bundle) and self._is_new(at, one)
            }
            refused += self._too_old(new)
            refused += await self._take(new)
        finally:
            self._one_at_a_time.release()
        for bad in refused if loud else ():
            KEPT.log(section=self._section, setting=bad.setting, words=bad.words)
        return not refused

    def _is_new(self, at: int, bundle: Bundle) -> bool:
        return bundle.contents != self._pairs[at].contents

    def _too_old(self, new: dict[int, Bundle]) -> list[BadCertificate]:
        """Why some are left out of `new`."""
        now = self._assembly.clock.now()
        bad = {at: words for at, bundle in new.items() for words in bundle.troubles(now)}
        for at in bad:
            del new[at]
        return [BadCertificate("certificate", f"{self._settings.certificate[at]} {bad[at]}") for at in bad]

    async def _take(self, new: Mapping[int, Bundle]) -> list[BadCertificate]:
        """They are served, or as many of them as can be; why not the others."""
        left = dict(new)
        try:
            await self._show(left)
        except BadCertificate as bad:
            return await self._take_one_by_one(left) if len(left) > 1 else [bad]
        return []

    async def _take_one_by_one(self, left: dict[int, Bundle]) -> list[BadCertificate]:
        """One may have a name that another one has lost."""
        refused: dict[int, BadCertificate] = {}
        for at in [*left, *left]:
            if at not in left:
                continue
            try:
                await self._show({at: left[at]})
                del left[at]
            except BadCertificate as bad:
                refused[at] = bad
        return [refused[at] for at in left]

    async def _show(self, new: Mapping[int, Bundle]) -> None:
        """These in their places, from now on; or `BadCertificate`, and nothing has changed."""
        if not new:
            return
        pairs = [new.get(at, one) for at, one in enumerate(self._pairs)]
        await self.change(_only(self._settings.names, pairs))
        self._pairs = pairs
        for bundle in new.values():
            self._tell_served(bundle)
        self._own.look(self.bundles)

    def _tell_served(self, bundle: Bundle) -> None:
        SERVED.log(section=self._section, names=", ".join(bundle.names), until=bundle.until)


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """The files can be read, belong together, are not too old and are for the names that are wanted."""
    try:
        bundles = await assembly.threads.run(_read, settings)
        ServerContexts(settings.default_name).serve(_only(settings.names, bundles))
    except BadCertificate as bad:
        return [(bad.setting, bad.words)]
    now = assembly.clock.now()
    problems = [
        ("certificate", f"{path}: {words}")
        for path, bundle in zip(settings.certificate, bundles, strict=True)
        for words in bundle.troubles(now)
    ]
    problems += [
        ("certificate", f"{path}: {MUST_BE_STAPLED}")
        for path, bundle in zip(settings.certificate, bundles, strict=True)
        if bundle.must_be_stapled
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
    return [_pair(*files) for files in zip(settings.certificate, settings.key, strict=True)]


def _read_each(settings: Settings) -> list[Bundle | BadCertificate]:
    """In a thread."""
    found: list[Bundle | BadCertificate] = []
    for files in zip(settings.certificate, settings.key, strict=True):
        try:
            found.append(_pair(*files))
        except BadCertificate as bad:
            found.append(bad)
    return found


def _only(names: Sequence[str], bundles: Sequence[Bundle]) -> list[Bundle]:
    """`bundles`, each for those of `names` that it covers; without `names` for all its own."""
    if not names:
        return list(bundles)
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
