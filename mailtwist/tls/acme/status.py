"""What there is of certificates, what is to be done, and what went wrong: for operators."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from mailtwist.tls.acme.api import KeyKind, Note
from mailtwist.tls.acme.due import loud_from
from mailtwist.tls.acme.keys import PUBLISHED
from mailtwist.tls.acme.published import Seen
from mailtwist.tls.acme.shelf import Kept
from mailtwist.tls.acme.trying import ERRORS

State = Literal["valid", "ending", "expired", "missing", "unwanted", "not here"]
"""`ending`: less than a quarter of its life is left; `unwanted`: it is served to its end and not renewed;
`not here`: the name is not ours to have a certificate for now, and `error` says why."""

DAY = 86400.0


@dataclass(frozen=True)
class Status:
    """Of one certificate, or of one that is missing.  Times are seconds since 1970, 0.0 for never."""

    name: str
    names: tuple[str, ...]
    key_kind: KeyKind | Literal[""]
    state: State
    why: str = ""
    """host, names, domain or demand; '' when it is not wanted."""

    not_before: float = 0.0
    not_after: float = 0.0
    days_left: float = 0.0
    authority: str = ""
    """Who issued it: the URL of the directory."""

    due: float = 0.0
    failures: int = 0
    failing_since: float = 0.0
    again: float = 0.0
    error: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    """By the words of the authorities: what each said at last."""

    digest: str = ""
    """SHA-256 of its public key, hexadecimal: what a record TLSA 3 1 1 has."""

    next_digest: str = ""
    """Of the key that is to follow, where keys are pinned."""

    pinned: bool = False
    switches: float = 0.0
    """When the next key will have been published for long enough; 0.0: it is not published."""


def not_here(name: str, why: str) -> Status:
    return Status(name, (name,), "", "not here", error=why)


def status(
    names: tuple[str, ...], kind: KeyKind, why: str, kept: Kept | None, note: Note, now: float
) -> Status:
    errors = note.facts.get(ERRORS)
    seen = Seen.of(note.facts.get(PUBLISHED))
    bundle = kept.bundle if kept is not None else None
    return Status(
        name=names[0],
        names=bundle.names if bundle is not None else names,
        key_kind=kind,
        state=_state(kept, why, now),
        why=why,
        not_before=bundle.not_before if bundle is not None else 0.0,
        not_after=bundle.not_after if bundle is not None else 0.0,
        days_left=(bundle.not_after - now) / DAY if bundle is not None else 0.0,
        authority=kept.issued.authority if kept is not None else "",
        due=note.due if kept is not None else 0.0,
        failures=note.failures,
        failing_since=note.failing_since,
        again=note.again,
        error=note.error,
        errors=dict(errors) if isinstance(errors, Mapping) else {},
        pinned=kept is not None and kept.issued.pinned,
        switches=seen.long_enough_at if seen is not None else 0.0,
    )


def _state(kept: Kept | None, why: str, now: float) -> State:
    if kept is None:
        return "missing"
    if kept.bundle.expired(now):
        return "expired"
    if not why:
        return "unwanted"
    return "ending" if now >= loud_from(kept.bundle) else "valid"
