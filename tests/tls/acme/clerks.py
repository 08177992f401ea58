"""Who does the work of the fake authority: accounts, orders with their proofs, certificates.  rfc8555#7"""

import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import josepy
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.internet.defer import Deferred

from tests.tls.acme.desk import Answer
from tests.tls.acme.faults import Problem
from tests.tls.acme.held import Account, Authorization, Leaf, Order, Proof, stamp
from tests.tls.acme.issuer import Issuer, renewal_id, request, spoilt
from tests.tls.acme.persistent import permitted
from tests.tls.acme.signed import Signed, bound, signed, to_unpadded, unpadded

Judge = Callable[[str, str, str, str, str], Awaitable[str]]
Texts = Callable[[str], Awaitable[Sequence[str]]]


class Accounts:
    """The directory, and who may order."""

    def __init__(self, ca: Any) -> None:
        self._ca = ca

    def directory(self, _: None) -> Answer:
        places = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order"}
        places |= {"revokeCert": "revoke", "keyChange": "key-change"}
        if self._ca.ari:
            places["renewalInfo"] = "renewal"
        meta: dict[str, Any] = {
            "termsOfService": self._ca.url("/terms"),
            "website": self._ca.url("/"),
            "caaIdentities": list(self._ca.issuers),
            "externalAccountRequired": self._ca.eab is not None,
        }
        if self._ca.profiles:
            meta["profiles"] = dict(self._ca.profiles)
        return Answer({name: self._ca.url(f"/{path}") for name, path in places.items()} | {"meta": meta})

    def register(self, came: Signed) -> Answer:
        said = came.payload or {}
        found = next((one for one in self._ca.accounts() if one.key == came.key), None)
        if found is None:
            if said.get("onlyReturnExisting"):
                raise Problem("accountDoesNotExist")
            if said.get("termsOfServiceAgreed") is not True:
                raise Problem("userActionRequired", "the terms", 403, instance=self._ca.url("/terms"))
            kid = self._bound(said, came.key)
            contact = said.get("contact", [])
            found = self._ca.keep("acct", lambda url: Account(url, came.key, contact, kid))
            return Answer(found.told(), 201, headers=[("Location", found.url)])
        if found.status != "valid":
            raise Problem("unauthorized", f"that account is {found.status}", 403)
        return Answer(found.told(), headers=[("Location", found.url)])

    def _bound(self, said: Mapping[str, Any], key: josepy.JWK) -> str:
        if self._ca.eab is None:
            return ""
        return bound(said.get("externalAccountBinding"), self._ca.url("/account"), key, self._ca.eab)

    def existing(self, account: Account, came: Signed) -> Answer:
        said = came.payload or {}
        account.contact = said.get("contact", account.contact)
        if "status" in said:
            if said["status"] != "deactivated":
                raise Problem("malformed", f"status {said['status']}")
            account.status = "deactivated"
        return Answer(account.told())

    def change_key(self, came: Signed) -> Answer:
        inner = signed(json.dumps(came.payload).encode(), self._ca.url("/key-change"), None, self._ca.key_of)
        said = inner.payload or {}
        account = self._ca.account(came)
        if inner.kid or said.get("account") != account.url:
            raise Problem("malformed", "the account inside is another one")
        if josepy.JWK.from_json(said.get("oldKey")) != account.key:
            raise Problem("malformed", "the old key is another one")
        if used := next((one for one in self._ca.accounts() if one.key == inner.key), None):
            raise Problem("malformed", "that key is taken", 409, location=used.url)
        account.key = inner.key
        return Answer(account.told())


