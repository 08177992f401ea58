"""What a part behind [dns:...] promises: TXT records come and go, one value at a time.  rfc8555#8.4"""

import re
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration
from mailtwist.kit.trouble import Trouble

How = Literal["servers", "resolver", "none"]

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))*")
_VALUE = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True)
class Propagation:
    """When a record that was added counts as being there: all servers of the zone have it (`servers`), the
    resolvers see it, or at once; and how much time it has, and is given besides."""

    how: How = "servers"
    most: float = 600.0
    besides: float = 0.0


@dataclass(frozen=True)
class PublisherSettings:
    """What every [dns:...] can say."""

    propagation: How = setting(
        "servers",
        words="When a record is there for the authority to see: all `servers` of the zone have it; the"
        " `resolver` sees it, for networks in which nobody else may be asked; or `none`: nobody looks.",
    )
    propagation_timeout: Annotated[Duration, AtLeast(1), AtMost(86400)] = setting(
        Duration(600), words="How long a record may take to be there."
    )
    propagation_wait: Annotated[Duration, AtMost(3600)] = setting(
        Duration(0), words="How long to wait besides, for servers that cannot be seen from here."
    )

    def when(self) -> Propagation:
        most, besides = float(self.propagation_timeout), float(self.propagation_wait)
        return Propagation(self.propagation, most, besides)


class NotPublished(Trouble):
    """A record could not be added, or not removed; `words` is a sentence for the operator."""

    def __init__(self, words: str, status: str = "4.3.5") -> None:
        super().__init__(status, "A DNS record cannot be changed", words)
        self.words = words


class Publisher(Protocol):
    """Who can write TXT records.  `NotPublished` when that is not possible.  Names are A-labels in lower case
    without a last dot, after CNAMEs were followed.  Several may ask at once, also for the same name."""

    @property
    def propagation(self) -> Propagation: ...

    async def add(self, name: str, value: str) -> None:
        """There is a TXT record with this value, beside others of that name.  Twice is fine."""

    async def remove(self, name: str, value: str) -> None:
        """There is none with this value; others of that name stay.  Twice is fine."""


def checked(name: str, value: str) -> None:
    """`NotPublished` for what is no name or no value: they go to programs and servers of other people."""
    if not _NAME.fullmatch(name):
        raise NotPublished(f"{ascii(name)[:300]} is no name for a record", "5.3.5")
    if not _VALUE.fullmatch(value):
        raise NotPublished(f"{name}: the value is none of rfc8555#8.4", "5.3.5")
