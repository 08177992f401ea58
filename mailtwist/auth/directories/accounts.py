"""Account ids of directories that have none but the name itself."""

import re
from hashlib import sha256

_SAFE = re.compile(r"[a-z0-9_@+-][a-z0-9._@+-]{0,127}")
_OTHERS = re.compile(r"sha256-.*|[0-9a-hjkmnp-tv-z]{12}")
"""What a name with other characters becomes, and the ids that our own directories make (`kit.ids`)."""


def account_of(name: str) -> str:
    """The id of whoever has this canonical name: nobody else's, and never a path."""
    plain = _SAFE.fullmatch(name) and not _OTHERS.fullmatch(name)
    return name if plain else f"sha256-{sha256(name.encode()).hexdigest()}"
