"""Access tokens that are good now: held in memory, and had from the provider when they are not.  rfc6749#6"""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from twisted.internet.defer import DeferredSemaphore

from mailtwist.auth.api import AccountUnavailable, LoginUnavailable
from mailtwist.gateway.oauth.http import Asking, Client, ProviderAway
from mailtwist.gateway.oauth.once import Once
from mailtwist.gateway.oauth.providers import Provider
from mailtwist.gateway.oauth.refreshing import ConnectAgain, Tokens, refreshed
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Volatile
from mailtwist.state.grants import Grants
from mailtwist.state.records import Grant

GIVEN = Event("oauth.given", "{account}: {source} has given an access token for {seconds} s", "debug")
REFUSED = Event(
    "oauth.refused",
    "{account}: {source} takes the refresh token no more ({why}); connect it again: mailtwist oauth connect"
    " {name} --source {source}",
    "error",
)
NOT_CONNECTED = Event(
    "oauth.not_connected",
    "{account}: there is no refresh token for {source}; connect it: mailtwist oauth connect {name} --source"
    " {source}",
    "error",
)
AWAY = Event("oauth.away", "{account}: {source} gives no access token: {error}", "error")
NOT_STORED = Event("oauth.not_stored", "{account}: what {source} has given is not stored: {error}", "error")

AT_ONCE = 16
"""Questions to the provider under way."""

IN_LINE = 1_000
"""Accounts for which one waits or is under way."""

KNOWN = 5_000
"""Access tokens that are held."""

EARLY = 120.0
"""Seconds before its end that an access token is not given any more; of a short life, a quarter."""

ASKED_AGAIN = 600.0
"""Seconds after which a refresh token that was refused is tried once more: providers err, too."""

LEASE = 75.0
"""Seconds after which another process may ask when nothing was heard of the one that does."""

_TRIES = 3
"""As often somebody else may have changed what we know."""


@dataclass(frozen=True, slots=True)
class Held:
    """An access token of the grant with this id, good until this moment of `clock.seconds()`."""

    grant: str
    tokens: Tokens
    until: float


@dataclass(frozen=True, slots=True)
class _Left:
    """What the provider gave for the refresh token of `grant`, and could not be stored."""

    grant: Grant
    held: Held


class AccessTokens:
    """`gateway.api.TokenSource`.  What the provider gives in the place of a refresh token is on the disk
    before anything is done with the access token: the old one may be worth nothing any more."""

    def __init__(
        self,
        name: str,
        provider: Provider,
        client: Client,
        asking: Asking,
        grants: Grants,
        volatile: Volatile,
        clock: Clock,
    ) -> None:
        self.name = name
        self.grants = grants
        self._provider = provider
        self._client = client
        self._asking = asking
        self._volatile = volatile
        self._clock = clock
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._left: dict[str, _Left] = {}
        self._once: Once[Held] = Once()
        self._turns = DeferredSemaphore(AT_ONCE)
        self._stopped = False

    async def stop(self) -> None:
        """What the provider has given is stored, or else in the log."""
        self._stopped = True
        await self._once.all()
        try:
            await self._store_left()
        except Trouble:
            pass  # the log has it

    async def access_token(self, account: str, name: str, *, refused: str = "") -> str:
        return (await self.tokens(account, name, refused=refused)).access_token

    async def tokens(self, account: str, name: str, *, refused: str = "", fresh: bool = False) -> Tokens:
        """The same with what else is known of it; `fresh`: one that nobody had before."""
        try:
            grant = await self.grants.of(account, self.name)
            if grant is None:
                NOT_CONNECTED.log(account=account, source=self.name, name=name)
                raise AccountUnavailable("not-connected")
            held = self._held.get(account)
            if held is not None and not fresh and self._good(held, grant, refused):
                self._held.move_to_end(account)
                return held.tokens
            return (await self._asked(account)).tokens
        except LoginUnavailable:
            raise
        except Trouble as trouble:
            raise LoginUnavailable(trouble.detail or trouble.public) from None

    def _good(self, held: Held, grant: Grant, refused: str) -> bool:
        alive = held.grant == grant.id and self._clock.seconds() < held.until
        return alive and held.tokens.access_token != refused

    # -- one question
    async def _asked(self, account: str) -> Held:
        full = len(self._once) >= IN_LINE and account not in self._once
        if self._stopped or full:
            raise LoginUnavailable("no-token")
        return await self._once.ask(account, lambda: self._in_turn(account))

    async def _in_turn(self, account: str) -> Held:
        await self._turns.acquire()
        try:
            async with self._alone(account):
                return await self._renewed(account)
        finally:
            self._turns.release()

    @asynccontextmanager
    async def _alone(self, account: str) -> AsyncIterator[None]:
        """No other process asks for this account: to a provider that changes refresh tokens with each use,
        two who use the same one look like a thief.  Without the state that they share, each risks it."""
        work = f"oauth {self.name} {account}".encode()
        try:
            while (leader := await self._volatile.lead(work, LEASE)) is None:
                await self._volatile.follow(work)
        except Trouble:
            leader = None
        try:
            yield
        finally:
            if leader is not None:
                await self._settled(work, leader)

    async def _settled(self, work: bytes, leader: str) -> None:
        try:
            await self._volatile.settle(work, leader, None)
        except Trouble:
            pass  # the lease ends by itself

    async def _renewed(self, account: str) -> Held:
        """Whatever others have done meanwhile, what counts is on the disk."""
        await self._store_left()
        for _ in range(_TRIES):
            grant = await self.grants.of(account, self.name)
            if grant is None:
                raise AccountUnavailable("not-connected")
            held = await self._given(grant)
            if held is not None:
                self._keep(account, held)
                return held
        raise LoginUnavailable("no-token")

    async def _given(self, grant: Grant) -> Held | None:
        """None when there is another refresh token by now."""
        if grant.refused_at is not None and 0 <= self._clock.now() - grant.refused_at < ASKED_AGAIN:
            raise AccountUnavailable("token-refused")
        token, begun = await self.grants.opened(grant), self._clock.seconds()
        url, scope = self._provider.token_url, self._provider.scope
        try:
            tokens = await refreshed(self._asking, url, self._client, token, scope)
        except ConnectAgain as why:
            if not await self.grants.refused(grant):
                return None
            REFUSED.log(account=grant.account, source=self.name, name=grant.name, why=str(why))
            raise AccountUnavailable("token-refused") from None
        except ProviderAway as away:
            AWAY.log(account=grant.account, source=self.name, error=away.detail)
            raise
        GIVEN.log(account=grant.account, source=self.name, seconds=tokens.life)
        held = Held(grant.id, tokens, begun + tokens.life - min(EARLY, tokens.life / 4))
        return held if await self._stored(grant, token, held) else None

    async def _stored(self, grant: Grant, used: str, held: Held) -> bool:
        try:
            return await self.grants.renewed(grant, used, held.tokens.refresh_token) is not None
        except Trouble as error:
            NOT_STORED.log(account=grant.account, source=self.name, error=str(error))
            self._left[grant.account] = _Left(grant, held)
            raise

    async def _store_left(self) -> None:
        """While something cannot be stored, nothing is asked of the provider."""
        for account, left in list(self._left.items()):
            used = await self.grants.opened(left.grant)
            if self._left.get(account) is left:
                stored = await self._stored(left.grant, used, left.held)
                self._left.pop(account, None)
                if stored:
                    self._keep(account, left.held)

    def _keep(self, account: str, held: Held) -> None:
        self._held[account] = held
        self._held.move_to_end(account)
        while len(self._held) > KNOWN:
            self._held.popitem(last=False)