class Orders:
    """Names, and the proofs of them."""

    def __init__(self, ca: Any) -> None:
        self._ca = ca

    def order(self, came: Signed) -> Answer:
        said = came.payload or {}
        account = self._ca.account(came)
        names = _names(said)
        profile = self._profile(said)
        replaces = self._replaced(said.get("replaces", ""), account, names)
        asked = [self._authorization(account, name) for name in names]
        expires = self._ca.now() + 7 * 86400
        held = self._ca.keep(
            "order",
            lambda url: Order(url, account, names, expires, asked, profile, replaces),
        )
        return Answer(held.told(), 201, headers=[("Location", held.url)])

    def _profile(self, said: Mapping[str, Any]) -> str:
        profile = said.get("profile", "")
        if profile and profile not in self._ca.profiles:
            raise Problem("invalidProfile", f"no profile {profile}")
        return str(profile)

    def _replaced(self, given: str, account: Account, names: list[str]) -> str:
        if not given:
            return ""
        if not self._ca.ari:
            raise Problem("malformed", "unknown field replaces")
        old = next((one for one in self._ca.issued if one.id == given), None)
        if old is None or old.account is not account or not set(old.names) & set(names):
            raise Problem("malformed", "that is none of yours to replace")
        if old.replaced:
            raise Problem("alreadyReplaced", status=409)
        return given

    def _authorization(self, account: Account, name: str) -> Authorization:
        wildcard, bare = name.startswith("*."), name.removeprefix("*.")
        if self._ca.reuse:
            for one in self._ca.held.values():
                if (
                    isinstance(one, Authorization)
                    and (one.account, one.name, one.wildcard, one.status)
                    == (account, bare, wildcard, "valid")
                    and one.expires > self._ca.now()
                ):
                    return one
        expires = self._ca.now() + 30 * 86400
        made = self._ca.keep(
            "authz", lambda url: Authorization(url, account, bare, wildcard, expires, self._ca.issuers)
        )
        token = secrets.token_urlsafe(32)
        for kind in self._ca.kinds:
            if not wildcard or kind.startswith("dns-"):
                made.proofs.append(
                    self._ca.keep("chall", lambda url, kind=kind: Proof(url, kind, token, made))
                )
        return made

    def read_order(self, order: Order, came: Signed) -> Answer:
        order.look()
        return Answer(order.told(), headers=self._ca.wait(order.status))

    def read_authorization(self, held: Authorization, came: Signed) -> Answer:
        if came.payload is not None:
            if came.payload != {"status": "deactivated"}:
                raise Problem("malformed", "only deactivated")
            held.status = "deactivated"
        held.look()
        return Answer(held.told(), headers=self._ca.wait(held.status))

    def challenge(self, proof: Proof, came: Signed) -> Answer:
        if came.payload is None:
            proof.of.look()
            return self._told(proof)
        if came.payload != {}:
            raise Problem("malformed", "an answer is an empty object")
        if proof.status == "pending":
            if proof.of.status != "pending":
                raise Problem("malformed", f"its authorization is {proof.of.status}")
            proof.status = "processing"
            Deferred.fromCoroutine(self._prove(proof, came.key))
        return self._told(proof)

    def _told(self, proof: Proof) -> Answer:
        up = ("Link", f'<{proof.of.url}>;rel="up"')
        return Answer(proof.told(), headers=[up, *self._ca.wait(proof.status)])

    async def _prove(self, proof: Proof, key: josepy.JWK) -> None:
        error = self._ca.refuses.get(proof.of.name, "") or await self._judged(proof, key)
        proof.of.found(proof, error, self._ca.polls)

    async def _judged(self, proof: Proof, key: josepy.JWK) -> str:
        if proof.kind == "dns-persist-01" and self._ca.txt is not None:
            found = await self._ca.txt(f"_validation-persist.{proof.of.name}")
            return "" if permitted(found, proof.of, self._ca.now()) else "unauthorized"
        if self._ca.judge is None:
            return ""
        whole = f"{proof.token}.{to_unpadded(key.thumbprint())}"
        return await self._ca.judge(proof.kind, proof.of.name, proof.token, whole, proof.of.account.url)


