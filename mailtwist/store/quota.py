"""How much mail one account may have: what a store is set to, and what an account is given in its place."""

from dataclasses import dataclass
from typing import Annotated

from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, Size
from mailtwist.store.api import DEFAULT, Limit, Quota, Usage


@dataclass(frozen=True)
class QuotaSettings:
    """Settings of a store that keeps to them."""

    quota: Annotated[Size | None, AtLeast(1)] = setting(
        None,
        words="How much all messages of an account may be together; `mailtwist user quota` says otherwise for"
        " one account.",
        example="5 GiB",
    )
    quota_messages: Annotated[int | None, AtLeast(1)] = setting(
        None, words="How many messages an account may have, in the same way.", example="100000"
    )

    @property
    def allowed(self) -> Quota:
        return Quota(self.quota, self.quota_messages)


UNLIMITED = Quota(None, None)


def usage(octets: int, messages: int, own: Quota, allowed: Quota) -> Usage:
    """`own` is the account's quota, `allowed` what its store is set to."""
    return Usage(octets, messages, _limit(own.octets, allowed.octets), _limit(own.messages, allowed.messages))


def _limit(own: Limit, allowed: Limit) -> int | None:
    limit = allowed if own == DEFAULT else own
    return limit if isinstance(limit, int) else None
