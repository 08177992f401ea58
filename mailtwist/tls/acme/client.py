"""A client of one authority for one account: what it is asked for, each answer checked.  rfc8555#7"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mailtwist.config.authority import AuthoritySettings
from mailtwist.config.values import Secret
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.threads import Threads
from mailtwist.tls.acme import resources
from mailtwist.tls.acme.account_key import AccountKey, base64, bound
from mailtwist.tls.acme.api import Challenge
from mailtwist.tls.acme.ari import Renewal, certificate_id, renewal
from mailtwist.tls.acme.chain import alternates_of, preferred_of
from mailtwist.tls.acme.csr import Key
from mailtwist.tls.acme.polling import until
from mailtwist.tls.acme.problem import NotIssued, Refused, nonsense, retry_after
from mailtwist.tls.acme.resources import Account, Authorization, Directory, Offered, Order
from mailtwist.tls.acme.speaking import Speaking
from mailtwist.tls.acme.told import Told
from mailtwist.tls.https import Answer, Asks, Https, host_of

FRESH = 3600.0
"""Seconds for which a directory is known."""

LARGEST = 256 * 1024
"""Octets of an answer: a chain for a hundred names is far below."""

_MAY_BE_EAB = ("unauthorized", "malformed", "externalAccountRequired")
"""Of who is told a wrong external account."""

REGISTERED = Event("acme.registered", "we have the account {account} at {authority}")
KEY_CHANGED = Event("acme.key_changed", "the account {account} at {authority} has a new key")
DEACTIVATED = Event("acme.deactivated", "the account {account} at {authority} is closed for ever", "warn")
REVOKED = Event("acme.revoked", "{authority} has revoked the certificate {serial}, reason {reason}", "warn")


@dataclass(frozen=True)
class ExternalAccount:
    """As the authority gives it to its customers.  rfc8555#7.3.4"""

    kid: str
    key: Secret = field(repr=False)


def https_for(settings: AuthoritySettings, clock: Clock) -> Https:
    """How the authority is asked; `stop` it in the end."""
    seconds = float(settings.reply_time)
    return Https(clock, seconds=seconds, largest=LARGEST, roots=settings.roots)


