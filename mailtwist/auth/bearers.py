"""Whoever comes with an access token: its issuer's word for a password, and for both where that is policy."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from mailtwist.auth.api import (
    Accepted,
    Bearer,
    LoginRefused,
    LoginRequest,
    LoginUnavailable,
    Source,
    SupportsBearer,
)
from mailtwist.auth.asking import Asking, dropped, the_asking
from mailtwist.auth.audit import Story
from mailtwist.auth.guess import Guess
from mailtwist.auth.identity import Identities, Who, the_identities
from mailtwist.auth.judging import Judge, Question, the_judge
from mailtwist.auth.limits import Admission, Attempt, Limits, the_limits
from mailtwist.auth.login import Login
from mailtwist.auth.notices import Notices, the_notices
from mailtwist.auth.places import network_of
from mailtwist.auth.policy import Policy, Rule, the_policy
from mailtwist.auth.refusals import Refusals, Standing, the_refusals
from mailtwist.auth.turnstile import Turnstile, stand_aside, the_turnstile
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import spawn

TOKEN = "token"
"""How such a login got in; and the kind of a guess, which has a budget of its own: nobody guesses a token,
and whoever tries stops no password."""


class Bearers:
    """One for the process.  A token that was right once and is over is no guess: a program that goes on with
    it locks nobody out.  Nothing is remembered of a token, and no code belongs to it."""

    def __init__(
        self,
        *,
        directories: Mapping[str, SupportsBearer],
        identities: Identities,
        limits: Limits,
        judge: Judge,
        policy: Policy,
        refusals: Refusals,
        asking: Asking,
        notices: Notices,
        turnstile: Turnstile,
        clock: Clock,
    ) -> None:
        self._directories = directories
        self._identities = identities
        self._limits = limits
        self._judge = judge
        self._policy = policy
        self._refusals = refusals
        self._asking = asking
        self._notices = notices
        self._turnstile = turnstile
        self._clock = clock

    async def accepted(self, request: LoginRequest, name: str, story: Story, mark: int) -> Accepted:
        """`name` may be '': then it is the token's.  `LoginRefused`, `LoginUnavailable`."""
        story.how = TOKEN
        login = Login(request, await self._identities.who(name), story, mark)
        await self._known(login)
        try:
            async with self._turnstile.turn():
                return await self._behind_the_breaker(login)
        except LoginRefused as refused:  # whatever was wrong beside that
            nameless = not login.who.name
            raise LoginRefused(refused.reason if nameless else login.who.reason or refused.reason) from None

    async def _known(self, login: Login) -> None:
        """Whose login it is."""
        who, story = login.who, login.story
        story.account, story.name, story.known = who.subject, who.name, who.known
        await self._limits.let_in(who.subject, login.request.address)

    async def _behind_the_breaker(self, login: Login) -> Accepted:
        """Where what is behind is away, no token is looked at; if it has a name, one knows where that is."""
        if not login.who.name:
            return await self._judged(login)
        async with self._asking.entered(login.who, login.request, trusted=False):
            return await self._judged(login)

    async def _judged(self, login: Login) -> Accepted:
        standing = await self._refusals.standing(login.account, login.secret, "bearer")
        if standing.stands:
            login.story.counted = False
            raise LoginRefused("refused-before")
        account = login.account  # a token may yet say another one
        accepted = await self._let_in(login, standing)
        if standing.something:
            spawn(
                self._refusals.forgive(account, login.secret, "bearer"), "forgetting that a token was wrong"
            )
        return accepted

    async def _let_in(self, login: Login, standing: Standing) -> Accepted:
        opened = None
        guess = Guess(None if standing.counted else self._charge(login))
        try:
            async with guess:
                guess.judged()
                bearer = await self._proven(login, guess)
                guess.right()
                await self._must_do(login, bearer)
                opened = await self._asking.without_password(login.who, login.request)
                await self._tell(login)
        except BaseException:
            dropped(opened)
            raise
        finally:
            login.story.counted = guess.counted
        accepted = login.accepted(b"", "", opened)
        return replace(accepted, until=bearer.expires) if bearer.ends else accepted

    async def _tell(self, login: Login) -> None:
        """Its owner hears of a network where he had not been lately."""
        network = network_of(login.request.address)
        if not login.request.user:
            login.story.source = (await self._attempt(login)).source
        if network and login.story.source is Source.UNTRUSTED:
            self._notices.tell(login.who.subject, "new-network", network=network, **login.facts())

    async def _attempt(self, login: Login) -> Attempt:
        question = Question(self._rule(login), "bearer", b"", kind=TOKEN)
        return await self._judge.attempt(login.request, login.who, question)

    def _charge(self, login: Login) -> Callable[[], Awaitable[Admission]]:
        async def admitted() -> Admission:
            attempt = await self._attempt(login)
            if not login.who.name:
                attempt = replace(attempt, account="", source=Source.UNTRUSTED)
            login.story.source = attempt.source
            return await self._limits.admitted(attempt)

        return admitted

    # -- whose it is
    async def _proven(self, login: Login, guess: Guess) -> Bearer:
        """A token of the account that was named; or the account is the token's from here on."""
        stand_aside()
        bearer = await self._bearer(login.who.name, login.secret)
        owner = await self._owner(login, bearer)
        is_his = owner is not None and (not login.who.name or owner.account == login.who.account)
        if bearer is None or owner is None or not is_his:
            guess.wrong(self._refusals.wrong_password(login.account, login.secret, "bearer"))
            raise LoginRefused("others-token" if bearer else "bad-token")
        if not login.who.name:
            login.who = owner
            await self._known(login)
        return bearer

    async def _owner(self, login: Login, bearer: Bearer | None) -> Who | None:
        """He is looked for, whatever the token is."""
        if bearer is None and not login.who.name:
            return None
        return await self._identities.who(bearer.person.name if bearer else login.who.name)

    async def _bearer(self, name: str, token: bytes) -> Bearer | None:
        """The word of the first issuer whose token it is; of one that is away, only if it is no other's."""
        away: LoginUnavailable | None = None
        for directory in self._directories.values():
            try:
                bearer = await directory.bearer(name, token)
            except LoginUnavailable as error:
                away = away or error
                continue
            if bearer is not None:
                return bearer
        if away is not None:
            raise away
        return None

    # -- whether it is enough
    async def _must_do(self, login: Login, bearer: Bearer) -> None:
        """`LoginRefused`, which is no guess: the token is his."""
        rule = self._rule(login)
        needs_code = await self._policy.needs_code(rule, login.who.person)
        if bearer.expires <= self._clock.now():
            raise LoginRefused("expired-token")
        if login.who.reason:
            raise LoginRefused(login.who.reason)
        if bearer.factor:
            login.story.factor = TOKEN
        elif needs_code:
            raise LoginRefused("token-without-factor")
        else:
            login.story.would_fail = rule.would
            self._policy.noted(rule, login.account, login.who.name, self._clock.now())

    def _rule(self, login: Login) -> Rule:
        request = login.request
        rule = self._policy.rule(login.who.person, request.protocol, request.address, self._clock.now())
        login.story.rule = rule.name
        return rule


def the_bearers(assembly: Assembly) -> Bearers:
    """For `assembly.one`."""
    return Bearers(
        directories=judges_of_tokens(assembly),
        identities=assembly.one(the_identities),
        limits=assembly.one(the_limits),
        judge=assembly.one(the_judge),
        policy=assembly.one(the_policy),
        refusals=assembly.one(the_refusals),
        asking=assembly.one(the_asking),
        notices=assembly.one(the_notices),
        turnstile=assembly.one(the_turnstile),
        clock=assembly.clock,
    )


def judges_of_tokens(assembly: Assembly) -> Mapping[str, SupportsBearer]:
    """Directories that take access tokens.  Where there are none, doors offer nothing of the kind."""
    directories = assembly.parts("directory").items()
    return {name: one for name, one in directories if isinstance(one, SupportsBearer)}
