"""The certificates of a store as they are served: read once, and again when they are others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailtwist.kit.threads import Threads
from mailtwist.tls.acme.api import Issued, KeyKind, Store
from mailtwist.tls.acme.reading import NOT_READ
from mailtwist.tls.certificates import BadCertificate, Bundle, read_bundle

Key = tuple[str, KeyKind]


@dataclass(frozen=True)
class Kept:
    issued: Issued
    bundle: Bundle


class Shelf:
    """One for each process; the same certificate is the same `Kept`."""

    def __init__(self, store: Store, threads: Threads) -> None:
        self._store = store
        self._threads = threads
        self._known: dict[Key, tuple[bytes, Kept | None]] = {}

    async def all(self) -> Mapping[Key, Kept]:
        """`StateAway`.  What cannot be served is told once and left out; if there was another one before,
        that stays."""
        issued = await self._store.certificates()
        self._known = await self._threads.run(self._read, issued)
        return {key: kept for key, (_, kept) in self._known.items() if kept is not None}

    def _read(self, issued: Sequence[Issued]) -> dict[Key, tuple[bytes, Kept | None]]:
        found: dict[Key, tuple[bytes, Kept | None]] = {}
        for one in issued:
            key = one.name, one.key_kind
            pem, before = self._known.get(key, (b"", None))
            found[key] = one.pem, before if pem == one.pem else _read_one(one) or before
        return found


def _read_one(issued: Issued) -> Kept | None:
    try:
        return Kept(issued, read_bundle(issued.pem, issued.pem))
    except BadCertificate as bad:
        NOT_READ.log(path=f"the certificate for {issued.name}", why=bad.words)
        return None