class Certificates:
    """What is issued, for how long it is good, and when it is no more."""

    def __init__(self, ca: Any, name: str, roots: int) -> None:
        self._ca = ca
        self.issuer = Issuer(name, roots)
        self._foreign = Issuer(f"{name} foreign")

    def finalize(self, order: Order, came: Signed) -> Answer:
        if order.status != "ready":
            raise Problem("orderNotReady", f"it is {order.status}", 403)
        asked = request(unpadded((came.payload or {}).get("csr", "")))
        if asked.names != sorted(order.names):
            raise Problem("badCSR", f"for {asked.names}, ordered were {order.names}")
        if _spki(asked.public_key) == _spki(order.account.key.key):
            raise Problem("badCSR", "with the account's key")
        order.leaf = self._leaf(order, asked.names, asked.public_key)
        order.polls = self._ca.polls
        return Answer(order.told(), headers=[("Location", order.url), *self._ca.wait(order.status)])

    def _leaf(self, order: Order, names: list[str], key: Any) -> Leaf:
        begins = datetime.fromtimestamp(int(self._ca.now()) - 60, UTC)
        ends = begins + timedelta(seconds=self._ca.lives.get(order.profile, self._ca.life))
        if self._ca.wrong == "expired":
            begins, ends = spoilt(begins)
        if self._ca.wrong == "key":
            key = ec.generate_private_key(ec.SECP256R1()).public_key()
        given = ["other.test"] if self._ca.wrong == "names" else names
        made = self.issuer.leaf(given, key, begins, ends)
        by = self._foreign if self._ca.wrong == "chain" else self.issuer
        chains = [by.chain(made, number) for number in range(len(by.roots))]
        leaf = Leaf(made, names, order.account, order.profile, renewal_id(made), chains, order.replaces)
        for old in self._ca.issued:
            old.replaced |= bool(order.replaces) and old.id == order.replaces
        self._ca.issued.append(leaf)
        return leaf

    def certificate(self, order: Order, tail: str, came: Signed) -> Answer:
        number = int(tail.strip("/") or 0)
        if order.status != "valid" or order.leaf is None or number >= len(order.leaf.chains):
            raise Problem("malformed", "no such certificate", 404)
        here = f"{order.url}/certificate"
        links = [("Link", f'<{here}/{n}>;rel="alternate"') for n in range(1, len(order.leaf.chains))]
        return Answer(order.leaf.chains[number], 200, "application/pem-certificate-chain", links)

    def revoke(self, came: Signed) -> Answer:
        said = came.payload or {}
        asked = x509.load_der_x509_certificate(unpadded(said.get("certificate", "")))
        leaf = next((one for one in self._ca.issued if one.certificate == asked), None)
        if leaf is None:
            raise Problem("malformed", "none of ours", 404)
        by_key = not came.kid and _spki(asked.public_key()) == _spki(came.key.key)
        if not by_key and came.kid != leaf.account.url:
            raise Problem("unauthorized", "not yours", 403)
        if leaf.revoked is not None:
            raise Problem("alreadyRevoked")
        if said.get("reason", 0) not in (0, 1, 3, 4, 5):
            raise Problem("badRevocationReason")
        leaf.revoked = said.get("reason", 0)
        return Answer()

    def renewal(self, name: str, _: None) -> Answer:
        leaf = next((one for one in self._ca.issued if one.id == name), None)
        if leaf is None:
            raise Problem("malformed", "no certificate of ours", 404)
        begins, ends = (
            one.timestamp()
            for one in (leaf.certificate.not_valid_before_utc, leaf.certificate.not_valid_after_utc)
        )
        start, end = self._ca.windows.get(name) or (
            begins + (ends - begins) * part for part in self._ca.window
        )
        if leaf.revoked is not None:
            start, end = self._ca.now() - 7200, self._ca.now() - 3600
        told: dict[str, Any] = {"suggestedWindow": {"start": stamp(start), "end": stamp(end)}}
        if self._ca.explanation:
            told["explanationURL"] = self._ca.explanation
        return Answer(
            told, headers=[("Retry-After", self._ca.renewal_after)] if self._ca.renewal_after else []
        )


def _proof(url: str, kind: str, token: str, of: Authorization) -> Proof:
    return Proof(url, kind, token, of)


def _names(said: Mapping[str, Any]) -> list[str]:
    told = said.get("identifiers")
    if not isinstance(told, list) or not told:
        raise Problem("malformed", "no identifiers")
    names = [one.get("value") for one in told if isinstance(one, dict) and one.get("type") == "dns"]
    if len(names) != len(told) or len(set(names)) != len(names):
        raise Problem("malformed", "identifiers that are no DNS names, or twice")
    bad = {name: "rejectedIdentifier" for name in names if not _good(name)}
    if bad:
        raise Problem("rejectedIdentifier", names=bad)
    return names


def _good(name: Any) -> bool:
    labels = str(name).removeprefix("*.").split(".")
    return len(labels) > 1 and all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", one) for one in labels)


def _spki(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
