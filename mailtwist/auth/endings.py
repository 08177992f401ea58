"""What an admin ends, ends now: written where it lasts, then said to every process that runs."""

from mailtwist.auth.sessions import WORD
from mailtwist.config.part import Assembly
from mailtwist.kit.events import Event
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable, Volatile
from mailtwist.state.process import durable, volatile
from mailtwist.state.records import Device

NOT_SAID = Event("session.not_said", "running servers see within a second what has ended: {error}", "debug")


class Endings:
    """For commands and pages; ask for it before the state begins."""

    def __init__(self, assembly: Assembly) -> None:
        self._durable: Durable = durable(assembly)
        self._volatile: Volatile = volatile(assembly)
        self._clock = assembly.clock

    async def account(self, account: str, why: str) -> None:
        """All sessions of the account end, and what was known to be wrong is asked about again."""
        await self._durable.end_sessions(account, "", why, self._clock.now())
        await self.said()

    async def device(self, device: Device, why: str) -> bool:
        """It is revoked, and its sessions end; False when it was revoked before."""
        done = await self._durable.revoke(device.account, device.id, self._clock.now(), why)
        await self.said()
        return done

    async def devices(self, account: str, why: str) -> int:
        """All that live are revoked: so many."""
        now = self._clock.now()
        living = [device for device in await self._durable.devices(account) if device.alive(now)]
        for device in living:
            await self._durable.revoke(account, device.id, now, why)
        await self.said()
        return len(living)

    async def said(self) -> None:
        """Every process looks now; one that does not hear it looks by itself."""
        try:
            await self._volatile.announce(WORD)
        except Trouble as error:
            NOT_SAID.log(error=str(error))


def the_endings(assembly: Assembly) -> Endings:
    """For `assembly.one`."""
    return Endings(assembly)
