"""Whether an account has room for a message, asked before the message comes.  rfc5321#4.5.3.1.10"""

from collections import OrderedDict
from collections.abc import Sequence

from mailtwist.delivery.api import Place
from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import together
from mailtwist.kit.trouble import Trouble
from mailtwist.store.api import OverQuota, Store, Usage

MOST = 10_000
FRESH = 10.0


class Full(Trouble):
    """The account is over its quota, or would be."""

    def __init__(self, account: str, for_good: bool, detail: str = "") -> None:
        status, later = ("5.2.2", "") if for_good else ("4.2.2", ", try again later")
        super().__init__(status, f"The mailbox is full{later}", f"{account}: {detail}")


class Room:
    """That of the accounts of a store.  Where there was room, nobody asks again for `FRESH` seconds: the
    store counts once more when the message is there.  Where there was none, everybody does."""

    def __init__(self, store: Store, clock: Clock, for_good: bool = False) -> None:
        self._store = store
        self._clock = clock
        self._for_good = for_good
        self._known: OrderedDict[str, tuple[float, Usage]] = OrderedDict()

    async def must_be(self, places: Sequence[Place], size: int) -> None:
        """`Full` when one of them has no room for so many octets; for 0, which says nothing, for one."""
        now, size = self._clock.seconds(), size or 1
        unknown = [place.account for place in places if not self._is_known(place.account, size, now)]
        if unknown:
            await together(*(self._look(account, size, now) for account in unknown))

    def full(self, account: str, over: OverQuota) -> Full:
        """What a sender hears when the store has counted."""
        self._known.pop(account, None)
        return Full(account, self._for_good, over.detail)

    def _is_known(self, account: str, size: int, now: float) -> bool:
        until, usage = self._known.get(account, (now, None))
        return usage is not None and now < until and usage.has_room(size)

    async def _look(self, account: str, size: int, now: float) -> None:
        opened = await self._store.account(account)
        try:
            usage = await opened.usage()
        finally:
            await opened.close()
        self._known[account] = now + FRESH, usage
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        try:
            usage.must_have_room(size)
        except OverQuota as over:
            raise Full(account, self._for_good, over.detail) from over
