"""Message flags: system flags in their one spelling, keywords as they came.  rfc3501#2.3.2"""

from collections.abc import Iterable

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = "\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"
SYSTEM = (SEEN, ANSWERED, FLAGGED, DELETED, DRAFT)
RECENT = "\\Recent"

_BY_LOWER = {flag.lower(): flag for flag in (*SYSTEM, RECENT)}

Flags = frozenset[str]


def different(flags: Iterable[str]) -> Flags:
    """Keywords compare without case, too (rfc3501#9): of several spellings the first is kept."""
    kept: dict[str, str] = {}
    for flag in flags:
        kept.setdefault(flag.lower(), flag)
    return frozenset(kept.values())


def canonical(flag: str) -> str:
    """System flags compare without case; keywords keep theirs."""
    return _BY_LOWER.get(flag.lower(), flag)
