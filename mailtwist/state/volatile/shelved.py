"""Volatile state whose facts lie on shelves, wherever these are: limits, codes, refusals, bans."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from mailtwist.kit.ids import new_id
from mailtwist.state.records import Ban, Bucket, Charge, Denied, Use
from mailtwist.state.volatile import rules
from mailtwist.state.volatile.rules import BANS, COUNTED, MEMBERS_OF, REFUSED, USED
from mailtwist.state.volatile.shelves import Kind, Moment, Shelves

T = TypeVar("T")
Need = tuple[Kind[Any], str]
Rule = Callable[[Shelves, Moment], T]


class Shelved:
    """Most of `state.api.Volatile`, for who says in `_apply` how a rule is applied."""

    async def _apply(self, needs: Sequence[Need], rule: Rule[T], changes: bool = True) -> T:
        """What `rule` returns, in one atomic step; it looks at what it `needs` and at nothing else.  It may
        be applied again when the first time came to nothing."""
        raise NotImplementedError

    async def charge(self, buckets: Sequence[Bucket], lease: float) -> Charge | Denied:
        id = new_id()
        needs = [(COUNTED, bucket.key) for bucket in buckets]
        return await self._apply(needs, lambda shelves, at: rules.charge(shelves, at, id, buckets, lease))

    async def refund(self, charge: Charge) -> None:
        needs = [(COUNTED, key) for key, _, _ in charge.entries]
        await self._apply(needs, lambda shelves, at: rules.refund(shelves, at, charge))

    async def keep(self, charge: Charge) -> None:
        needs = [(COUNTED, key) for key, _, _ in charge.entries]
        await self._apply(needs, lambda shelves, at: rules.keep(shelves, at, charge))

    async def spent(self, key: str, window: float) -> float:
        return await self._apply(
            [(COUNTED, key)], lambda shelves, at: rules.spent(shelves, at, key, window), False
        )

    async def clear(self, keys: Sequence[str]) -> None:
        def rule(shelves: Shelves, at: Moment) -> None:
            for key in keys:
                shelves.pop(COUNTED, key)

        await self._apply([(COUNTED, key) for key in keys], rule)

    async def add_distinct(self, key: str, member: bytes, window: float) -> int:
        return await self._apply(
            [(MEMBERS_OF, key)], lambda shelves, at: rules.add_distinct(shelves, at, key, member, window)
        )

    async def count_distinct(self, key: str, window: float) -> int:
        return await self._apply(
            [(MEMBERS_OF, key)], lambda shelves, at: rules.count_distinct(shelves, at, key, window), False
        )

    async def use_once(self, code: str, step: int, floor: int, by: bytes, address: str, join: float) -> Use:
        return await self._apply(
            [(USED, code)],
            lambda shelves, at: rules.use_once(shelves, at, code, step, floor, by, address, join),
        )

    async def refuse(self, secret: bytes, seconds: float) -> None:
        key = secret.hex()
        await self._apply([(REFUSED, key)], lambda shelves, at: rules.refuse(shelves, at, key, seconds))

    async def refused(self, secret: bytes) -> float | None:
        key = secret.hex()
        return await self._apply([(REFUSED, key)], lambda shelves, at: rules.refused(shelves, at, key), False)

    async def forgive(self, secret: bytes) -> None:
        key = secret.hex()
        await self._apply([(REFUSED, key)], lambda shelves, at: shelves.pop(REFUSED, key))

    async def ban(self, ban: Ban) -> bool:
        return await self._apply([(BANS, ban.subject)], lambda shelves, at: rules.ban(shelves, at, ban))

    async def banned(self, subjects: Sequence[str]) -> Ban | None:
        needs = [(BANS, subject) for subject in subjects]
        return await self._apply(needs, lambda shelves, at: rules.banned(shelves, at, subjects), False)

    async def lift(self, subject: str) -> bool:
        return await self._apply([(BANS, subject)], lambda shelves, at: rules.lift(shelves, at, subject))
