"""Giving out app passwords: made, told once, sealed again when what is in them changes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailtwist.auth.app_passwords import app_password_id, new_app_password, opened_vault, sealed_vault
from mailtwist.auth.contexts import as_set_today
from mailtwist.auth.marks import Marks
from mailtwist.config.login import LoginSettings
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.state.api import Durable
from mailtwist.state.keys import Keys
from mailtwist.state.process import durable, keys
from mailtwist.state.records import APP_PASSWORD, Device


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an app password is to be for.  No `protocols`: all of them; no `networks`: everywhere.  `life` and
    `idle` are seconds, None as long as [login] lets it."""

    label: str = ""
    protocols: Sequence[str] = ()
    networks: Sequence[str] = ()
    life: float | None = None
    idle: float | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """`text` is told once, and nobody can say it again."""

    device: Device
    text: str = field(repr=False)


class AppPasswords:
    """The records are devices of the kind `app-password`."""

    def __init__(self, durable: Durable, keys: Keys, clock: Clock, settings: LoginSettings) -> None:
        self._durable = durable
        self._marks = Marks(keys)
        self._clock = clock
        self._settings = settings

    async def issue(self, account: str, wanted: Wanted, password: bytes | None = None) -> Issued:
        """A new one.  `password` is the account's own, for a directory that has to open something with it; it
        is sealed by the new one, and not even we can open that."""
        id, text = new_app_password()
        secret = text.encode("ascii")
        now, version = self._clock.now(), self._marks.version
        device = Device(
            id=id,
            account=account,
            kind=APP_PASSWORD,
            lookup=self._marks.of(account, secret, version),
            key_version=version,
            created=now,
            last_used=now,
            expires_at=now + (wanted.life or self._settings.app_passwords),
            idle=wanted.idle or self._settings.app_password_idle,
            protocols=tuple(wanted.protocols),
            label=wanted.label,
            uses=0,
            context="open",
            allowed=tuple(wanted.networks),
            vault=b"" if password is None else sealed_vault(secret, password, account, id),
            inner=self._marks.inner(account, password, version),
        )
        remembered = await self._durable.remember(device, self._settings.devices)
        return Issued(as_set_today(remembered.device, self._settings), text)

    async def reseal(self, account: str, secret: bytes, password: bytes) -> Device | None:
        """The new `password` is in the app password `secret` from now on.  None when there is no such living
        one, or none is in it."""
        if not app_password_id(secret):
            return None
        device = await self._durable.device(account, self._marks.all_of(account, secret))
        if device is None or not device.alive(self._clock.now()):
            return None
        if opened_vault(secret, device.vault, account, device.id) is None:
            return None
        version = self._marks.version
        await self._durable.reseal_vault(
            account, device.id, sealed_vault(secret, password, account, device.id)
        )
        mark, inner = self._marks.of(account, secret, version), self._marks.inner(account, password, version)
        await self._durable.rehash(account, device.id, mark, version, inner)
        await self._durable.note_success(account, device.id)
        return device


def the_app_passwords(assembly: Assembly) -> AppPasswords:
    """For `assembly.one`."""
    return AppPasswords(durable(assembly), keys(assembly), assembly.clock, assembly.login)
