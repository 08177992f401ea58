"""The tokens of one kind of second factor, and what is sealed in them."""

from collections.abc import Sequence

from mailtwist.auth.factors.api import Enrolment, TokenForm
from mailtwist.auth.otpauth import Codes, address, new_secret
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.ids import new_id
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable
from mailtwist.state.keys import SEEDS, Keys
from mailtwist.state.process import durable, keys
from mailtwist.state.records import Token, Use

MOST = 5
"""Tokens of a kind that an account may have.  As many are compared for whoever has fewer."""

ENROLMENT = b"enrolment"
RESYNC = b"resync"

_NOBODYS = Codes("A" * 32)


class TooManyTokens(Trouble):
    def __init__(self, most: int, kind: str) -> None:
        super().__init__(
            "5.7.0", f"an account has at most {most} tokens of the kind {kind}; remove one first"
        )


class Tokens:
    """What is in a token is sealed in the durable state, bound to its account and its id."""

    def __init__(self, kind: str, assembly: Assembly) -> None:
        self.kind = kind
        self.clock: Clock = assembly.clock
        self.durable: Durable = durable(assembly)
        self._keys: Keys = keys(assembly)

    async def all(self, account: str) -> Sequence[Token]:
        return await self.durable.tokens(account, self.kind)

    async def active(self, account: str) -> list[Token]:
        return [token for token in await self.all(account) if token.active]

    async def add(
        self, account: str, content: bytes, label: str, form: TokenForm, *, active: bool = False
    ) -> Token:
        """A new token with `content` sealed in it."""
        await self._keys.reload()
        token = self._made(account, content, label, form, active=active)
        await self.durable.add_token(token)
        return token

    async def replace(self, account: str, contents: Sequence[bytes], form: TokenForm) -> None:
        """Tokens that count, with these `contents`, in the place of all there were."""
        await self._keys.reload()
        tokens = [self._made(account, content, "", form, active=True) for content in contents]
        await self.durable.replace_tokens(account, self.kind, tokens)

    def _made(self, account: str, content: bytes, label: str, form: TokenForm, *, active: bool) -> Token:
        """Sealed with the newest key, which whoever keeps it has looked for: what is sealed with one that
        another process has forgotten would be lost."""
        id = new_id()
        version, sealed = self._keys.seal(content, account, id)
        facts = (id, account, self.kind, sealed, version, self.clock.now(), label)
        return Token(*facts, form.digits, form.period, form.algorithm, active=active)

    async def content(self, token: Token) -> bytes:
        """A token that another process has sealed with a newer key brings that key."""
        if token.key_version not in self._keys.versions(SEEDS):
            await self._keys.reload()
        return self._keys.unseal(token.key_version, token.sealed, token.account, token.id)

    async def remove(self, account: str, token: str) -> bool:
        """False when there is no such token of this kind."""
        known = any(token == one.id for one in await self.all(account))
        return known and await self.durable.remove_token(account, token)


class Seeds(Tokens):
    """Tokens that have a seed, and an app or a gadget that has the same."""

    def __init__(self, kind: str, issuer: str, assembly: Assembly) -> None:
        super().__init__(kind, assembly)
        self._issuer = issuer or assembly.hostname

    async def enroll(self, account: str, label: str, form: TokenForm) -> Token:
        """It waits for a code, and none that waited before does."""
        for token in await self.all(account):
            if not token.active:
                await self.durable.remove_token(account, token.id)
        if len(await self.active(account)) >= MOST:
            raise TooManyTokens(MOST, self.kind)
        return await self.add(account, new_secret(form.algorithm).encode(), label, form)

    async def codes(self, token: Token) -> Codes:
        return Codes((await self.content(token)).decode(), token.digits, token.algorithm)

    async def slots(self, account: str) -> list[tuple[Token | None, Codes]]:
        """The account's active tokens, and as many that nobody has as make `MOST` of them."""
        found: list[tuple[Token | None, Codes]] = [
            (token, await self.codes(token)) for token in await self.active(account)
        ]
        return found + [(None, _NOBODYS)] * (MOST - len(found))

    async def shown(self, token: Token, name: str, **more: int) -> Enrolment:
        """For an app that shows it under `name`."""
        secret = (await self.content(token)).decode()
        facts: dict[str, int | str] = {"algorithm": token.algorithm, "digits": token.digits, **more}
        return Enrolment(token.id, address(self.kind, self._issuer, name, secret, facts), secret)

    async def confirmed(self, token: Token, step: int, drift: int = 0) -> bool:
        """It counts from now on, and the code of `step` is used."""
        used = await self.durable.advance(token.account, token.id, step, ENROLMENT)
        return used is Use.NEW and await self.durable.activate_token(token.account, token.id, drift)

    async def resynced(self, token: Token, step: int) -> bool:
        """`step` and all before it are used; False when they were before."""
        return await self.durable.advance(token.account, token.id, step, RESYNC) is Use.NEW
