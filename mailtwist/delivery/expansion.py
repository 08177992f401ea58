"""What an address stands for: aliases, and aliases of aliases, down to the people at their ends."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from mailtwist.auth.api import Directory, LoginUnavailable, Person, SupportsAliases
from mailtwist.kit.trouble import Trouble

T = TypeVar("T")

DEEPEST = 10
"""Aliases of aliases."""

MOST = 1_000
"""Names that one address may stand for, on the way and at the end."""


class RecipientsUnknown(Trouble):
    """A directory is away."""

    def __init__(self, detail: str) -> None:
        super().__init__("4.4.3", "Recipients cannot be looked up now, try again later", detail)


class Astray(Trouble):
    """Aliases that lead too deep, to too many or in circles: an error of ours; the sender may come again."""

    def __init__(self, address: str, why: str) -> None:
        super().__init__("4.3.5", "The aliases of this address are set up wrongly", f"{address} {why}")


@dataclass
class Found:
    """`people` are those at the ends, by account, each with the detail of the address that led there.  `lost`
    are names that nobody has; those `in_circles` lead back to where they came from."""

    people: dict[str, tuple[Person, str]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    in_circles: list[str] = field(default_factory=list)


class Names:
    """What the names of directories lead to.  `detail` is what divides `user+detail`, '' for nothing."""

    def __init__(self, directories: Sequence[Directory], detail: str = "") -> None:
        self.directories = tuple(directories)
        self.aliasing = tuple(one for one in directories if isinstance(one, SupportsAliases))
        self.detail = detail


class Expansion:
    """Of one address.

    An alias that is met on the way to itself is the person of that name: `ann@` may stand for `ann@` and
    `bob@`, and Ann keeps her mail."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._seen: set[str] = set()
        self._asked = 0
        self.found = Found()

    async def add(self, name: str, path: tuple[str, ...] = ()) -> None:
        """Whoever gets mail for `name` is `found`.  It is a canonical address; behind a `path` of aliases (or
        of what the config says) also a login name.  `Astray`, `RecipientsUnknown`."""
        self._asked += 1
        if len(path) > DEEPEST:
            raise Astray(path[0], f"leads through more than {DEEPEST} aliases")
        if self._asked > MOST:
            raise Astray(path[0], f"stands for more than {MOST} names")
        for key, detail in self._spellings(name):
            if await self._is_alias(key, path) or await self._is_person(key, detail):
                return
        if path and not await self._is_login(name):
            (self.found.in_circles if name in path else self.found.lost).append(name)

    def _spellings(self, name: str) -> Iterator[tuple[str, str]]:
        """What to look for, in this order, and the detail that is left out of it."""
        yield name, ""
        local, at, domain = name.rpartition("@")
        if not at:
            return
        divider = self._names.detail
        user, divided, detail = local.partition(divider) if divider else (local, "", "")
        if user and divided:
            yield f"{user}@{domain}", detail
        yield f"@{domain}", ""

    async def _is_alias(self, key: str, path: tuple[str, ...]) -> bool:
        if key in path:
            return False
        if key in self._seen:
            return True
        for directory in self._names.aliasing:
            if targets := await told(directory.alias(key)):
                self._seen.add(key)
                for target in targets:
                    await self.add(target, (*path, key))
                return True
        return False

    async def _is_person(self, key: str, detail: str) -> bool:
        return self._met(await first(self._names.directories, lambda one: one.recipient(key)), detail)

    async def _is_login(self, name: str) -> bool:
        return self._met(await first(self._names.directories, lambda one: one.find(name)), "")

    def _met(self, person: Person | None, detail: str) -> bool:
        """It is somebody.  Who is met twice, with different details, is met with none."""
        if person is None:
            return False
        _, before = self.found.people.get(person.account, (person, detail))
        self.found.people[person.account] = person, detail if before == detail else ""
        return True


async def first(
    directories: Sequence[Directory], ask: Callable[[Directory], Awaitable[Person | None]]
) -> Person | None:
    """The first directory's answer that is one."""
    for directory in directories:
        person = await told(ask(directory))
        if person is not None:
            return person
    return None


async def told(answer: Awaitable[T]) -> T:
    """A directory's answer; `RecipientsUnknown` when it is away."""
    try:
        return await answer
    except LoginUnavailable as away:
        raise RecipientsUnknown(away.reason) from away
