"""What the fake authority holds: accounts, orders, authorizations, their proofs, and what it has issued."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import josepy
from cryptography import x509

from tests.tls.acme.faults import document


def stamp(when: float) -> str:
    return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(eq=False)
class Account:
    url: str
    key: josepy.JWK
    contact: list[str]
    bound: str = ""
    status: str = "valid"

    def told(self) -> dict[str, Any]:
        return {"status": self.status, "contact": self.contact, "orders": f"{self.url}/orders"}


@dataclass(eq=False)
class Proof:
    """One challenge of an authorization."""

    url: str
    kind: str
    token: str
    of: "Authorization"
    status: str = "pending"
    error: str = ""

    def told(self) -> dict[str, Any]:
        said: dict[str, Any] = {"type": self.kind, "url": self.url, "status": self.status}
        if self.kind == "dns-persist-01":
            said |= {"issuer-domain-names": list(self.of.issuers), "accounturi": self.of.account.url}
        else:
            said["token"] = self.token
        if self.status == "valid":
            said["validated"] = stamp(self.of.expires - 3600)
        if self.error:
            said["error"] = document(self.error, f"{self.error} at {self.of.name}")
        return said


@dataclass(eq=False)
class Authorization:
    url: str
    account: Account
    name: str
    wildcard: bool
    expires: float
    issuers: tuple[str, ...]
    status: str = "pending"
    proofs: list[Proof] = field(default_factory=list)
    _found: tuple[Proof, str] | None = None
    _polls: int = 0

    def told(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "status": self.status,
            "identifier": {"type": "dns", "value": self.name},
            "expires": stamp(self.expires),
            "challenges": [one.told() for one in self.proofs],
        }
        if self.wildcard:
            said["wildcard"] = True
        return said

    def found(self, proof: Proof, error: str, polls: int) -> None:
        """How `proof` was judged; `polls` times more it is told as if nobody knew."""
        self._found, self._polls = (proof, error), polls + 1
        if not polls:
            self.look()

    def look(self) -> None:
        """Somebody asks how it stands."""
        self._polls -= 1
        if self._found is not None and self._polls <= 0 and self.status == "pending":
            proof, proof.error = self._found
            self.status = proof.status = "invalid" if proof.error else "valid"


@dataclass(eq=False)
class Leaf:
    """A certificate that was issued; `revoked` is the reason's number."""

    certificate: x509.Certificate
    names: list[str]
    account: Account
    profile: str
    id: str
    chains: list[bytes]
    replaces: str = ""
    replaced: bool = False
    revoked: int | None = None


@dataclass(eq=False)
class Order:
    url: str
    account: Account
    names: list[str]
    expires: float
    authorizations: list[Authorization]
    profile: str = ""
    replaces: str = ""
    leaf: Leaf | None = None
    error: str = ""
    polls: int = 0

    @property
    def status(self) -> str:
        if self.error or any(one.status == "invalid" for one in self.authorizations):
            return "invalid"
        if self.leaf is not None:
            return "processing" if self.polls > 0 else "valid"
        proven = all(one.status == "valid" for one in self.authorizations)
        return "ready" if proven else "pending"

    def look(self) -> None:
        """Somebody asks how it stands."""
        self.polls -= 1
        for one in self.authorizations:
            one.look()

    def told(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "status": self.status,
            "expires": stamp(self.expires),
            "identifiers": [{"type": "dns", "value": name} for name in self.names],
            "authorizations": [one.url for one in self.authorizations],
            "finalize": f"{self.url}/finalize",
        }
        if self.profile:
            said["profile"] = self.profile
        if self.replaces:
            said["replaces"] = self.replaces
        if self.error:
            said["error"] = document(self.error, f"{self.error} for {', '.join(self.names)}")
        if self.status == "valid":
            said["certificate"] = f"{self.url}/certificate"
        return said
