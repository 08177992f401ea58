"""A server behind in memory: what is said to it, and what it answers, is the test's to say."""

from collections.abc import Callable, Sequence
from typing import Any

from mailtwist.gateway.api import Guest, Kind
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.client import Call
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire

OFFERS = ("PIPELINING", "SIZE 1000000", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING", "BINARYMIME")


class Behind:
    """A `gateway.api.Session`.  `heard()` is what it got; it answers by `says`, or by itself, when it
    `understands`: then `mails` are the messages it took, with dots undone."""

    def __init__(self, kind: Kind = "submission", offers: Sequence[str] = OFFERS, introduced: bool = False):
        self.kind = kind
        self.offers = offers
        self.introduced = introduced
        self.clock = ManualClock()
        self.call = Call("behind:25", self.clock)
        self.wire = Wire(self.call)
        self.closed = 0

    where = "behind:25"

    async def close(self) -> None:
        self.closed += 1
        self.call.close()

    def heard(self) -> bytes:
        return self.wire.read()

    def says(self, answer: bytes) -> None:
        self.wire.send(answer)

    def dies(self) -> None:
        self.wire.hang_up()


class Upstream:
    """A `gateway.api.Upstream`; `opened` are the sessions that were asked for, with the guests."""

    def __init__(
        self, name: str = "inside", offers: Sequence[str] = OFFERS, introduced: bool = False
    ) -> None:
        self.name = name
        self.offers = offers
        self.introduced = introduced
        self.opened: list[tuple[Behind, Guest]] = []
        self.away = False
        self.kinds: Sequence[Kind] = ("submission", "smtp", "lmtp")

    def serves(self, kind: Kind) -> bool:
        return kind in self.kinds

    async def open(self, errand: Any) -> Behind:
        return await self.visit(errand.kind, errand.guest)

    async def visit(self, kind: Kind, guest: Guest) -> Behind:
        if self.away:
            raise Trouble("4.4.1", "The server behind cannot be reached, try again later")
        behind = Behind(kind, self.offers, self.introduced)
        self.opened.append((behind, guest))
        return behind

    def offered(self, kind: Kind, *, late: bool) -> Sequence[str]:
        return self.offers

    @property
    def last(self) -> Behind:
        return self.opened[-1][0]


class Chosen:
    """`gateway.chosen.Chosen`, by domain where there are several."""

    def __init__(self, *upstreams: Upstream, by: Callable[[str], Upstream | None] | None = None) -> None:
        self.always = None if by else upstreams[0]
        self.possible = upstreams
        self._by = by

    async def upstream(self, name: str, kind: Kind) -> Upstream | None:
        return self.always if self._by is None else self._by(name)
