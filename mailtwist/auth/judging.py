"""The second factor: what a string that is not remembered has to prove, and whether it does."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from mailtwist.auth.api import AccountUnavailable, LoginRefused, LoginRequest, LoginUnavailable, Source
from mailtwist.auth.buckets import APPROVAL
from mailtwist.auth.factors.api import Asked, Factor, Proof, SupportsApproval, SupportsBoth, factors_for
from mailtwist.auth.grammar import WHOLE, Cut, Grammars, the_grammars
from mailtwist.auth.guess import Guess
from mailtwist.auth.identity import Who
from mailtwist.auth.limits import Attempt
from mailtwist.auth.once import used_once
from mailtwist.auth.places import client_of, network_of
from mailtwist.auth.policy import Policy, Rule, home_domain, the_policy
from mailtwist.auth.refusals import Form, Refusals, the_refusals
from mailtwist.auth.resting import Rests, the_rests
from mailtwist.auth.turnstile import MOMENT
from mailtwist.config.login import LoginSettings
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import login_id
from mailtwist.kit.ids import new_id
from mailtwist.state.api import Durable, Volatile
from mailtwist.state.keys import IDENTITY, Keys
from mailtwist.state.process import durable, keys, volatile

HERE_WITHIN = 30 * 86400.0
"""Seconds for which a network in which an account got in is one that is known of it."""

OWN_BUDGET = ("device-code", "recovery")
"""Kinds of codes that nobody guesses; what could be one is counted as one."""


@dataclass(frozen=True, slots=True)
class Question:
    """What there is to judge: the bare `password`, the `code` and which `kind` it may be of, and the `rule`
    that says whether one is needed."""

    rule: Rule
    form: Form
    password: bytes = field(repr=False)
    code: str = field(default="", repr=False)
    kind: str = ""
    cut: Cut = WHOLE

    phone: SupportsApproval | None = None
    """By what its owner is asked, or would be if he was somebody who can."""
    least: float = 0.0
    """Seconds before which nobody is told that it was no way in: those in which its owner could have said yes
    on his phone."""

    @property
    def hopeless(self) -> str:
        """The reason for which it is refused without asking anybody."""
        if self.form == "codeless":
            return "no-code"
        return "" if self.password else "no-password"


class Judge:
    """One for the process."""

    def __init__(
        self,
        *,
        factors: Sequence[Factor],
        grammars: Grammars,
        policy: Policy,
        refusals: Refusals,
        durable: Durable,
        volatile: Volatile,
        keys: Keys,
        clock: Clock,
        settings: LoginSettings,
        rests: Rests,
    ) -> None:
        self._rests = rests
        self._factors = tuple(factors)
        self._grammars = grammars
        self._policy = policy
        self._refusals = refusals
        self._durable = durable
        self._volatile = volatile
        self._keys = keys
        self._clock = clock
        self._join = settings.join

    async def question(self, request: LoginRequest, who: Who) -> Question:
        """Nothing is asked about the secret yet."""
        rule = self._policy.rule(who.person, request.protocol, request.address, self._clock.now())
        factors = factors_for(who.person, self._factors)
        if not await self._policy.needs_code(rule, who.person):
            return Question(rule, "plain", request.secret, least=_least(request, factors))
        domain = home_domain(who.person)
        parts = self._grammars.split(domain, request.secret, lambda text: _takers(factors, text) != [])
        if parts is None:
            return await self._without_code(rule, request, who, factors)
        return Question(rule, "coded", parts.password, parts.code, _kind(factors, parts.code), parts.cut)

    async def _without_code(
        self, rule: Rule, request: LoginRequest, who: Who, factors: Sequence[Factor]
    ) -> Question:
        """Where somebody could be asked, nobody sees whether he has a phone, or exists: not from the time,
        nor from what is counted, nor from what he hears while nobody can be asked."""
        phones = [factor for factor in factors if isinstance(factor, SupportsApproval)]
        has = [await factor.enrolled(who.account) for factor in phones]
        if not phones:
            return Question(rule, "codeless", request.secret)
        phone = next((factor for factor, enrolled in zip(phones, has, strict=True) if enrolled), phones[0])
        form: Form = "approval" if any(has) else "codeless"
        least = _least(request, factors)
        return Question(rule, form, request.secret, "", APPROVAL, phone=phone, least=least)

    async def attempt(self, request: LoginRequest, who: Who, question: Question) -> Attempt:
        """What is charged."""
        return Attempt(
            source=await self._source(who.account, network_of(request.address)),
            account=who.account,
            known=who.known,
            address=request.address,
            kind=question.kind,
            password=question.password,
            login=who.name,
        )

    async def proof(self, request: LoginRequest, who: Who, question: Question, guess: Guess) -> Proof | None:
        """What the code proves, and from now on it is used; None where none is needed.  `LoginRefused`, and
        the refusal is noted."""
        if question.phone is not None:
            self._rests.of(question.phone).check()
        if question.hopeless:
            guess.wrong(self._refusals.wrong_password(who.account, request.secret, question.form))
            raise LoginRefused(question.hopeless)
        if question.form != "coded":
            return None
        guess.judged()
        factors = [one for one in factors_for(who.person, self._factors) if one.looks_like(question.code)]
        begun = self._clock.seconds()
        proof = await self._proof(factors, self.asked(request, who), question)
        guess.slow = self._clock.seconds() - begun > MOMENT
        if proof is None:
            guess.wrong(self._refusals.wrong_code(who.account, request.secret))
            raise LoginRefused("wrong-either" if any(map(_takes_both, factors)) else "wrong-code")
        if not await self._used(request, who.account, proof):
            raise LoginRefused("used-code")
        return proof

    def asked(self, request: LoginRequest, who: Who) -> Asked:
        """What factors are told of a login."""
        return Asked(
            person=who.person,
            known=who.known,
            address=request.address,
            protocol=request.protocol,
            client=request.client,
            login=login_id.get(),
            seconds=request.patience,
        )

    async def approved(
        self, request: LoginRequest, who: Who, phone: SupportsApproval, seconds: float
    ) -> Proof | None:
        """He has said yes within so many seconds.  The password was right, so he is not told either that
        others have just found nobody there."""
        rest = self._rests.of(phone)
        try:
            rest.check(beside=True)
        except LoginUnavailable:
            raise LoginRefused("asked-already") from None
        asked = replace(self.asked(request, who), seconds=seconds)
        return await rest.asked(lambda: phone.approved(asked), who.account, certain=True)

    def still_right(
        self, request: LoginRequest, who: Who, since: float
    ) -> Callable[[], Awaitable[bool]] | None:
        """What a service that takes password and code in one says of a string that it took at `since`; None
        when there is no such service for him any more."""
        people = factors_for(who.person, self._factors)
        services = [one for one in people if isinstance(one, SupportsBoth)]
        if not services:
            return None
        factor, asked = services[0], self.asked(request, who)

        async def answer() -> bool:
            rest = self._rests.of(factor)
            client = client_of(request.address) or who.account
            try:
                return await rest.asked(lambda: factor.still_right(asked, since), client)
            except LoginUnavailable as trouble:  # of the factor, and not of the directory
                raise AccountUnavailable(trouble.reason) from None

        return answer

    async def _proof(self, factors: Sequence[Factor], asked: Asked, question: Question) -> Proof | None:
        """All that know such codes are asked, whatever the first one says; then, if none of them had one that
        is right, those who have to be told the password with it: as is the directory, if one had."""
        client = client_of(asked.address) or asked.account
        proofs = [
            await self._rests.of(factor).asked(partial(factor.verify, asked, question.code), client)
            for factor in factors
            if not _takes_both(factor)
        ]
        proof = next((proof for proof in proofs if proof is not None), None)
        for factor in factors:
            if proof is None and isinstance(factor, SupportsBoth):
                ask = partial(factor.verify_both, asked, question.password, question.code)
                proof = await self._rests.of(factor).asked(ask, client)
        return proof

    async def _used(self, request: LoginRequest, account: str, proof: Proof) -> bool:
        """A replay leaves no mark: what stands in the way of somebody else's string must not stand in the way
        of its owner's."""
        client = client_of(request.address)
        version = self._keys.versions(IDENTITY)[0]
        by = self._keys.mac(IDENTITY, version, account, request.secret, client or new_id())
        whose = account, proof, by, client, self._join, self._clock.now()
        return await used_once(self._volatile, self._durable, *whose)

    async def _source(self, account: str, net: str) -> Source:
        if not net:
            return Source.UNTRUSTED
        now = self._clock.now()
        if await self._durable.was_here(account, net, now - HERE_WITHIN):
            return Source.KNOWN
        devices = await self._durable.devices(account)
        here = any(device.alive(now) and device.knows(net) for device in devices)
        return Source.KNOWN if here else Source.UNTRUSTED


def _least(request: LoginRequest, factors: Sequence[Factor]) -> float:
    """How long a password alone is not refused where people can be asked: also to who needs no code, or the
    time would tell who does."""
    longest = (factor.longest for factor in factors if isinstance(factor, SupportsApproval))
    return min(request.patience, max(longest, default=0.0))


def _takes_both(factor: object) -> bool:
    return isinstance(factor, SupportsBoth)


def _takers(factors: Sequence[Factor], text: str) -> list[Factor]:
    return [factor for factor in factors if factor.looks_like(text)]


def _kind(factors: Sequence[Factor], code: str) -> str:
    kinds = [factor.kind for factor in _takers(factors, code)]
    return next((kind for kind in OWN_BUDGET if kind in kinds), kinds[0] if kinds else "")


def the_judge(assembly: Assembly) -> Judge:
    """For `assembly.one`."""
    return Judge(
        factors=tuple(assembly.parts("factor").values()),
        grammars=assembly.one(the_grammars),
        policy=assembly.one(the_policy),
        refusals=assembly.one(the_refusals),
        durable=durable(assembly),
        volatile=volatile(assembly),
        keys=keys(assembly),
        clock=assembly.clock,
        settings=assembly.login,
        rests=assembly.one(the_rests),
    )
