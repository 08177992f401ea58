"""One order, from names to a certificate: names are proven, and again in another way.  rfc8555#7.4"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from mailtwist.kit.events import Event
from mailtwist.kit.spawn import abreast, uninterrupted
from mailtwist.kit.trouble import Trouble
from mailtwist.tls.acme.api import Challenge, Issued, Solver
from mailtwist.tls.acme.ari import certificate_id
from mailtwist.tls.acme.chain import verified
from mailtwist.tls.acme.client import Client
from mailtwist.tls.acme.csr import Key, pem_of, request_for
from mailtwist.tls.acme.problem import NotIssued, Refused, nonsense
from mailtwist.tls.acme.resources import Authorization, Directory, Order
from mailtwist.tls.names import server_name

PROVEN = Event("acme.proven", "{name} is proven to {authority} by {kind}")
NOT_PROVEN = Event("acme.not_proven", "{name} is not proven to {authority} by {kind}: {why}", "warn")
NOT_WITHDRAWN = Event("acme.not_withdrawn", "the proof by {kind} for {name} is still there: {why}", "warn")
NOT_REPLACED = Event("acme.not_replaced", "{authority} does not take {name} for a renewal: {why}")
NO_PROFILE = Event(
    "acme.no_profile", "{authority} has no profile {profile}; {name} gets its usual one", "warn"
)

_NOT_REPLACING = {"alreadyReplaced", "malformed", "unauthorized", "conflict"}
_HOPELESS = {"rejectedIdentifier", "rateLimited", "userActionRequired"}
"""Another challenge makes no difference."""


async def _nothing() -> None: ...


async def issued(
    client: Client,
    names: Sequence[str],
    key: Key,
    solvers: Sequence[Solver],
    replaces: Issued | None = None,
    not_replaced: Callable[[], Awaitable[None]] = _nothing,
) -> Issued:
    """A certificate for exactly `names` (wildcards, too) and `key`, from the client's authority, where it has
    an account.  `solvers` in the order in which they are tried.  `replaces`: what it comes in place of;
    `not_replaced` is awaited before it is ordered as any other, because the authority will not have that.

    What a solver has presented is withdrawn when all is over, in every case; being cancelled waits for that.
    `NotIssued`."""
    spelled = tuple(dict.fromkeys(map(server_name, names)))
    return await _Ordering(client, spelled, key, solvers, replaces, not_replaced).issued()


@dataclass
class _Tries:
    """What was tried for one name: kinds of challenges, and why they did not do."""

    failed: dict[str, str] = field(default_factory=dict)
    kind: str = "unproven"


class _Ordering:
    def __init__(
        self,
        client: Client,
        names: tuple[str, ...],
        key: Key,
        solvers: Sequence[Solver],
        replaces: Issued | None,
        not_replaced: Callable[[], Awaitable[None]],
    ) -> None:
        self._not_replaced = not_replaced
        self._client = client
        self._names = names
        self._key = key
        self._solvers = solvers
        self._replaces = _id_of(replaces, client.authority)
        self._profile = client.settings.required_profile or client.settings.profile
        self._tries = {name: _Tries() for name in names}
        self._presented: list[tuple[Solver, Challenge]] = []
        self._open: dict[str, Authorization] = {}

    async def issued(self) -> Issued:
        try:
            return await self._issued(await self._proven())
        except Trouble:
            await self._released()
            raise
        finally:
            await uninterrupted(self._withdrawn())

    async def _issued(self, order: Order) -> Issued:
        client = self._client
        common = client.settings.common_name
        request = await client.threads.run(request_for, self._names, self._key, common)
        order = await client.finalize(order, request)
        pem, now = await client.chain(order), client.clock.now()
        chain = await client.threads.run(verified, pem, self._key, self._names, now, client.host)
        return Issued(
            name=self._names[0],
            key_kind="RSA" if isinstance(self._key, rsa.RSAPrivateKey) else "EC",
            pem=pem_of(self._key) + chain,
            authority=client.authority,
            account=client.account,
            issued=now,
        )

    # -- The order

    async def _proven(self) -> Order:
        """An order that is ready.  A challenge that fails ends an order; the next has what was proven."""
        for _ in range(len(self._solvers) + 1):  # a flighty authority could go on for each name
            order = await self._ordered()
            found = await abreast(*map(self._client.authorization, order.authorizations))
            for one in found:
                self._must_be_ours(one)
            self._open = {one.url: one for one in found if one.status == "pending"}
            results = await abreast(*map(self._tried, self._open.values()))
            _raise_all([one for one in results if isinstance(one, NotIssued)])
            if all(results):
                return await self._client.settled(await self._client.again(order), "pending")
            await uninterrupted(self._withdrawn())  # the next order has other challenges for the same names
        whys = [f"{name}: {why}" for name, one in self._tries.items() for why in one.failed.values()]
        names = [name for name, one in self._tries.items() if one.failed]
        raise NotIssued("unproven", f"one name after the other fails ({'; '.join(whys)})", names=names)

    async def _ordered(self) -> Order:
        known = await self._client.directory()
        profile = self._profile_of(known)
        replaces = self._replaces if known.has_renewal else ""
        try:
            order = await self._client.order(self._names, profile=profile, replaces=replaces)
        except Refused as error:
            if not self._with_less(error, bool(profile), bool(replaces)):
                raise
            if replaces and not self._replaces:
                await self._not_replaced()
            return await self._ordered()
        if order.names != tuple(sorted(self._names)):
            raise nonsense(order.url, "its order is for other names than were asked for")
        return order

    def _profile_of(self, known: Directory) -> str:
        """'': the authority's usual one."""
        wanted = self._profile
        if not wanted or wanted in known.profiles:
            return wanted
        client = self._client
        if client.settings.required_profile:
            offers = ", ".join(known.profiles) or "none"
            words = f"{client.host} has no profile {wanted}, which is required; it offers: {offers}"
            raise NotIssued("profile", words, temporary=False)
        NO_PROFILE.log(authority=client.host, profile=wanted, name=self._names[0])
        self._profile = ""
        return ""

    def _with_less(self, error: Refused, profile: bool, replaces: bool) -> bool:
        """The order may be taken without what is only preferred; that is left out from now on."""
        if replaces and error.kind in _NOT_REPLACING:
            NOT_REPLACED.log(authority=self._client.host, name=self._names[0], why=error.words)
            self._replaces = ""
            return True
        if profile and error.kind == "invalidProfile" and not self._client.settings.required_profile:
            NO_PROFILE.log(authority=self._client.host, profile=self._profile, name=self._names[0])
            self._profile = ""
            return True
        return False

    def _must_be_ours(self, one: Authorization) -> None:
        if one.identifier not in self._tries:
            raise nonsense(one.url, "it wants a name to be proven that was not asked for")
        if one.status not in ("pending", "valid"):
            raise nonsense(
                one.url, f"the authorization for {one.identifier} is {one.status} from the beginning"
            )

    # -- Proofs

    async def _tried(self, authorization: Authorization) -> bool | NotIssued:
        """True when it is valid, False when the order has failed with it and another may do."""
        try:
            while True:
                solver, challenge = await self._chosen(authorization)
                if await self._presents(solver, challenge, authorization):
                    return await self._judged(challenge, authorization)
        except NotIssued as error:
            return error

    async def _chosen(self, authorization: Authorization) -> tuple[Solver, Challenge]:
        """The first that has not failed and can be tried."""
        tries = self._tries[authorization.identifier]
        offered = {one.kind: one for one in authorization.challenges}
        for solver in self._solvers:
            if solver.kind in tries.failed:
                continue
            if solver.kind not in offered:
                continue
            challenge = self._client.challenge(offered[solver.kind], authorization)
            why = await _why_not(solver, challenge)
            if not why:
                return solver, challenge
            tries.failed[solver.kind] = why
        raise self._unproven(authorization)

    def _unproven(self, authorization: Authorization) -> NotIssued:
        name = authorization.identifier
        tries = self._tries[name]
        known = ", ".join(solver.kind for solver in self._solvers) or "none"
        offers = ", ".join(one.kind for one in authorization.challenges)
        whys = [f"{kind}: {why}" for kind, why in tries.failed.items()]
        whys = whys or [f"{self._client.host} offers {offers}; here there is {known}"]
        return NotIssued(tries.kind, f"{name} cannot be proven ({'; '.join(whys)})", names=[name])

    async def _presents(self, solver: Solver, challenge: Challenge, authorization: Authorization) -> bool:
        self._presented.append((solver, challenge))  # before: it may be half there
        try:
            await solver.present(challenge)
        except Trouble as error:
            self._failed(
                authorization, solver.kind, getattr(error, "words", "") or error.detail or error.public
            )
            return False
        return True

    async def _judged(self, challenge: Challenge, authorization: Authorization) -> bool:
        await self._answered(challenge, authorization)
        found = await self._client.judged(authorization)
        self._open.pop(authorization.url, None)
        name = authorization.identifier
        if found.status == "valid":
            PROVEN.log(name=name, authority=self._client.host, kind=challenge.kind)
            return True
        error = next((one.error for one in found.challenges if one.url == challenge.url), None)
        self._failed(authorization, challenge.kind, error.words if error else f"it is {found.status}")
        if error is not None:
            self._tries[name].kind = error.kind or "unproven"
            if error.kind in _HOPELESS:
                raise NotIssued(error.kind, error.words, names=[name], temporary=error.temporary)
        offered = {one.kind for one in authorization.challenges}
        if not any(one.kind in offered and one.kind not in self._tries[name].failed for one in self._solvers):
            raise self._unproven(authorization)  # another order would only cost
        return False

    async def _answered(self, challenge: Challenge, authorization: Authorization) -> None:
        """The authority looks at the proof, or has done so for somebody else: another order, or a request
        of which the answer was lost."""
        try:
            await self._client.answer(challenge)
        except Refused:
            found = await self._client.authorization(authorization.url)
            if found.status == "pending":
                raise

    def _failed(self, authorization: Authorization, kind: str, why: str) -> None:
        name = authorization.identifier
        self._tries[name].failed[kind] = why
        NOT_PROVEN.log(name=name, authority=self._client.host, kind=kind, why=why)

    # -- The end

    async def _released(self) -> None:
        """Authorizations that nobody will prove count against us while they are open."""
        for one in self._open.values():
            try:
                await self._client.release(one)
            except NotIssued:
                return  # they end by themselves

    async def _withdrawn(self) -> None:
        presented, self._presented = self._presented, []
        await abreast(*(_withdrawn(solver, challenge) for solver, challenge in presented))


