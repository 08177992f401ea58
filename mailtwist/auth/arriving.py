"""Whoever comes with a string that nobody knows: charged first, judged once, remembered if it is right."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mailtwist.auth.api import Accepted, LoginRefused, LoginUnavailable
from mailtwist.auth.approving import Approving, the_approving
from mailtwist.auth.asking import Asking, Judging, dropped, the_asking
from mailtwist.auth.audit import reason_of
from mailtwist.auth.breaker import Entry
from mailtwist.auth.devices import Devices, kind_of, the_devices
from mailtwist.auth.factors.api import Factor, Proof, SupportsLearning, SupportsRecovery
from mailtwist.auth.flight import Flight, Word
from mailtwist.auth.guess import Guess
from mailtwist.auth.judging import Judge, Question, the_judge
from mailtwist.auth.limits import Admission, Limits, the_limits
from mailtwist.auth.login import Login
from mailtwist.auth.notices import Notices, the_notices
from mailtwist.auth.places import client_of, network_of
from mailtwist.auth.policy import Policy, the_policy
from mailtwist.auth.refusals import EVERYWHERE, Refusals, the_refusals
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.ids import new_id
from mailtwist.kit.spawn import spawn
from mailtwist.kit.trouble import Trouble
from mailtwist.state.keys import IDENTITY, Keys
from mailtwist.state.process import keys, volatile
from mailtwist.state.records import APPROVAL, Device

NOT_COUNTED = Event(
    "login.not_counted", "{account} from {address}: not counted: same wrong secret ({reason})"
)


@dataclass(slots=True)
class _Led:
    """How it went for who has led."""

    accepted: Accepted | None = None
    trouble: Trouble | None = None
    device: Device | None = None
    both: bool = False


class Arriving:
    """One for the process."""

    def __init__(
        self,
        *,
        judge: Judge,
        approving: Approving,
        asking: Asking,
        devices: Devices,
        refusals: Refusals,
        flight: Flight,
        limits: Limits,
        policy: Policy,
        notices: Notices,
        factors: Sequence[Factor],
        keys: Keys,
        clock: Clock,
    ) -> None:
        self._judge = judge
        self._approving = approving
        self._asking = asking
        self._devices = devices
        self._refusals = refusals
        self._flight = flight
        self._limits = limits
        self._policy = policy
        self._notices = notices
        self._factors = tuple(factors)
        self._keys = keys
        self._clock = clock

    async def accepted(self, login: Login, entry: Entry) -> Accepted | Device:
        """The way in; or a device, because the string has become one in this moment."""
        question = await self._judge.question(login.request, login.who)
        story = login.story
        story.rule, story.factor, story.least = question.rule.name, question.kind, question.least
        led = _Led()
        client = client_of(login.request.address)
        word = await self._flight.alone(
            self._work(login, question), client, lambda: self._lead(login, question, entry, led)
        )
        if word is not None:
            return await self._follow(login, question, entry, word)
        found = led.accepted or led.device
        if found is None:
            raise led.trouble or LoginUnavailable("away")
        return found

    def _work(self, login: Login, question: Question) -> bytes:
        """The same string under another rule, at another door perhaps, is another question."""
        version = self._keys.versions(IDENTITY)[0]
        whose = ""
        if question.form == "approval":  # its owner is asked about each client by itself
            whose = client_of(login.request.address) or new_id()
        return self._keys.mac(IDENTITY, version, "login", login.account, login.secret, question.form, whose)

    # -- who is judged
    async def _lead(self, login: Login, question: Question, entry: Entry, led: _Led) -> Word | None:
        """What others with this string hear."""
        device = await self._devices.counting(login.request, login.account)
        if device is not None and (device.kind != APPROVAL or question.form == "approval"):
            led.device = device
            return None
        try:
            led.accepted = await self._judged(login, question, entry, led)
        except LoginRefused as refused:
            led.trouble = refused
            return Word(refused=refused.reason)
        except Trouble as trouble:
            led.trouble = trouble
            return Word(away=reason_of(trouble))
        return Word(device=led.accepted.device, mark=login.mark, both=led.both)

    async def _judged(self, login: Login, question: Question, entry: Entry, led: _Led) -> Accepted:
        string = login.account, login.secret, question.form, network_of(login.request.address)
        standing = await self._refusals.standing(*string)
        try:
            if standing.stands:
                raise LoginRefused("refused-before")
            accepted = await self._let_in(login, question, entry, led, free=standing.counted)
        except LoginRefused as refused:
            if standing.counted:
                self._not_counted(login, refused.reason)
            raise
        if standing.something:
            spawn(self._refusals.forgive(*string), "forgetting that a secret was wrong")
        return accepted

    async def _let_in(
        self, login: Login, question: Question, entry: Entry, led: _Led, *, free: bool
    ) -> Accepted:
        opened = None
        guess = Guess(None if free else self._charge(login, question))
        try:
            async with guess:
                proof = await self._judge.proof(login.request, login.who, question, guess)
                self._used(login, proof)
                led.both = proof is not None and proof.password
                opened = await self._asked(login, question, entry, guess, both=led.both)
                if question.form == "approval" and question.phone is not None:
                    proof = await self._approving.proof(login, question, question.phone, entry, guess)
                device = await self._kept(login, question, proof)
        except BaseException:
            dropped(opened)
            raise
        finally:
            login.story.counted, login.story.slow = guess.counted, guess.slow
        return login.accepted(question.password, device, opened)

    def _charge(self, login: Login, question: Question) -> Callable[[], Awaitable[Admission]]:
        async def admitted() -> Admission:
            attempt = await self._judge.attempt(login.request, login.who, question)
            login.story.source = attempt.source
            return await self._limits.admitted(attempt)

        return admitted

    async def _asked(
        self, login: Login, question: Question, entry: Entry, guess: Guess, *, both: bool
    ) -> Any:
        """What the directory opened."""
        guess.judged()
        try:
            opened = await self._opened(login, question, entry, _yes if both else None)
        except LoginRefused:
            guess.wrong(self._wrong_password(login, question))
            raise
        if question.form != "approval":
            guess.right()
        return opened

    async def _wrong_password(self, login: Login, question: Question) -> None:
        if question.form == "approval":
            await self._refusals.not_approved(login.account, login.secret, EVERYWHERE)
        else:
            await self._refusals.wrong_password(login.account, login.secret, question.form)

    async def _opened(
        self, login: Login, question: Question, entry: Entry, judge: Judging | None = None
    ) -> Any:
        who, coded = login.who, question.form == "coded"
        return await self._asking.opened(
            who, question.password, login.request, entry, coded=coded, judge=judge
        )

    # -- who was right
    async def _kept(self, login: Login, question: Question, proof: Proof | None) -> str:
        """The device that the string is from now on, '' when it is none."""
        story = login.story
        if proof is None:
            self._without_code(login, question)
            return ""
        story.how, story.factor = _how(question), proof.kind
        device = await self._remembered(login, question, proof) if proof.lasts else ""
        for factor in self._factors:
            if factor.kind == proof.kind and isinstance(factor, SupportsLearning):
                spawn(factor.learned(login.account, proof), "noting what a code has taught")
        return device

    async def _remembered(self, login: Login, question: Question, proof: Proof) -> str:
        learned = (kind_of(proof, question.form), question.password, question.cut)
        return await self._devices.remember(
            login.account, login.who.name, login.request, login.mark, *learned
        )

    def _used(self, login: Login, proof: Proof | None) -> None:
        """A recovery code is gone, whatever becomes of the login: its owner should know of a thief who has
        the paper and not the password."""
        for factor in self._factors:
            if proof is not None and factor.kind == proof.kind and isinstance(factor, SupportsRecovery):
                spawn(self._recovered(login, factor), "telling of a recovery code")

    async def _recovered(self, login: Login, factor: SupportsRecovery) -> None:
        try:
            left = str(await factor.remaining(login.account))
        except Trouble:
            left = ""
        self._notices.tell(login.who.subject, "recovery-used", left=left, **login.facts())

    def _without_code(self, login: Login, question: Question) -> None:
        """It may be the last time."""
        login.story.would_fail = question.rule.would
        self._policy.noted(question.rule, login.account, login.who.name, self._clock.now())

    # -- who follows
    async def _follow(self, login: Login, question: Question, entry: Entry, word: Word) -> Accepted:
        """Another connection of the same client was judged with this string; the directory is asked for each,
        so that its verdict counts for each."""
        login.mark = min(login.mark, word.mark)
        login.story.counted = False
        if word.refused:
            self._not_counted(login, word.refused)
            raise LoginRefused(word.refused)
        if word.away:
            raise LoginUnavailable(word.away)
        judge = self._judge.still_right(login.request, login.who, self._clock.now()) if word.both else None
        opened = await self._opened(login, question, entry, judge)
        login.story.how = _how(question)
        if question.form == "plain":
            self._without_code(login, question)
        return login.accepted(question.password, word.device, opened)

    def _not_counted(self, login: Login, reason: str) -> None:
        login.story.counted = False
        address = login.request.address or "-"
        NOT_COUNTED.log(account=login.who.subject, address=address, reason=reason)


async def _yes() -> bool:
    return True


def _how(question: Question) -> str:
    return {"coded": "code", "approval": "approved"}.get(question.form, "password")


def the_arriving(assembly: Assembly) -> Arriving:
    """For `assembly.one`."""
    return Arriving(
        judge=assembly.one(the_judge),
        approving=assembly.one(the_approving),
        asking=assembly.one(the_asking),
        devices=assembly.one(the_devices),
        refusals=assembly.one(the_refusals),
        flight=Flight(volatile(assembly), assembly.clock),
        limits=assembly.one(the_limits),
        policy=assembly.one(the_policy),
        notices=assembly.one(the_notices),
        factors=tuple(assembly.parts("factor").values()),
        keys=keys(assembly),
        clock=assembly.clock,
    )
