"""The password was right and had no code in it: its owner is asked on his phone while the login waits."""

from twisted.internet.defer import CancelledError

from mailtwist.auth.api import LoginRefused
from mailtwist.auth.breaker import Entry
from mailtwist.auth.factors.api import Proof, SupportsApproval
from mailtwist.auth.guess import Guess
from mailtwist.auth.judging import Judge, Question, the_judge
from mailtwist.auth.login import Login
from mailtwist.auth.notices import Notices, the_notices
from mailtwist.auth.places import network_of
from mailtwist.auth.prompt_limits import ENOUGH, UNDER_WAY, PromptLimits, the_prompt_limits
from mailtwist.auth.refusals import Refusals, the_refusals
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import spawn, together

ASKING = Event(
    "approval.asking", "{account} is asked about a login by {protocol} from {address}, for {seconds} s"
)

SHORTEST = 1.0
"""Seconds in which nobody could answer."""

OTHER_PROMPT = 30.0
"""Seconds after which he may be asked about this client, when he was being asked about another one."""


class Approving:
    """One for the process.  While somebody is asked, the login holds a timer, and what the directory has
    opened; no place in any line."""

    def __init__(
        self,
        *,
        judge: Judge,
        prompts: PromptLimits,
        refusals: Refusals,
        notices: Notices,
        clock: Clock,
        quantum: float,
    ) -> None:
        self._notices = notices
        self._judge = judge
        self._prompts = prompts
        self._refusals = refusals
        self._clock = clock
        self._quantum = quantum

    async def proof(
        self, login: Login, question: Question, phone: SupportsApproval, entry: Entry, guess: Guess
    ) -> Proof:
        """He has said yes.  `LoginRefused` when not: no, or nothing in time, or he is not to be asked now.
        Whoever hangs up meanwhile has asked him nevertheless."""
        entry.left()
        await together(guess.held(), self._refusals.asking(login.account, login.secret))
        try:
            proof = await self._asked(login, question, phone)
        except (LoginRefused, CancelledError) as error:
            elsewhere = isinstance(error, LoginRefused) and error.reason == UNDER_WAY
            guess.wrong(self._not_approved(login, OTHER_PROMPT if elsewhere else None))
            if isinstance(error, LoginRefused) and error.reason == ENOUGH:
                self._notices.tell(login.account, "approval-enough", **login.facts())
            raise
        guess.right()
        network = network_of(login.request.address)
        forgiving = self._refusals.forgive(login.account, login.secret, question.form, network)
        spawn(forgiving, "forgetting that somebody was asked")
        return proof

    async def _asked(self, login: Login, question: Question, phone: SupportsApproval) -> Proof:
        elapsed = self._clock.seconds() - login.story.begun
        seconds = question.least - elapsed - self._quantum
        proof = None
        if seconds >= SHORTEST:
            proof = await self._prompts.asked(login.account, lambda: self._says(login, phone, seconds))
        if proof is None:
            raise LoginRefused("not-approved")
        return proof

    async def _says(self, login: Login, phone: SupportsApproval, seconds: float) -> Proof | None:
        request = login.request
        ASKING.log(
            account=login.account,
            protocol=request.protocol,
            address=request.address or "-",
            seconds=round(seconds, 1),
        )
        return await self._judge.approved(request, login.who, phone, seconds)

    async def _not_approved(self, login: Login, pause: float | None) -> None:
        if pause is None:
            pause = await self._prompts.pause(login.account)
        network = network_of(login.request.address)
        await self._refusals.not_approved(login.account, login.secret, network, pause)


def the_approving(assembly: Assembly) -> Approving:
    """For `assembly.one`."""
    return Approving(
        judge=assembly.one(the_judge),
        prompts=assembly.one(the_prompt_limits),
        refusals=assembly.one(the_refusals),
        notices=assembly.one(the_notices),
        clock=assembly.clock,
        quantum=float(assembly.login.quantum),
    )
