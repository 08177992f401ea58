"""When a certificate is renewed: as its authority wants it, else after a fraction of its life.  rfc9773#4"""

from collections.abc import Callable
from dataclasses import replace

from mailtwist.kit.events import Event
from mailtwist.tls.acme.api import Note
from mailtwist.tls.acme.ari import Renewal
from mailtwist.tls.certificates import Bundle

RENEWAL_SUGGESTED = Event(
    "acme.renewal_suggested", "{name}: {authority} wants it to be renewed at another time: {page}"
)

DAY = 86400.0
SHORT_LIFE = 10 * DAY
"""Seconds of life below which a certificate is renewed after half of it; others after two thirds."""

JITTER = 0.1
"""Of the time from there to the end: somewhere in the first tenth it is renewed."""

LOUD = 0.25
"""When less than this of a life is left, every day is told that it was not renewed.  An authority cannot
choose a later time to renew."""

OF = "of"
"""What a note's facts call the certificate that it is about."""

Chance = Callable[[], float]


def begins(bundle: Bundle) -> float:
    """From then on it may be renewed."""
    life = bundle.not_after - bundle.not_before
    return bundle.not_after - life * (1 / 2 if life < SHORT_LIFE else 1 / 3)


def by_life(bundle: Bundle, chance: Chance) -> float:
    start = begins(bundle)
    return start + JITTER * (bundle.not_after - start) * chance()


def loud_from(bundle: Bundle) -> float:
    return bundle.not_after - LOUD * (bundle.not_after - bundle.not_before)


def mark(bundle: Bundle) -> str:
    return f"{bundle.leaf.serial_number:x}"


def about(note: Note, bundle: Bundle, chance: Chance) -> Note:
    """The note when it is about this certificate; else a new one, with the same tries behind it: what was
    picked stays, also when the process begins anew."""
    if note.facts.get(OF) == mark(bundle) and note.due:
        return note
    kept = {name: value for name, value in note.facts.items() if name != "loud"}
    return replace(
        note,
        due=by_life(bundle, chance),
        ari_again=0.0,
        window=None,
        facts={**kept, OF: mark(bundle)},
    )


def asks_now(note: Note, now: float) -> bool:
    """It is time to ask the authority again; also when the clock was elsewhere at the last time."""
    return note.ari_again <= now or note.ari_again > now + 2 * DAY


def suggested(note: Note, bundle: Bundle, renewal: Renewal | None, now: float, chance: Chance) -> Note:
    """The note, with what the authority says.  What was picked from a window stays while the window does."""
    if renewal is None:
        return replace(note, ari_again=now + DAY)
    window = (renewal.start, renewal.end)
    if window == note.window:
        return replace(note, ari_again=renewal.again)
    due = min(renewal.moment(chance), loud_from(bundle))
    return replace(note, due=due, window=window, ari_again=renewal.again)
