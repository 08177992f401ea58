"""What becomes of charges, codes, refusals and bans: rules over shelves, the same in memory and in a file.

Each is one atomic step; `Need` names the facts that it looks at."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from mailtwist.state.records import Ban, Bucket, Charge, Denied, Use
from mailtwist.state.volatile.shelves import Kind, Moment, Shelves
from mailtwist.state.volatile.windows import Counted, UnderWay, denial

MEMBERS = 1_000  # of a key, the last ones
LONG = 3600.0  # refusals that are known for longer are worth more
KEPT = 86400.0  # seconds for which a used code is known here; the durable state knows it for good


@dataclass(frozen=True, slots=True)
class Used:
    step: int
    by: bytes
    address: str
    at: float


@dataclass(frozen=True, slots=True)
class Refused:
    first: float
    until: float


Members = dict[bytes, float]


def _counted(value: Any) -> Counted:
    window, number, here, before, under_way = value
    ways = {id: UnderWay(number, cost, until) for id, number, cost, until in under_way}
    return Counted(window, number, here, before, ways)


def _counted_written(one: Counted) -> list[object]:
    ways = [[id, way.number, way.cost, way.until] for id, way in one.under_way.items()]
    return [one.window, one.number, one.here, one.before, ways]


COUNTED = Kind("bucket", _counted_written, _counted)
MEMBERS_OF: Kind[Members] = Kind(
    "members",
    lambda members: [[member.hex(), at] for member, at in members.items()],
    lambda value: {bytes.fromhex(member): at for member, at in value},
)
USED = Kind(
    "used",
    lambda used: [used.step, used.by.hex(), used.address, used.at],
    lambda value: Used(value[0], bytes.fromhex(value[1]), value[2], value[3]),
)
REFUSED = Kind("refused", lambda one: [one.first, one.until], lambda value: Refused(*value))
BANS = Kind("ban", lambda ban: list(astuple(ban)), lambda value: Ban(*value))


# -- limits
def charge(shelves: Shelves, at: Moment, id: str, buckets: Sequence[Bucket], lease: float) -> Charge | Denied:
    counted = {bucket.key: _bucket(shelves, at, bucket.key, bucket.window) for bucket in buckets}
    if denied := denial(buckets, counted, at.now):
        return denied
    for bucket in buckets:
        counted[bucket.key].charge(id, bucket.cost, at.now + lease)
        _put_bucket(shelves, at, bucket.key, counted[bucket.key])
    return Charge(id, tuple((b.key, counted[b.key].number, b.cost) for b in buckets))


def refund(shelves: Shelves, at: Moment, charge: Charge) -> None:
    for key, one in _charged(shelves, at, charge):
        one.refund(charge.id)
        _put_bucket(shelves, at, key, one)


def keep(shelves: Shelves, at: Moment, charge: Charge) -> None:
    for key, one in _charged(shelves, at, charge):
        one.keep(charge.id)
        _put_bucket(shelves, at, key, one)


def spent(shelves: Shelves, at: Moment, key: str, window: float) -> float:
    return _bucket(shelves, at, key, window).spent(at.now)


def _bucket(shelves: Shelves, at: Moment, key: str, window: float) -> Counted:
    found = shelves.get(COUNTED, key)
    if found is None or found.window != window:
        return Counted(window, int(at.now // window))
    found.at(at.now)
    return found


def _charged(shelves: Shelves, at: Moment, charge: Charge) -> list[tuple[str, Counted]]:
    """The buckets for which it is still on the way."""
    found = [(key, one) for key, _, _ in charge.entries if (one := shelves.get(COUNTED, key)) is not None]
    for _, one in found:
        one.at(at.now)
    return [(key, one) for key, one in found if charge.id in one.under_way]


def _put_bucket(shelves: Shelves, at: Moment, key: str, one: Counted) -> None:
    """For two windows from now, a little longer than it counts: of several, what was charged last stays."""
    if not (one.here or one.before):
        return shelves.pop(COUNTED, key)
    shelves.put(COUNTED, key, one, at.now + 2 * one.window, group=one.window, level=one.level)


# -- how many different ones
def add_distinct(shelves: Shelves, at: Moment, key: str, member: bytes, window: float) -> int:
    members = _members(shelves, at, key, window)
    members.pop(member, None)
    members[member] = at.now
    if len(members) > MEMBERS:
        del members[next(iter(members))]
    size = len(members)
    until = at.now + window
    shelves.put(MEMBERS_OF, key, members, until, group=window, level=size.bit_length(), weight=size)
    return size


def count_distinct(shelves: Shelves, at: Moment, key: str, window: float) -> int:
    return len(_members(shelves, at, key, window))


def _members(shelves: Shelves, at: Moment, key: str, window: float) -> Members:
    """Those of this window, the oldest first."""
    members = shelves.get(MEMBERS_OF, key) or {}
    return {member: added for member, added in members.items() if added > at.now - window}


# -- codes and wrong secrets
def use_once(
    shelves: Shelves, at: Moment, code: str, step: int, floor: int, by: bytes, address: str, join: float
) -> Use:
    used = shelves.get(USED, code)
    if step > max(floor, used.step if used else floor):
        shelves.put(USED, code, Used(step, by, address, at.now), at.now + KEPT)
        return Use.NEW
    if used is None or not address or at.now - used.at > join:
        return Use.REPLAY
    return Use.JOINED if (step, by, address) == (used.step, used.by, used.address) else Use.REPLAY


def refuse(shelves: Shelves, at: Moment, secret: str, seconds: float) -> None:
    if refused(shelves, at, secret) is None:
        one = Refused(at.now, at.now + seconds)
        shelves.put(REFUSED, secret, one, one.until, level=int(seconds >= LONG))


def refused(shelves: Shelves, at: Moment, secret: str) -> float | None:
    one = shelves.get(REFUSED, secret)
    return None if one is None or at.now >= one.until else at.now - one.first


# -- bans
def ban(shelves: Shelves, at: Moment, ban: Ban) -> bool:
    if ban.until <= at.wall or banned(shelves, at, [ban.subject]) is not None:
        return False
    until = at.now + (ban.until - at.wall)
    shelves.put(BANS, ban.subject, ban, until, level=int(bool(ban.by)))
    return True


def banned(shelves: Shelves, at: Moment, subjects: Sequence[str]) -> Ban | None:
    found = [shelves.get(BANS, subject) for subject in subjects]
    return max(in_force(found, at), key=lambda ban: ban.until, default=None)


def lift(shelves: Shelves, at: Moment, subject: str) -> bool:
    found = banned(shelves, at, [subject])
    shelves.pop(BANS, subject)
    return found is not None


def in_force(bans: Iterable[Ban | None], at: Moment) -> list[Ban]:
    """The one that ends first at the head."""
    living = [ban for ban in bans if ban is not None and ban.until > at.wall]
    return sorted(living, key=lambda ban: (ban.until, ban.subject))