class Client:
    """Requests are made in any number at once.  `account` is the account's URL, '' until it is known."""

    def __init__(
        self,
        settings: AuthoritySettings,
        key: AccountKey,
        https: Asks,
        clock: Clock,
        threads: Threads,
        account: str = "",
    ) -> None:
        self.settings = settings
        self.key = key
        self.account = account
        self.clock = clock
        self.threads = threads
        hosts = {urlsplit(settings.directory).hostname or "", *settings.hosts}
        self._speaking = Speaking(https, clock, frozenset(hosts))
        self._directory: Directory | None = None
        self._known_until = 0.0

    @property
    def authority(self) -> str:
        """The directory's URL."""
        return str(self.settings.directory)

    @property
    def host(self) -> str:
        return host_of(self.authority)

    def __repr__(self) -> str:
        return f"<Client {self.account or self.authority}>"

    # -- The directory

    async def directory(self) -> Directory:
        """Read again after an hour, and after an answer that makes one doubt it."""
        if self._directory is None or self.clock.seconds() >= self._known_until:
            answer = await self._get_directory()
            self._directory = resources.directory(self.authority, self._told(answer))
            self._known_until = self.clock.seconds() + FRESH
        return self._directory

    async def _get_directory(self) -> Answer:
        try:
            return await self._speaking.get(self.authority)
        except Refused as error:
            if error.status_code != 404:
                raise
            words = f"{self.host} has nothing at {self.authority}; is that the URL of its directory?"
            raise NotIssued("nonsense", words) from None

    # -- Accounts

    async def register(
        self, contact: Sequence[str] = (), agree: bool = False, eab: ExternalAccount | None = None
    ) -> Account:
        """The account of our key, a new one if there is none; `contact` are mail addresses.  `agree`: to the
        terms.  By default `eab` is what the settings have.  rfc8555#7.3"""
        known = await self.directory()
        if known.terms and not agree:
            words = f"{self.host} has terms to agree to: {known.terms}; write agree_to_terms = yes"
            raise NotIssued("terms", words, temporary=False)
        asked: dict[str, Any] = {"termsOfServiceAgreed": True} if agree else {}
        asked |= {"contact": _mailto(contact)} if contact else {}
        external = eab or self._external()
        if external is not None:
            asked["externalAccountBinding"] = self._bound(external, known.new_account)
        elif known.external:
            words = f"{self.host} is only for its customers; write eab_kid and eab_key in [authority:...]"
            raise NotIssued("externalAccountRequired", words, temporary=False)
        try:
            return await self._account(asked)
        except Refused as error:
            if external is None or error.kind not in _MAY_BE_EAB:
                raise
            words = f"{error.words}; are eab_kid and eab_key in [authority:...] as it gave them?"
            raise NotIssued(error.kind, words, temporary=False) from None

    async def find(self) -> Account | None:
        """The account that our key has; None: none.  rfc8555#7.3.1"""
        try:
            return await self._account({"onlyReturnExisting": True})
        except Refused as error:
            if error.kind == "accountDoesNotExist":
                return None
            raise

    async def set_contact(self, contact: Sequence[str]) -> Account:
        """rfc8555#7.3.2"""
        answer = await self._post(self._ours(), {"contact": _mailto(contact)})
        return resources.account(self.account, self._told(answer))

    async def deactivate(self) -> None:
        """The account can never be used again.  rfc8555#7.3.6"""
        await self._post(self._ours(), {"status": "deactivated"})
        DEACTIVATED.log(account=self.account, authority=self.host)

    async def change_key(self, new: AccountKey) -> None:
        """From now on the account has the key `new`, which must be kept before: an answer may be lost, and
        then it is asked which key it is.  rfc8555#7.3.5"""
        known = await self.directory()
        if not known.key_change:
            raise NotIssued("unsupported", f"{self.host} changes no keys of accounts", temporary=False)
        inner = {"account": self._ours(), "oldKey": self.key.jwk}
        signed = new.signed({"jwk": new.jwk, "url": known.key_change}, json.dumps(inner).encode())
        try:
            await self._post(known.key_change, json.loads(signed))
        except NotIssued:
            if not await self._is_ours(new):
                raise
        self.key = new
        KEY_CHANGED.log(account=self.account, authority=self.host)

    async def _is_ours(self, key: AccountKey) -> bool:
        """The account has that key already."""
        known = await self.directory()
        try:
            answer = await self._post(known.new_account, {"onlyReturnExisting": True}, key)
        except NotIssued:
            return False
        return answer.header("location") == self.account

    def _external(self) -> ExternalAccount | None:
        if self.settings.eab_key is None:
            return None
        return ExternalAccount(self.settings.eab_kid, self.settings.eab_key)

    def _bound(self, external: ExternalAccount, url: str) -> dict[str, str]:
        try:
            return bound(self.key.jwk, external.kid, external.key.reveal(), url)
        except ValueError as error:
            raise NotIssued("externalAccountRequired", f"{self.host}: {error}", temporary=False) from None

    async def _account(self, asked: dict[str, Any]) -> Account:
        known = await self.directory()
        answer = await self._post(known.new_account, asked, self.key)
        told = self._told(answer)
        url = answer.header("location")
        told.must_lead("Location", url)
        found = resources.account(url, told)
        if found.status != "valid":
            raise NotIssued("unauthorized", f"our account at {self.host} is {found.status}", temporary=False)
        self.account = url
        if answer.status == 201:
            REGISTERED.log(account=url, authority=self.host)
        return found

    def _ours(self) -> str:
        if not self.account:
            raise NotIssued("accountDoesNotExist", f"we have no account at {self.host} yet", temporary=False)
        return self.account

    # -- Orders

    async def order(self, names: Sequence[str], *, profile: str = "", replaces: str = "") -> Order:
        """A new one.  `replaces` is an id of `ari`.  rfc8555#7.4 rfc9773#5"""
        known = await self.directory()
        asked: dict[str, Any] = {"identifiers": [{"type": "dns", "value": name} for name in names]}
        asked |= {"profile": profile} if profile else {}
        asked |= {"replaces": replaces} if replaces else {}
        answer = await self._post(known.new_order, asked)
        told = self._told(answer)
        url = answer.header("location")
        told.must_lead("Location", url)
        return self._order(url, answer)

    async def authorization(self, url: str) -> Authorization:
        """rfc8555#7.5"""
        answer = await self._post(url, None)
        return resources.authorization(url, self._told(answer), self._wait(answer))

    async def judged(self, authorization: Authorization) -> Authorization:
        """The same when it is not pending any more."""
        return await until(
            self.clock,
            float(self.settings.order_time),
            lambda: self.authorization(authorization.url),
            lambda one: one.status != "pending",
            f"{self.host} did not look at the proof for {authorization.identifier}",
        )

    def challenge(self, offered: Offered, authorization: Authorization) -> Challenge:
        """For who proves it."""
        return Challenge(
            kind=offered.kind,  # type: ignore[arg-type]
            name=authorization.name,
            wildcard=authorization.wildcard,
            url=offered.url,
            token=offered.token,
            key_authorization=self.key.authorization(offered.token) if offered.token else "",
            authority=self.authority,
            account=offered.account or self.account,
            issuers=offered.issuers,
        )

    async def answer(self, challenge: Challenge) -> None:
        """The authority may look at the proof.  rfc8555#7.5.1"""
        await self._post(challenge.url, {})

    async def release(self, authorization: Authorization) -> None:
        """Nobody waits for it.  rfc8555#7.5.2"""
        await self._post(authorization.url, {"status": "deactivated"})

    async def again(self, order: Order) -> Order:
        """The order as it is now."""
        return self._order(order.url, await self._post(order.url, None))

    async def finalize(self, order: Order, request: bytes) -> Order:
        """The order when it is valid; `request` in DER.  rfc8555#7.4"""
        try:
            answer = await self._post(order.finalize, {"csr": base64(request)})
        except Refused as error:
            if error.kind != "orderNotReady":
                raise
            order = await self.again(order)
            if order.status not in ("processing", "valid"):
                raise error from None  # else it was asked for before, and the answer was lost
        else:
            order = self._order(order.url, answer)
        return await self.settled(order, "processing")

    async def settled(self, order: Order, *statuses: str) -> Order:
        """The order when its status is none of these any more; `Refused` when it is invalid then."""
        patience = float(self.settings.order_time)
        first: list[Order] = [order]

        async def ask() -> Order:
            return first.pop() if first else await self.again(order)

        what = f"{self.host} did not go on with the order for {order.names[0]}"
        found = await until(self.clock, patience, ask, lambda one: one.status not in statuses, what)
        if found.status == "invalid":
            raise found.error or nonsense(found.url, "the order is invalid, and it does not say why")
        return found

    async def chain(self, order: Order) -> bytes:
        """PEM: the leaf first.  Of several chains the one that the settings prefer.  rfc8555#7.4.2"""
        if order.status != "valid" or not order.certificate:
            raise nonsense(order.url, f"the order is {order.status}, and there is no certificate")
        first = await self._post(order.certificate, None, accept=PEM)
        wanted = self.settings.preferred_chain
        if not wanted:
            return first.body

        async def fetched(url: str) -> bytes:
            return (await self._post(url, None, accept=PEM)).body

        return await preferred_of(first.body, alternates_of(first), fetched, wanted, self.host)

    # -- Certificates

    async def revoke(self, certificate: x509.Certificate, reason: int = 0, key: Key | None = None) -> None:
        """It is revoked, by our account or, when `key` is given, by its own key.  rfc8555#7.6"""
        known = await self.directory()
        if not known.revoke:
            raise NotIssued("unsupported", f"{self.host} revokes nothing", temporary=False)
        asked = {"certificate": base64(certificate.public_bytes(Encoding.DER)), "reason": reason}
        try:
            by = None if key is None else AccountKey(key)
        except ValueError as error:
            raise NotIssued("unsupported", str(error), temporary=False) from None
        try:
            await self._post(known.revoke, asked, by)
        except Refused as error:
            if error.kind != "alreadyRevoked":
                raise
        REVOKED.log(authority=self.host, serial=f"{certificate.serial_number:x}", reason=reason)

    async def renewal(self, certificate: x509.Certificate) -> Renewal | None:
        """When to renew it, as the authority sees it; None where it does not say, and after the end of the
        certificate.  rfc9773#4"""
        known = await self.directory()
        name = certificate_id(certificate)
        now = self.clock.now()
        if not known.renewal or not name or certificate.not_valid_after_utc.timestamp() <= now:
            return None
        answer = await self._speaking.get(f"{known.renewal.rstrip('/')}/{name}")
        return renewal(answer, self._told(answer), now)

    # -- Requests

    async def _post(
        self,
        url: str,
        payload: dict[str, Any] | None,
        key: AccountKey | None = None,
        accept: str = "application/json",
    ) -> Answer:
        """By the account, or by another key that is told."""
        known = await self.directory()
        account = "" if key else self._ours()
        try:
            return await self._speaking.post(
                url, payload, key or self.key, new_nonce=known.new_nonce, account=account, accept=accept
            )
        except NotIssued as error:
            if error.kind in ("unreachable", "nonsense") or getattr(error, "status_code", 0) in (404, 405):
                self._directory = None
            raise

    def _told(self, answer: Answer) -> Told:
        return Told.by(answer, self._speaking.hosts)

    def _wait(self, answer: Answer) -> float | None:
        return retry_after(answer, self.clock.now())

    def _order(self, url: str, answer: Answer) -> Order:
        return resources.order(url, self._told(answer), self._wait(answer))


PEM = "application/pem-certificate-chain"


def _mailto(contact: Sequence[str]) -> list[str]:
    return [f"mailto:{address}" for address in contact]
