"""New keys in the place of old ones, while the server runs: nothing is lost, whenever it is cut short."""

from dataclasses import dataclass

from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable, Volatile
from mailtwist.state.grants import resealed
from mailtwist.state.keys import CHANGED, DEVICES, SEEDS, Keys

BATCH = 100
HONOURED = 2
"""Versions of the key of devices with which a saved string is looked up."""


class StillNeeded(Trouble):
    """A key that cannot be forgotten yet."""

    def __init__(self, why: str) -> None:
        super().__init__("5.3.5", "The key is needed", why)


@dataclass(frozen=True, slots=True)
class Rotated:
    """`version` is the one that is used from now on; `resealed`: so many seeds and refresh tokens have
    changed to it.
    `finished`: it is not new, an earlier rotation had been cut short."""

    name: str
    version: int
    resealed: int = 0
    finished: bool = False


class Rotation:
    def __init__(self, keys: Keys, durable: Durable, volatile: Volatile) -> None:
        self._keys = keys
        self._durable = durable
        self._volatile = volatile

    async def rotate(self, name: str) -> Rotated:
        """A new version is used for whatever is made from now on, and seeds and refresh tokens are sealed
        with it.  Those that an earlier rotation has left behind come first: then nothing is new."""
        finished = name == SEEDS and await self._left_behind()
        version = self._keys.versions(name)[0] if finished else await self._keys.add(name)
        await self._volatile.announce(CHANGED)  # perhaps it was there that the earlier one was cut short
        return Rotated(name, version, await self._resealed() if name == SEEDS else 0, finished)

    async def forget(self, name: str, version: int) -> None:
        """An older version is gone for good.  `StillNeeded` says what needs it."""
        versions = self._keys.versions(name)
        if version not in versions:
            raise StillNeeded(f"there is no key {name}.{version}")
        if version == versions[0]:
            raise StillNeeded(f"{name}.{version} is the one in use; rotate first")
        if count := (await self.needed()).get((name, version)):
            what = (
                "seeds or refresh tokens are sealed with it; rotate again"
                if name == SEEDS
                else "saved strings are known by it"
            )
            raise StillNeeded(f"{name}.{version}: {count} {what}")
        await self._keys.forget(name, version)
        await self._volatile.announce(CHANGED)

    async def needed(self) -> dict[tuple[str, int], int]:
        """How much needs each key.  A string that is known by a version that nobody looks at any more needs
        nothing, and what the key of identity is for is counted anew with each version."""
        honoured = self._keys.versions(DEVICES)[:HONOURED]
        used = await self._durable.keys_used()
        return {(name, v): n for (name, v), n in used.items() if name != DEVICES or v in honoured}

    async def _left_behind(self) -> bool:
        newest = self._keys.versions(SEEDS)[0]
        tokens = await self._durable.sealed_before(newest, 1)
        return bool(tokens or await self._durable.grants_sealed_before(newest, 1))

    async def _resealed(self) -> int:
        """How many seeds and refresh tokens are sealed with the newest key now, and were not before.  Each is
        one change; one that another process changes meanwhile is looked at again."""
        newest = self._keys.versions(SEEDS)[0]
        return await self._seeds_resealed(newest) + await self._grants_resealed(newest)

    async def _seeds_resealed(self, newest: int) -> int:
        count = 0
        while batch := await self._durable.sealed_before(newest, BATCH):
            for token in batch:
                about = (token.account, token.id)
                seed = self._keys.unseal(token.key_version, token.sealed, *about)
                count += await self._durable.reseal(token, *self._keys.seal(seed, *about))
        return count

    async def _grants_resealed(self, newest: int) -> int:
        count = 0
        while batch := await self._durable.grants_sealed_before(newest, BATCH):
            for grant in batch:
                count += await self._durable.change_grant(grant, resealed(self._keys, grant))
        return count
