"""What somebody unknown costs: the hash of somebody who is known, so that time tells nobody who is there."""

import hmac
import secrets
from collections import OrderedDict

MOST = 64


class Strangers:
    """Hashes that were checked lately; a name that nobody has gets one of them, the same as long as it is
    there."""

    def __init__(self) -> None:
        self._hashes: OrderedDict[str, None] = OrderedDict()
        self._key = secrets.token_bytes(32)

    def saw(self, stored: str) -> None:
        """A hash that can be checked.  One that is seen again stays."""
        if stored not in self._hashes and len(self._hashes) >= MOST:
            self._hashes.popitem(last=False)
        self._hashes[stored] = None

    def forget(self, stored: str) -> None:
        self._hashes.pop(stored, None)

    def hash_for(self, name: str) -> str | None:
        """None when nobody was seen yet."""
        if not self._hashes:
            return None
        number = int.from_bytes(hmac.digest(self._key, name.encode("utf-8", "surrogatepass"), "sha256")[:8])
        return list(self._hashes)[number % len(self._hashes)]
