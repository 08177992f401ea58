"""One password tried on many accounts: the value is hot, without anybody keeping the password."""

from mailtwist.config.limits import DAY, LimitsSettings
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.state.api import Volatile
from mailtwist.state.keys import IDENTITY, Keys

OCTETS = 2
"""Of the keyed hash: enough to tell sprayed passwords apart, too little to know one by it."""

HOT = Event("limits.hot", "one password was tried in vain on {accounts} accounts", "warn")


class Spray:
    """Accounts by the truncated hash of the password that was tried in vain on them.  The hash is another one
    each day, so that nobody can tell who has had the same password for long."""

    def __init__(self, volatile: Volatile, keys: Keys, clock: Clock, settings: LimitsSettings) -> None:
        self._volatile = volatile
        self._keys = keys
        self._clock = clock
        self._rate = settings.spray

    async def hot(self, password: bytes) -> bool:
        count = await self._volatile.count_distinct(self._key(password), self._rate.seconds)
        return count >= self._rate.number

    async def failed(self, account: str, password: bytes) -> None:
        count = await self._volatile.add_distinct(
            self._key(password), account.encode("utf-8", "surrogateescape"), self._rate.seconds
        )
        if count == self._rate.number:
            HOT.log(accounts=count)

    def _key(self, password: bytes) -> str:
        day = str(int(self._clock.now() // DAY))
        version = self._keys.versions(IDENTITY)[0]
        return f"spray:{self._keys.mac(IDENTITY, version, 'spray', day, password)[:OCTETS].hex()}:{day}"
