"""The second factor: what a string that is not remembered has to prove, and whether it does."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from mailtwist.auth.api import LoginRefused, LoginRequest, Source
from mailtwist.auth.factors.api import Asked, Factor, Proof, factors_for
from mailtwist.auth.grammar import WHOLE, Cut, Grammars, the_grammars
from mailtwist.auth.guess import Guess
from mailtwist.auth.identity import Who
from mailtwist.auth.limits import Attempt
from mailtwist.auth.once import used_once
from mailtwist.auth.places import client_of, network_of
from mailtwist.auth.policy import Policy, Rule, home_domain, the_policy
from mailtwist.auth.refusals import Form, Refusals, the_refusals
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
    ) -> None:
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
        form: Form = "plain"
        parts = None
        factors = factors_for(who.person, self._factors)
        if await self._policy.needs_code(rule, who.person):
            domain = home_domain(who.person)
            parts = self._grammars.split(domain, request.secret, lambda text: _takers(factors, text) != [])
            form = "codeless" if parts is None else "coded"
        if parts is None:
            return Question(rule, form, request.secret)
        return Question(rule, form, parts.password, parts.code, _kind(factors, parts.code), parts.cut)

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
        if question.hopeless:
            guess.wrong(self._refusals.wrong_password(who.account, request.secret, question.form))
            raise LoginRefused(question.hopeless)
        if question.form == "plain":
            return None
        guess.judged()
        proof = await self._proof(self.asked(request, who), question.code)
        if proof is None:
            guess.wrong(self._refusals.wrong_code(who.account, request.secret))
            raise LoginRefused("wrong-code")
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

    async def _proof(self, asked: Asked, code: str) -> Proof | None:
        """All factors that know such codes are asked, whatever the first one says."""
        factors = [one for one in factors_for(asked.person, self._factors) if one.looks_like(code)]
        proofs = [await factor.verify(asked, code) for factor in factors]
        return next((proof for proof in proofs if proof is not None), None)

    async def _used(self, request: LoginRequest, account: str, proof: Proof) -> bool:
        """A replay leaves no mark: what stands in the way of somebody else's string must not stand in the way
        of its owner's."""
        client = client_of(request.address)
        version = self._keys.versions(IDENTITY)[0]
        by = self._keys.mac(IDENTITY, version, account, request.secret, client or new_id())
        return await used_once(self._volatile, self._durable, account, proof, by, client, self._join)

    async def _source(self, account: str, net: str) -> Source:
        if not net:
            return Source.UNTRUSTED
        now = self._clock.now()
        if await self._durable.was_here(account, net, now - HERE_WITHIN):
            return Source.KNOWN
        devices = await self._durable.devices(account)
        here = any(device.alive(now) and device.knows(net) for device in devices)
        return Source.KNOWN if here else Source.UNTRUSTED


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
    )
