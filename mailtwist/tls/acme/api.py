"""What the parts of ACME promise each other: challenges, solvers, and what is kept.  rfc8555"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Kind = Literal["http-01", "tls-alpn-01", "dns-01", "dns-persist-01"]
KeyKind = Literal["EC", "RSA"]

MOST_WISHES = 200
"""Names that strangers have asked for and that nobody has taken yet; of more nothing is kept."""


@dataclass(frozen=True)
class Challenge:
    """One question of an authority: that `name` is ours.  `name` is an A-label without `*.`; `wildcard` says
    that a wildcard below it was ordered.  rfc8555#8"""

    kind: Kind
    name: str
    wildcard: bool
    url: str
    token: str = field(repr=False)
    key_authorization: str = field(repr=False)
    authority: str
    account: str
    issuers: tuple[str, ...] = ()
    """dns-persist-01: names under which the authority stands in a record."""


class Solver(Protocol):
    """Proves names by one kind of challenge.  Several names are proven at once, also the same name twice
    (apex and wildcard)."""

    @property
    def kind(self) -> Kind: ...

    async def can(self, challenge: Challenge) -> str:
        """'' when it may be tried, else a sentence that says why not."""

    async def present(self, challenge: Challenge) -> None:
        """The proof is where the authority looks.  `Trouble` with a sentence when that is not possible."""

    async def withdraw(self, challenge: Challenge) -> None:
        """Nothing of it is left and nothing else is touched, also after a `present` that failed, or twice."""


@dataclass(frozen=True)
class Issued:
    """A certificate with its key as it is kept: one PEM text, the key first, then leaf and intermediates."""

    name: str
    """Of the order: its first identifier, `*.` included."""

    key_kind: KeyKind
    pem: bytes = field(repr=False)
    authority: str
    """The directory's URL."""

    account: str = ""
    """The account's URL."""

    issued: float = 0.0
    pinned: bool = False


@dataclass(frozen=True)
class Note:
    """What is remembered of a name between two tries."""

    due: float = 0.0
    """When it is renewed: ARI's pick, or a fraction of its life."""

    ari_again: float = 0.0
    """When the authority is asked again for its window."""

    window: tuple[float, float] | None = None
    failures: int = 0
    failing_since: float = 0.0
    again: float = 0.0
    error: str = ""
    """A sentence: why the last try failed."""

    authority: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


class Lease(Protocol):
    """The right to do one thing alone, for some time."""

    async def renew(self, seconds: float) -> bool:
        """False: somebody else has it by now."""

    async def release(self) -> None: ...


class Store(Protocol):
    """Certificates, accounts, challenges under way, and what is remembered: shared by all processes that
    serve the same names, on one machine or several.  What a call has kept is on the disk when it returns.
    `testing.certificates.StoreContract` is what every store passes.  `StateAway` when it cannot be used."""

    async def certificates(self) -> Sequence[Issued]: ...

    async def keep(self, issued: Issued) -> None:
        """In place of what there was of the same name and kind of key: the old or the new one, never half."""

    async def forget(self, name: str, key_kind: KeyKind) -> bool: ...

    async def next_key(self, name: str, key_kind: KeyKind) -> bytes | None:
        """PEM of the key that the certificate after this one will have, where keys are pinned."""

    async def set_next_key(self, name: str, key_kind: KeyKind, pem: bytes | None) -> None: ...

    async def note(self, name: str, key_kind: KeyKind) -> Note: ...

    async def set_note(self, name: str, key_kind: KeyKind, note: Note) -> None: ...

    async def account(self, authority: str) -> Mapping[str, Any] | None:
        """The account at this directory as `keep_account` was told: key (PEM), url, contact, ..."""

    async def keep_account(self, authority: str, account: Mapping[str, Any] | None) -> None: ...

    async def show(self, kind: Kind, key: str, value: bytes, until: float) -> None:
        """A proof that any process can give: by token for http-01, by name for tls-alpn-01."""

    async def shown(self, kind: Kind, key: str) -> bytes | None: ...

    async def showing(self, kind: Kind) -> Mapping[str, bytes]:
        """All proofs of a kind that are shown now, by their keys."""

    async def hide(self, kind: Kind, key: str) -> None: ...

    async def lease(self, work: str, seconds: float) -> Lease | None:
        """None: somebody else is at it."""

    async def spend(self, bucket: str, limit: int, window: float) -> float:
        """0.0, and one more is spent; else how many seconds until there is room, and nothing is spent."""

    async def room(self, bucket: str, limit: int, window: float) -> float:
        """What `spend` would answer; nothing is spent."""

    async def wish(self, names: Sequence[str]) -> None:
        """Strangers have asked for certificates for `names`: whoever orders is to look at them.  Each waits
        once, and no more than `MOST_WISHES` do; the rest is dropped."""

    async def take_wishes(self) -> Sequence[str]:
        """What was wished; none of it is handed out twice."""

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """`changed` is called in the reactor thread after anything has changed, by whatever process; the
        answer ends that."""


Build = Callable[[Any, Any, Any], Solver]
"""A `mailtwist.challenge` entry point: `build(settings of [tls:...], assembly, source)`.  `source` is what
the section builds: its `store` is the `Store`, and it is a `ServerContexts`."""
