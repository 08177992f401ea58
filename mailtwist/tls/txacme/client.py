"""txacme's client as its `AcmeIssuingService` calls it, done by ours, which speaks version 2.  rfc8555"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.defer import Deferred

from mailtwist.kit.spawn import started
from mailtwist.tls.acme.api import Challenge, Solver
from mailtwist.tls.acme.client import Client
from mailtwist.tls.acme.problem import nonsense
from mailtwist.tls.acme.resources import Authorization, Offered, Order
from mailtwist.tls.certificates import read_certificates

WAIT = 1.0
"""Seconds between two questions for an authorization, where the authority does not say."""
PROVEN = "A" * 43
"""The token of a challenge that was proven long ago and that the authority shows no more."""


@dataclass(frozen=True)
class Certified:
    """A certificate in DER, as txacme takes it, and those above it."""

    body: bytes
    above: tuple["Certified", ...] = ()


class ClientOfToday:
    """The methods of `txacme.client.Client` that its service calls, for one account that is there already."""

    def __init__(self, client: Client, solvers: Sequence[Solver]) -> None:
        from josepy.jwk import JWK

        self.key = JWK.load(client.key.pem)
        self._client = client
        self._kinds = [solver.kind for solver in solvers]
        self._orders: dict[str, Order] = {}
        self._proven: set[str] = set()

    # -- an account
    def register(self, registration: Any) -> "Deferred[Any]":
        return started(_at_once(registration))

    def agree_to_tos(self, registration: Any) -> "Deferred[Any]":
        return started(_at_once(registration))

    # -- proofs
    def request_challenges(self, identifier: Any) -> "Deferred[Any]":
        """The authorization for one name."""
        return started(self._request_challenges(str(identifier.value)))

    def answer_challenge(self, challenge: Any, response: Any) -> "Deferred[None]":
        return started(self._answer(challenge.uri))

    def poll(self, authorization: Any) -> "Deferred[tuple[Any, float]]":
        """How it is now, and how long to wait before the next question."""
        return started(self._poll(authorization.uri))

    async def _request_challenges(self, name: str) -> Any:
        order = await self._client.order([name])
        if order.names != (name,) or len(order.authorizations) != 1:
            raise nonsense(order.url, "its order is for other names than were asked for")
        self._orders[name] = order
        return self._resource(await self._client.authorization(order.authorizations[0]))

    async def _answer(self, url: str) -> None:
        if url not in self._proven:
            challenge = Challenge("http-01", "", False, url, "", "", self._client.authority, "")
            await self._client.answer(challenge)

    async def _poll(self, url: str) -> tuple[Any, float]:
        found = await self._client.authorization(url)
        return self._resource(found), found.wait or WAIT

    def _resource(self, found: Authorization) -> Any:
        """txacme looks for challenges among those that may be combined, which there are no more: each is
        enough by itself."""
        from acme.messages import Authorization as Body
        from acme.messages import AuthorizationResource

        offered = [_written(one) for one in found.challenges if one.kind in self._kinds and one.token]
        if found.status == "valid":
            offered = [{"type": self._kinds[0], "url": found.url, "status": "valid", "token": PROVEN}]
            self._proven.add(found.url)
        body = {
            "identifier": {"type": "dns", "value": found.name},
            "status": found.status if found.status in ("pending", "valid") else "invalid",
            "challenges": offered,
            "combinations": [[number] for number in range(len(offered))],
        }
        return AuthorizationResource(uri=found.url, body=Body.from_json(body))

    # -- a certificate
    def request_issuance(self, message: Any) -> "Deferred[Certified]":
        """`message.csr` is a request for the one name."""
        return started(self._request_issuance(message.csr))

    def fetch_chain(self, certified: Certified) -> "Deferred[list[Certified]]":
        return started(_at_once(list(certified.above)))

    async def _request_issuance(self, request: x509.CertificateSigningRequest) -> Certified:
        names = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        (name,) = names.get_values_for_type(x509.DNSName)
        client, order = self._client, self._orders.pop(name)
        order = await client.settled(await client.again(order), "pending")
        order = await client.finalize(order, request.public_bytes(Encoding.DER))
        chain = read_certificates(await client.chain(order))
        leaf, *above = [Certified(one.public_bytes(Encoding.DER)) for one in chain]
        return Certified(leaf.body, tuple(above))


class Responder:
    """A `txacme.interfaces.IResponder` that has one of our solvers do it."""

    def __init__(self, solver: Solver) -> None:
        self.challenge_type = solver.kind
        self._solver = solver

    def start_responding(self, name: str, challenge: Any, response: Any) -> "Deferred[None]":
        return started(self._solver.present(self._ours(name, challenge, response)))

    def stop_responding(self, name: str, challenge: Any, response: Any) -> "Deferred[None]":
        return started(self._solver.withdraw(self._ours(name, challenge, response)))

    def _ours(self, name: str, challenge: Any, response: Any) -> Challenge:
        return Challenge(
            kind=self._solver.kind,
            name=name,
            wildcard=False,
            url="",
            token=challenge.encode("token"),
            key_authorization=response.key_authorization,
            authority="",
            account="",
        )


def _written(offered: Offered) -> dict[str, Any]:
    told: dict[str, Any] = {
        "type": offered.kind,
        "url": offered.url,
        "status": offered.status,
        "token": offered.token,
    }
    if offered.error is not None:
        kind = f"urn:ietf:params:acme:error:{offered.error.kind}"
        told["error"] = {"type": kind, "detail": offered.error.words}
    return told


async def _at_once(answer: Any) -> Any:
    return answer
