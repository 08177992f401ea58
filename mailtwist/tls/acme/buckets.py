"""The limits of an authority, counted by ourselves: what it would refuse is not asked for."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from mailtwist.config.authority import AuthoritySettings
from mailtwist.config.rate import Rate
from mailtwist.tls.acme.api import Store
from mailtwist.tls.acme.problem import NotIssued

SECOND_LEVEL = frozenset(
    {
        *("ac", "co", "com", "edu", "gob", "gouv", "gov", "gv", "id", "ltd", "me", "mil", "ne", "net"),
        *("nom", "or", "org", "plc", "res", "sch"),
    }
)
"""Labels below which a country registers domains: `example.co.uk`."""


@dataclass(frozen=True)
class _Bucket:
    key: str
    rate: Rate
    words: str


class Buckets:
    """What is spent lies in the store: processes of a machine, and restarts, count together."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def must_have_room(
        self, authority: AuthoritySettings, account: str, names: Sequence[str], replaces: bool
    ) -> None:
        """`NotIssued` (ourLimit) with how long to wait, when an order for `names` would be one too many.
        What only replaces a certificate as the authority wants it to counts for nothing there (rfc9773#5),
        but proofs that fail do."""
        kinds = [_failures(authority, account, names)]
        if not replaces:
            kinds += [_orders(authority, account), _certificates(authority, names)]
        async for wait, one in self._full([one for some in kinds for one in some]):
            raise NotIssued("ourLimit", one.words, retry_after=wait)

    async def ordered(self, authority: AuthoritySettings, account: str, replaces: bool) -> None:
        """An order is made now."""
        if not replaces:
            await self._spend(_orders(authority, account))

    async def issued(self, authority: AuthoritySettings, names: Sequence[str], replaces: bool) -> None:
        if not replaces:
            await self._spend(_certificates(authority, names))

    async def failed(self, authority: AuthoritySettings, account: str, names: Sequence[str]) -> None:
        """It was not proven that these are ours."""
        await self._spend(_failures(authority, account, names))

    async def account(self, authority: AuthoritySettings) -> None:
        """An account is made now.  `NotIssued` (ourLimit) when it is one too many."""
        if authority.accounts is None:
            return
        number, seconds = authority.accounts.number, authority.accounts.seconds
        wait = await self._store.spend(f"accounts {authority.directory}", number, seconds)
        if wait:
            words = f"{authority.accounts} accounts were made at {authority.directory}; more would be refused"
            raise NotIssued("ourLimit", words, retry_after=wait)

    async def _full(self, some: Sequence[_Bucket]) -> AsyncIterator[tuple[float, _Bucket]]:
        for one in some:
            if wait := await self._store.room(one.key, one.rate.number, one.rate.seconds):
                yield wait, one

    async def _spend(self, some: Sequence[_Bucket]) -> None:
        for one in some:
            await self._store.spend(one.key, one.rate.number, one.rate.seconds)


def registered_domain(name: str) -> str:
    """The domain that somebody has registered, as far as that can be told without the list of public
    suffixes: the last two labels, or three below a country's `co`, `com`, `ac` and the like.  Where that is
    wrong, our count is stricter than the authority's, or the authority says so itself."""
    labels = name.removeprefix("*.").split(".")
    three = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in SECOND_LEVEL
    return ".".join(labels[-3 if three else -2 :])


def _orders(authority: AuthoritySettings, account: str) -> list[_Bucket]:
    rate = authority.orders
    if rate is None:
        return []
    words = f"{rate} orders were made at {authority.directory}; more would be refused"
    return [_Bucket(f"orders {authority.directory} {account}", rate, words)]


def _certificates(authority: AuthoritySettings, names: Sequence[str]) -> list[_Bucket]:
    found = []
    if (rate := authority.certificates) is not None:
        for domain in dict.fromkeys(map(registered_domain, names)):
            words = f"{rate} certificates were issued below {domain}; {authority.directory} refuses more"
            found.append(_Bucket(f"certificates {authority.directory} {domain}", rate, words))
    if (rate := authority.duplicates) is not None:
        words = f"{rate} certificates were issued for {', '.join(names)}; more would be refused"
        those = sha256(" ".join(sorted(names)).encode()).hexdigest()
        found.append(_Bucket(f"duplicates {authority.directory} {those}", rate, words))
    return found


def _failures(authority: AuthoritySettings, account: str, names: Sequence[str]) -> list[_Bucket]:
    rate = authority.failures
    if rate is None:
        return []
    return [
        _Bucket(
            f"failures {authority.directory} {account} {name}",
            rate,
            f"{name} was not proven, {rate}; {authority.directory} refuses to look again so soon",
        )
        for name in dict.fromkeys(name.removeprefix("*.") for name in names)
    ]
