"""Keyed hashes of what mail programs send: a stolen database finds no string by them, and no password."""

from collections.abc import Sequence

from mailtwist.state.keys import DEVICES, Keys

OCTETS = 20
HONOURED = 2
"""Versions of the key by which a string is looked up: the newest ones."""


class Marks:
    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    @property
    def version(self) -> int:
        """With which new ones are made.  It can grow at any time."""
        return self._versions[0]

    @property
    def _versions(self) -> Sequence[int]:
        return self._keys.versions(DEVICES)[:HONOURED]

    def of(self, account: str, secret: bytes, version: int) -> bytes:
        """Of a whole string."""
        return self._keys.mac(DEVICES, version, account, secret)[:OCTETS]

    def inner(self, account: str, password: bytes | None, version: int) -> bytes:
        """Of the bare password in it; b"" where there is none."""
        if not password:
            return b""
        return self._keys.mac(DEVICES, version, account, "password", password)[:OCTETS]

    def all_of(self, account: str, secret: bytes) -> list[bytes]:
        """Those by which the string may be known."""
        return [self.of(account, secret, version) for version in self._versions]

    def all_inner(self, account: str, password: bytes) -> list[bytes]:
        return [self.inner(account, password, version) for version in self._versions]
