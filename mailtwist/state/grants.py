"""Refresh tokens that must last: sealed with our keys, changed only by who knows what they were."""

from dataclasses import replace

from mailtwist.kit.clock import Clock
from mailtwist.kit.ids import new_id
from mailtwist.state.api import Durable
from mailtwist.state.keys import SEEDS, Keys
from mailtwist.state.records import Grant

_TRIES = 5
"""Another process seals a refresh token anew when keys are rotated; that is once, and seldom."""


def about(grant: Grant) -> tuple[str, ...]:
    """What its refresh token is sealed for."""
    return grant.account, "oauth", grant.source, grant.id


def resealed(keys: Keys, grant: Grant) -> Grant:
    """The same refresh token, sealed with the newest key."""
    token = keys.unseal(grant.key_version, grant.sealed, *about(grant))
    return _sealed(keys, grant, token)


def _sealed(keys: Keys, grant: Grant, token: bytes) -> Grant:
    version, sealed = keys.seal(token, *about(grant))
    return replace(grant, key_version=version, sealed=sealed)


class Grants:
    """What `[oauth:...]` sections keep."""

    def __init__(self, durable: Durable, keys: Keys, clock: Clock) -> None:
        self._durable = durable
        self._keys = keys
        self._clock = clock

    async def of(self, account: str, source: str) -> Grant | None:
        return await self._durable.grant(account, source)

    async def put(self, account: str, source: str, name: str, token: str) -> Grant:
        """The account is connected: this refresh token is on the disk, and an older one is gone."""
        await (
            self._keys.reload()
        )  # what is sealed with a key that another process has forgotten would be lost
        now = self._clock.now()
        made = _sealed(self._keys, Grant(new_id(), account, source, name, b"", 0, now, now), token.encode())
        await self._durable.set_grant(made)
        return made

    async def opened(self, grant: Grant) -> str:
        """Its refresh token."""
        if grant.key_version not in self._keys.versions(SEEDS):  # another process has sealed it
            await self._keys.reload()
        return self._keys.unseal(grant.key_version, grant.sealed, *about(grant)).decode()

    async def renewed(self, known: Grant, used: str, token: str) -> Grant | None:
        """The provider has taken the refresh token `used` and given `token`, perhaps the same, which is on
        the disk now.  None when there is another one than `used`, or none: then nothing has happened."""
        now: Grant | None = known
        for _ in range(_TRIES):
            if now is None or now.id != known.id or await self.opened(now) != used:
                return None
            if token == used and now.refused_at is None:
                return now
            await self._keys.reload()
            changed = replace(_sealed(self._keys, now, token.encode()), refused_at=None)
            if token != used:
                changed = replace(changed, renewed=self._clock.now())
            if await self._durable.change_grant(now, changed):
                return changed
            now = await self.of(known.account, known.source)
        return None

    async def refused(self, known: Grant) -> bool:
        """The provider takes its refresh token no more.  False when there is another one by now."""
        return await self._durable.change_grant(known, replace(known, refused_at=self._clock.now()))

    async def forget(self, account: str, source: str) -> bool:
        """False when there was none."""
        return await self._durable.remove_grant(account, source)
