"""Strings that were wrong before: not judged again, not counted again."""

from dataclasses import dataclass
from typing import Literal

from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import together
from mailtwist.state.api import Durable, Volatile
from mailtwist.state.keys import IDENTITY, Keys
from mailtwist.state.process import durable, keys, volatile

KNOWN_FOR = 30 * 86400.0
"""A wrong string is a known wrong one for so long: a fixed list of strings meets no new codes, and a program
that goes on with an old one uses up nothing of its owner's."""

AGAIN_WITHIN = 90.0
"""Until then a code is judged again, and counted again: a clock may be at the edge of a step."""

ASKED_AGAIN_AFTER = 300.0
"""Seconds in which a directory is not asked again about a password that it refused."""

_ASKED_AGAIN = {"plain": ASKED_AGAIN_AFTER, "bearer": 60.0}
"""A token, too: it may be refused because new keys of its issuer are not known here yet."""

EVERYWHERE = "everywhere"
"""Of no network alone."""

Form = Literal["coded", "plain", "codeless", "bearer", "approval"]
"""A password with a code, a password where none is needed, a password where one is; an access token; a
password where its owner is asked on his phone."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a string: that it `stands` refused, and nobody is asked; that it was `counted` as a
    guess already, and nobody guesses with it; that there is `something` to forget once it is right."""

    stands: bool = False
    counted: bool = False
    something: bool = False


class Refusals:
    """Kept under keyed hashes of account and secret, apart for each form that a string can have: it changes
    when the account gets a factor, or the rules for it change, and then nothing stands against it."""

    def __init__(self, volatile: Volatile, durable: Durable, keys: Keys, clock: Clock) -> None:
        self._volatile = volatile
        self._durable = durable
        self._keys = keys
        self._clock = clock

    async def standing(self, account: str, secret: bytes, form: Form, network: str = "") -> Standing:
        """`network` is where the client is: nobody is asked on his phone about somebody who came from there
        a moment ago in vain, and about others he is."""
        if form == "coded":
            return await self._of_code(account, secret)
        if form == "approval":
            return await self._of_approval(account, secret, network)
        ago = await self._volatile.refused(self._mark(form, account, secret))
        if ago is None:
            return Standing()
        stands = ago <= _ASKED_AGAIN.get(form, -1.0) and not await self._changed(account, ago)
        return Standing(stands, True, True)

    async def _of_approval(self, account: str, secret: bytes, network: str) -> Standing:
        """A wrong password, and a right one to which nobody has said yes, differ in nothing that is seen: in
        how long it lasts, and where.  A wrong one is so everywhere, or each network could have the directory
        asked about it again, for nothing."""
        counted, *known = await together(
            self._volatile.refused(self._mark("approval", account, secret)),
            self._volatile.refused(self._mark("approval-here", account, secret, network)),
            self._volatile.refused(self._mark("approval-here", account, secret, EVERYWHERE)),
        )
        ago = min((one for one in known if one is not None), default=None)
        stands = ago is not None and not await self._changed(account, ago)
        return Standing(stands, counted is not None, counted is not None or ago is not None)

    async def asking(self, account: str, secret: bytes) -> None:
        """The password is right, and its owner is being asked: until he says yes it costs nobody more than a
        wrong one does, which was counted before."""
        await self._volatile.refuse(self._mark("approval", account, secret), KNOWN_FOR)

    async def not_approved(
        self, account: str, secret: bytes, network: str, seconds: float = ASKED_AGAIN_AFTER
    ) -> None:
        """The password was wrong (`EVERYWHERE`), or nobody has said yes about this network: it is not looked
        at again for so long."""
        await together(
            self._volatile.refuse(self._mark("approval", account, secret), KNOWN_FOR),
            self._volatile.refuse(self._mark("approval-here", account, secret, network), seconds),
        )

    async def _of_code(self, account: str, secret: bytes) -> Standing:
        """Whether the code was wrong, or was spent on a wrong password: it will not be right again."""
        wrong, spent = await together(
            self._volatile.refused(self._mark("wrong-code", account, secret)),
            self._volatile.refused(self._mark("coded", account, secret)),
        )
        stands = spent is not None or (wrong is not None and wrong > AGAIN_WITHIN)
        return Standing(stands, stands, stands or wrong is not None)

    async def wrong_code(self, account: str, secret: bytes) -> None:
        await self._volatile.refuse(self._mark("wrong-code", account, secret), KNOWN_FOR)

    async def wrong_password(self, account: str, secret: bytes, form: Form) -> None:
        """Also when it cannot be right, because the account needs a code and there is none."""
        await self._volatile.refuse(self._mark(form, account, secret), KNOWN_FOR)

    async def forgive(self, account: str, secret: bytes, form: Form, network: str = "") -> None:
        """It is right."""
        if form == "approval":
            for where in (network, EVERYWHERE):
                await self._volatile.forgive(self._mark("approval-here", account, secret, where))
        for kind in ("coded", "wrong-code") if form == "coded" else (form,):
            await self._volatile.forgive(self._mark(kind, account, secret))

    async def _changed(self, account: str, ago: float) -> bool:
        """Something has happened to the account since: its password may be another one."""
        since = self._clock.now() - ago
        return any(one.account == account and one.at >= since for one in await self._durable.endings(0))

    def _mark(self, kind: str, account: str, secret: bytes, *more: str) -> bytes:
        version = self._keys.versions(IDENTITY)[0]
        return self._keys.mac(IDENTITY, version, "refused", kind, account, secret, *more)


def the_refusals(assembly: Assembly) -> Refusals:
    """For `assembly.one`."""
    return Refusals(volatile(assembly), durable(assembly), keys(assembly), assembly.clock)
