"""One of the authorities of a section: its account, made when it is needed, and what is asked in its name."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from cryptography import x509
from twisted.internet.defer import DeferredLock

from mailtwist.config.authority import AuthoritySettings
from mailtwist.kit.clock import Clock
from mailtwist.kit.dns_records import Answer, Caa
from mailtwist.kit.threads import Threads
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import StateAway, StateUnusable
from mailtwist.tls.acme import order
from mailtwist.tls.acme.account_key import AccountKey
from mailtwist.tls.acme.api import Issued, Solver, Store
from mailtwist.tls.acme.ari import Renewal
from mailtwist.tls.acme.buckets import Buckets
from mailtwist.tls.acme.client import Client, https_for
from mailtwist.tls.acme.csr import Key
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.https import Https
from mailtwist.tls.records import caa_refuses

UNPROVEN = frozenset(
    {"caa", "compound", "connection", "dns", "dnssec", "incorrectResponse", "tls", "unauthorized"}
)
"""Kinds of failures that an authority counts, as proofs that failed."""


class AsksCaa(Protocol):
    """`kit.dns.Dns`"""

    async def caa(self, name: str) -> Answer[Caa]: ...


class Authority(Protocol):
    """What orders need of one.  `word` is what `authorities` calls it; `staging` is where to try without
    harm, if there is such a place."""

    @property
    def word(self) -> str: ...

    @property
    def directory(self) -> str: ...

    @property
    def staging(self) -> "Authority | None": ...

    async def issued(
        self, names: Sequence[str], key: Key, solvers: Sequence[Solver], replaces: Issued | None
    ) -> Issued:
        """`NotIssued`."""

    async def renewal(self, certificate: x509.Certificate) -> Renewal | None:
        """`NotIssued`."""

    async def revoke(self, certificate: x509.Certificate, reason: int, key: Key | None) -> None:
        """`NotIssued`."""


class KnownAuthority:
    """`Authority` with an account in `store`."""

    def __init__(
        self,
        word: str,
        settings: AuthoritySettings,
        contact: Sequence[str],
        agree: bool,
        store: Store,
        clock: Clock,
        threads: Threads,
        dns: AsksCaa | None = None,
    ) -> None:
        self.word = word
        self.settings = settings
        self.directory = str(settings.directory)
        self.staging: KnownAuthority | None = None
        if settings.staging is not None and settings.staging != settings.directory:
            there = replace(settings, directory=settings.staging, staging=None)
            self.staging = KnownAuthority(
                f"{word} (staging)", there, contact, agree, store, clock, threads, dns
            )
        self._contact = contact
        self._agree = agree
        self._store = store
        self._clock = clock
        self._threads = threads
        self._dns = dns
        self._buckets = Buckets(store)
        self._https: Https | None = None
        self._client: Client | None = None
        self._one = DeferredLock()

    async def stop(self) -> None:
        if self.staging is not None:
            await self.staging.stop()
        https, self._https, self._client = self._https, None, None
        if https is not None:
            await https.stop()

    # -- certificates
    async def issued(
        self, names: Sequence[str], key: Key, solvers: Sequence[Solver], replaces: Issued | None
    ) -> Issued:
        client = await self.client()
        free = replaces is not None and replaces.authority == self.directory
        free = free and (await client.directory()).has_renewal
        await self._buckets.must_have_room(self.settings, client.account, names, free)
        await self._must_be_allowed(client, names, [solver.kind for solver in solvers])
        await self._buckets.ordered(self.settings, client.account, free)

        async def not_replaced() -> None:
            nonlocal free
            free = False
            await self._buckets.must_have_room(self.settings, client.account, names, free)
            await self._buckets.ordered(self.settings, client.account, free)

        try:
            made = await order.issued(client, names, key, solvers, replaces, not_replaced)
        except NotIssued as error:
            with suppress(StateAway):  # what the authority says counts more than our counting
                await self._counted(client, names, free, error)
            raise
        with suppress(StateAway):  # there it is: nobody loses it because of that
            await self._buckets.issued(self.settings, names, free)
        return made

    async def _counted(self, client: Client, names: Sequence[str], free: bool, error: NotIssued) -> None:
        if error.kind in UNPROVEN:
            await self._buckets.failed(self.settings, client.account, error.names or names)
        if error.kind == "wrongCertificate":  # it was issued all the same
            await self._buckets.issued(self.settings, names, free)
        if error.kind == "accountDoesNotExist":
            await self._forget_url()

    async def _must_be_allowed(self, client: Client, names: Sequence[str], kinds: Sequence[str]) -> None:
        """No order is spent on a name that CAA forbids, to this authority, or in all ways that we can prove
        it.  `NotIssued` (forbidden): another authority may be allowed."""
        issuers = (await client.directory()).caa
        if self._dns is None or not issuers:
            return
        for name in names:
            try:
                found = await self._dns.caa(name.removeprefix("*."))
            except Trouble:  # the authority may hear more
                continue
            wildcard = name.startswith("*.")
            whys = [
                caa_refuses(found, issuers, wildcard=wildcard, account=client.account, method=kind)
                for kind in kinds or [""]
            ]
            if all(whys):
                raise NotIssued("forbidden", f"{name}: {whys[0]}", names=[name], temporary=False)

    async def renewal(self, certificate: x509.Certificate) -> Renewal | None:
        return await self._anybody().renewal(certificate)

    async def issuers(self) -> Sequence[str]:
        """What CAA records call it.  `NotIssued`."""
        return (await self._anybody().directory()).caa

    def _anybody(self) -> Client:
        """Who needs no account."""
        return self._client or self._made(AccountKey.new(), "")

    async def revoke(self, certificate: x509.Certificate, reason: int, key: Key | None) -> None:
        await (await self.client()).revoke(certificate, reason, key)

    # -- the account
    async def client(self) -> Client:
        """With the account as it is kept: another process may have changed its key.  `NotIssued`."""
        await self._one.acquire()
        try:
            kept = await self.account()
            if self._client is None or not kept or kept.get("key") != self._client.key.pem.decode():
                self._client = await self._with_account(kept)
            return self._client
        finally:
            self._one.release()

    async def account(self) -> Mapping[str, Any] | None:
        """What is kept of it: `url`, `contact`, `key` (PEM; a secret).  None: there is none yet."""
        return await self._store.account(self.directory)

    async def update(self) -> None:
        """The authority knows the address of the config.  `NotIssued`."""
        await (await self.client()).set_contact(self._contact)
        await self._keep({**(await self.account() or {}), "contact": list(self._contact)})

    async def change_key(self) -> None:
        """The account has a new key; that is kept before the authority hears of it.  `NotIssued`."""
        client = await self.client()
        new = await self._threads.run(AccountKey.new)
        kept = dict(await self.account() or {})
        await self._keep({**kept, "new_key": new.pem.decode()})
        await client.change_key(new)
        await self._keep({**kept, "key": new.pem.decode()})

    async def deactivate(self) -> None:
        """The account is no more; the next order makes a new one.  `NotIssued`."""
        await (await self.client()).deactivate()
        await self._keep(None)
        self._client = None

    async def _with_account(self, kept: Mapping[str, Any] | None) -> Client:
        if kept is None:
            kept = await self._new_account()
        client = self._made(_key(kept.get("key")), str(kept.get("url", "")))
        if not client.account:
            await client.register(self._contact, self._agree)
            await self._keep({**kept, "url": client.account})
        elif kept.get("new_key"):
            kept = await self._finished(client, dict(kept))
        if list(kept.get("contact", ())) != list(self._contact):
            with suppress(NotIssued):  # some take none; no order has to wait for that
                await client.set_contact(self._contact)
                await self._keep({**kept, "url": client.account, "contact": list(self._contact)})
        return client

    async def _new_account(self) -> Mapping[str, Any]:
        """Its key is kept before the authority hears of it: an account whose key is lost is of no use."""
        lease = await self._store.lease(f"account {self.directory}", 60)
        if lease is None:
            raise NotIssued("busy", f"another process makes an account at {self.directory}")
        try:
            if (kept := await self.account()) is None:
                await self._buckets.account(self.settings)
                key = await self._threads.run(AccountKey.new)
                kept = {"key": key.pem.decode(), "url": "", "contact": list(self._contact)}
                await self._keep(kept)
            return kept
        finally:
            await lease.release()

    async def _finished(self, client: Client, kept: dict[str, Any]) -> dict[str, Any]:
        """A change of keys that was cut short."""
        new = _key(kept.pop("new_key"))
        await client.change_key(new)
        kept["key"] = new.pem.decode()
        await self._keep(kept)
        return kept

    async def _forget_url(self) -> None:
        """The authority has lost the account: with the same key there will be another."""
        self._client = None
        if (kept := await self.account()) is not None:
            await self._keep({**kept, "url": ""})

    async def _keep(self, account: Mapping[str, Any] | None) -> None:
        await self._store.keep_account(self.directory, account)

    def _made(self, key: AccountKey, url: str) -> Client:
        if self._https is None:
            self._https = https_for(self.settings, self._clock)
        return Client(self.settings, key, self._https, self._clock, self._threads, url)


def _key(pem: object) -> AccountKey:
    try:
        return AccountKey.of(str(pem).encode())
    except ValueError as error:
        raise StateUnusable(f"the key of an ACME account cannot be used: {error}")