async def _withdrawn(solver: Solver, challenge: Challenge) -> None:
    try:
        await solver.withdraw(challenge)
    except Trouble as error:
        NOT_WITHDRAWN.log(kind=solver.kind, name=challenge.name, why=_words(error))
    except Exception:  # a bug in one leaves no other proof standing
        NOT_WITHDRAWN.failure(kind=solver.kind, name=challenge.name, why="a bug")


async def _why_not(solver: Solver, challenge: Challenge) -> str:
    try:
        return await solver.can(challenge)
    except Trouble as error:
        return _words(error)


def _words(error: Trouble) -> str:
    """A sentence."""
    words: str = getattr(error, "words", "") or error.detail or error.public
    return words


def _raise_all(errors: Sequence[NotIssued]) -> None:
    """One error for all names, of the first one's kind."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        names = dict.fromkeys(name for one in errors for name in one.names)
        words = "; ".join(dict.fromkeys(one.words for one in errors))
        waits = [one.retry_after for one in errors if one.retry_after is not None]
        raise NotIssued(
            errors[0].kind,
            words,
            names=tuple(names),
            retry_after=max(waits, default=None),
            temporary=any(one.temporary for one in errors),
        )


def _id_of(replaces: Issued | None, authority: str) -> str:
    """'' when this authority does not know it."""
    if replaces is None or replaces.authority != authority:
        return ""
    try:
        return certificate_id(x509.load_pem_x509_certificate(replaces.pem))
    except ValueError:
        return ""
