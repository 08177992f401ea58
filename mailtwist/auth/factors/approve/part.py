"""A person says yes or no on his phone while the login waits: `[factor:...] type = approve`."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError

from mailtwist.auth.api import Person
from mailtwist.auth.factors.api import NO_STEP, Asked, Proof
from mailtwist.auth.factors.approve.api import Question, Way
from mailtwist.auth.factors.approve.links import PATH, Prompt
from mailtwist.auth.factors.approve.ntfy import Ntfy
from mailtwist.auth.factors.approve.prompts import the_prompts
from mailtwist.auth.factors.approve.settings import Settings
from mailtwist.auth.factors.approve.topics import BadTopics, read
from mailtwist.auth.factors.approve.waiting import Waiting
from mailtwist.auth.factors.approve.webhook import Webhook
from mailtwist.auth.factors.elsewhere import FactorAway
from mailtwist.auth.notices import the_notices
from mailtwist.auth.policy import home_domain
from mailtwist.config.part import Assembly, Part
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.steps import step
from mailtwist.kit.within import TooLate, within
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.https import NoAnswer

T = TypeVar("T")

KIND = "approve"

ASKED = Event("approval.asked", "[factor:{factor}] {name} is asked: {protocol} from {address}, {client}")
APPROVED = Event("approval.approved", "[factor:{factor}] {name} has approved it")
DENIED = Event("approval.denied", "[factor:{factor}] {name} has denied it: {protocol} from {address}", "warn")
EXPIRED = Event("approval.expired", "[factor:{factor}] {name} did not answer in {seconds:g} s", "warn")
TOLD = {True: APPROVED, False: DENIED, None: EXPIRED}
WORDS = {True: "yes", False: "no", None: "no answer"}

GONE = Event("approval.gone", "[factor:{factor}] the client of {name} went while he was asked")

NOT_SHOWN = (
    "people answer by links, but no service of `type = web` shows the page `approve`; write `pages = approve`"
    " there"
)

REACHED = {"ntfy": "server", "webhook": "webhook"}
"""The setting that says where the service is."""

WAYS: dict[str, Callable[[Settings, Assembly], Way]] = {"ntfy": Ntfy, "webhook": Webhook}


class Approve:
    """`auth.factors.api.Factor`, `SupportsSome` and `SupportsApproval`.  It has no codes."""

    kind = KIND

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        settings.must_fit()
        self.longest = float(settings.seconds)
        self._settings = settings
        self._section = assembly.name
        self._clock: Clock = assembly.clock
        self._prompts = assembly.one(the_prompts)
        self._notices = assembly.one(the_notices)
        self._way = WAYS[settings.by](settings, assembly)

    async def start(self) -> None:
        await self._way.start()

    async def stop(self) -> None:
        await self._way.stop()

    async def reload(self) -> None:
        await self._way.reload()

    # -- Factor, SupportsSome
    def looks_like(self, text: str) -> bool:
        return False

    async def enrolled(self, account: str) -> bool:
        return self._settings.enrolled

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        return None

    def serves(self, person: Person) -> bool:
        return not self._settings.domains or home_domain(person) in self._settings.domains

    # -- SupportsApproval
    async def approved(self, asked: Asked) -> Proof | None:
        if not asked.known:
            return None
        seconds = min(self.longest, asked.seconds)
        async with self._prompts.begun(asked, seconds, self._settings.most) as prompt:
            yes = await self._answer(asked, prompt, seconds)
        if yes:
            return Proof(f"{self._section}:{prompt.id}", NO_STEP, KIND)
        if yes is not None:
            facts = {"address": prompt.address, "protocol": prompt.protocol, "client": prompt.client}
            self._notices.tell(asked.account, "approval-denied", name=prompt.name, **facts)
        return None

    async def _answer(self, asked: Asked, prompt: Prompt, seconds: float) -> bool | None:
        facts = {
            "factor": self._section,
            "name": prompt.name,
            "address": prompt.address or "-",
            "protocol": prompt.protocol,
            "client": prompt.client or "-",
            "seconds": round(seconds, 1),
        }
        ASKED.log(**facts)
        step("{name} is asked, and has {seconds} s", **facts)
        asking = self._ask(asked, prompt, seconds)
        waiting = Waiting(self._prompts, prompt, self._clock)
        try:
            yes = await waiting.answer(asking, seconds, links=self._settings.by_links)
        except CancelledError:
            GONE.log(**facts)
            raise
        TOLD[yes].log(**facts)
        step("{name}: {word}", name=prompt.name, word=WORDS[yes])
        return yes

    async def reachable(self) -> None:
        """`FactorAway` says why nobody can be asked."""
        await self._said(self._way.reachable(), self.longest)

    async def _said(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        try:
            return await within(self._clock, seconds, work)
        except TooLate:
            raise FactorAway(f"there was no answer in {seconds:g} s") from None
        except NoAnswer as away:
            raise FactorAway(away.words) from None
        except BadCertificate as error:
            raise FactorAway(f"{error.setting}: {error.words}") from None

    async def _ask(self, asked: Asked, prompt: Prompt, seconds: float) -> bool | None:
        """`FactorAway`."""
        question = Question(prompt, asked.person, seconds)
        if self._settings.by_links:
            base = f"{self._settings.url}{PATH}?"
            approve, deny = (base + self._prompts.link(prompt, yes=yes) for yes in (True, False))
            question = replace(question, approve=approve, deny=deny)
        return await self._said(self._way.ask(question), seconds)

    def introduction(self, person: Person) -> list[str]:
        return self._way.introduction(person)


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    found = []
    if settings.topics is not None:
        try:
            await assembly.threads.run(read, settings.topics, assembly.login.default_domain or "")
        except BadTopics as error:
            found.append(("topics", error.detail))
    if settings.by_links:
        assembly.parts("service")  # which build the pages that they show
        if not assembly.one(the_prompts).shown:
            found.append(("url", NOT_SHOWN))
    return found or await _reached(settings, assembly)


async def _reached(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    factor: Approve = assembly.part("factor", assembly.name)
    try:
        await factor.reachable()
    except FactorAway as away:
        return [(REACHED[settings.by], away.detail)]
    return []


part = Part(Settings, Approve, check)
