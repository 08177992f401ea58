"""Who does a piece of work alone, and what became of it: rules over shelves."""

from dataclasses import dataclass, replace

from mailtwist.state.volatile.shelves import Kind, Moment, Shelves

HEARD = 5.0  # seconds for which a word can be heard after it was said


@dataclass(frozen=True, slots=True)
class Work:
    """Led by `leader` until a moment; when `said`, there is a word instead."""

    leader: str
    until: float
    said: bytes | None = None

    def led(self, now: float) -> bool:
        return self.said is None and now < self.until


WORK = Kind(
    "work",
    lambda work: [work.leader, work.until, None if work.said is None else work.said.hex()],
    lambda value: Work(value[0], value[1], None if value[2] is None else bytes.fromhex(value[2])),
)


def lead(shelves: Shelves, at: Moment, work: str, leader: str, lease: float) -> str | None:
    one = shelves.get(WORK, work)
    if one is not None and one.led(at.now):
        return None
    shelves.put(WORK, work, Work(leader, at.now + lease), at.now + lease)
    return leader


def renew(shelves: Shelves, at: Moment, work: str, leader: str, lease: float) -> bool:
    one = _led_by(shelves, at, work, leader)
    if one is None:
        return False
    shelves.put(WORK, work, replace(one, until=at.now + lease), at.now + lease)
    return True


def settle(shelves: Shelves, at: Moment, work: str, leader: str, word: bytes | None) -> bool:
    """False when the leader has nothing to say."""
    one = _led_by(shelves, at, work, leader)
    if one is None:
        return False
    if word is None:
        shelves.pop(WORK, work)
    else:
        shelves.put(WORK, work, replace(one, said=word), at.now + HEARD)
    return True


def heard(shelves: Shelves, at: Moment, work: str) -> tuple[bool, bytes | None]:
    """Whether there is an end to wait for, and the word if one was said."""
    one = shelves.get(WORK, work)
    if one is None:
        return True, None
    return not one.led(at.now), one.said


def _led_by(shelves: Shelves, at: Moment, work: str, leader: str) -> Work | None:
    one = shelves.get(WORK, work)
    return one if one is not None and one.leader == leader and one.led(at.now) else None
