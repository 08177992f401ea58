"""All second factors of an account together: the last one is not taken away, and how all of them are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mailtwist.auth.api import Person
from mailtwist.auth.endings import Endings, the_endings
from mailtwist.auth.factors.api import (
    Enrolment,
    Factor,
    SupportsDeviceCodes,
    SupportsEnrolment,
    SupportsRecovery,
    TokenForm,
)
from mailtwist.auth.grammar import Grammars, the_grammars
from mailtwist.auth.notices import Notices, the_notices
from mailtwist.auth.policy import home_domain
from mailtwist.config.part import Assembly
from mailtwist.kit.events import Event
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable
from mailtwist.state.process import durable
from mailtwist.state.records import Token

ADDED = Event("factor.added", "{account}: the token {token} ({kind}) counts from now on")
REMOVED = Event("factor.removed", "{account}: the token {token} ({kind}) is gone")
RENEWED = Event("factor.recovery_renewed", "{account}: there are {codes} new recovery codes")
RESET = Event(
    "factor.reset", "{account}: {tokens} tokens and codes and {devices} saved strings are gone: {why}", "warn"
)

RESET_WHY = "factor-reset"
NO_FACTOR = 'the config has no such factor; write "[factor:{}]"'


class NotThere(Trouble):
    """A factor, token or code that is not; the sentence says which."""

    def __init__(self, words: str) -> None:
        super().__init__("5.1.1", words)


class LastToken(Trouble):
    def __init__(self) -> None:
        super().__init__("5.7.0", "it is the last token of the account, and nobody would get in any more")


@dataclass(frozen=True, slots=True)
class Reset:
    """What is gone."""

    tokens: int
    devices: int


class SecondFactors:
    """Whatever is changed is told to the account's owner.  `Trouble` 5.x says in `public` why something
    cannot be."""

    def __init__(
        self,
        factors: Mapping[str, Factor],
        durable: Durable,
        endings: Endings,
        notices: Notices,
        grammars: Grammars,
    ) -> None:
        self._factors = tuple(factors.values())
        self._grammars = grammars
        self._durable = durable
        self._endings = endings
        self._notices = notices

    @property
    def recovery(self) -> SupportsRecovery:
        for factor in self._factors:
            if isinstance(factor, SupportsRecovery):
                return factor
        raise NotThere(NO_FACTOR.format("recovery"))

    @property
    def device_codes(self) -> SupportsDeviceCodes:
        for factor in self._factors:
            if isinstance(factor, SupportsDeviceCodes):
                return factor
        raise NotThere(NO_FACTOR.format("device-code"))

    def enrolling(self, kind: str = "") -> SupportsEnrolment:
        """The factor of this kind, or the first one."""
        for factor in self._enrolling:
            if kind in ("", factor.kind):
                return factor
        raise NotThere(NO_FACTOR.format(kind or "totp"))

    @property
    def _enrolling(self) -> list[SupportsEnrolment]:
        return [factor for factor in self._factors if isinstance(factor, SupportsEnrolment)]

    async def tokens(self, person: Person) -> Sequence[Token]:
        """Of all kinds that apps and gadgets make codes with."""
        return [token for factor in self._enrolling for token in await factor.tokens(person.account)]

    def factor_of(self, token: Token) -> SupportsEnrolment:
        return next(factor for factor in self._enrolling if factor.kind == token.kind)

    def form(self, person: Person, kind: str = "") -> TokenForm:
        """That of a new token: with as many digits as codes have in the person's domain, where that is
        fixed."""
        factor = self.enrolling(kind)
        grammar = self._grammars.of(home_domain(person))
        return factor.form if grammar.separator else replace(factor.form, digits=grammar.digits)

    def typed(self, person: Person, code: str) -> str:
        """What goes into the password's field, so that people see where the code stands."""
        grammar = self._grammars.of(home_domain(person))
        halves = (code, "password") if grammar.before else ("password", code)
        return grammar.separator.decode().join(halves)

    async def enroll(
        self, person: Person, kind: str = "", label: str = "", form: TokenForm | None = None
    ) -> Enrolment:
        """It counts, and its owner is told, once it is confirmed."""
        factor = self.enrolling(kind)
        wanted = form or self.form(person, kind)
        return await factor.enroll(person.account, person.name, label, wanted)

    async def confirm(self, person: Person, code: str, token: str = "") -> bool:
        """False when it is not a code of a token that waits."""
        for factor in self._enrolling:
            before = {one.id for one in await factor.tokens(person.account) if one.active}
            if await factor.confirm(person.account, code, token):
                for added in await factor.tokens(person.account):
                    if added.active and added.id not in before:
                        await self._told(ADDED, "factor-added", person, added)
                return True
        return False

    async def resync(self, person: Person, first: str, second: str, token: str = "") -> bool:
        """False when they are not two codes of a token, one right after the other."""
        for factor in self._enrolling:
            if await factor.resync(person.account, first, second, token):
                return True
        return False

    async def remove(self, person: Person, token: str) -> Token:
        """The token is gone.  `LastToken` when no other one counts: that is what `reset` is for."""
        tokens = await self.tokens(person)
        known = next((one for one in tokens if one.id == token), None)
        if known is None:
            raise NotThere("there is no such token")
        if known.active and not any(one.active and one.id != token for one in tokens):
            raise LastToken
        await self.factor_of(known).remove(person.account, token)
        if known.active:
            await self._told(REMOVED, "factor-removed", person, known)
        return known

    async def renew_recovery(self, person: Person) -> Sequence[str]:
        """New recovery codes; older ones are good no more."""
        codes = await self.recovery.renew(person.account)
        RENEWED.log(account=person.account, codes=len(codes))
        await self._notices.put(person.account, "factor-added", name=person.name, factor="recovery codes")
        return codes

    async def reset(self, person: Person, why: str, *, by: str = "", password_alone: bool = False) -> Reset:
        """Tokens and codes of all kinds are gone, saved strings are revoked, sessions end.  Nobody gets in
        until something is enrolled anew; with `password_alone` the password does, where no rule requires a
        code.  Cut short, it can be done again."""
        account = person.account
        await self._durable.set_enrolled(account, True)
        tokens = await self._durable.all_tokens(account)
        for token in tokens:
            await self._durable.remove_token(account, token.id)
        await self._endings.account(account, RESET_WHY)  # now no login under way becomes a device
        devices = await self._endings.devices(account, RESET_WHY)
        if password_alone:
            await self._durable.set_enrolled(account, False)
        RESET.log(account=account, tokens=len(tokens), devices=devices, why=why)
        await self._notices.put(account, "factor-reset", name=person.name, why=why, by=by)
        return Reset(len(tokens), devices)

    async def _told(self, event: Event, notice: str, person: Person, token: Token) -> None:
        event.log(account=person.account, token=token.id, kind=token.kind)
        facts = {"name": person.name, "factor": token.kind, "label": token.label}
        await self._notices.put(person.account, notice, **facts)


def the_second_factors(assembly: Assembly) -> SecondFactors:
    """For `assembly.one`."""
    return SecondFactors(
        assembly.parts("factor"),
        durable(assembly),
        assembly.one(the_endings),
        assembly.one(the_notices),
        assembly.one(the_grammars),
    )
