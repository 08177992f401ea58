"""A certificate from one of several authorities: in order, each left alone for a while when it fails."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mailtwist.kit.clock import Clock
from mailtwist.kit.metrics import Metric
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import StateAway
from mailtwist.tls.acme.api import Issued, Note, Solver
from mailtwist.tls.acme.authorities import UNPROVEN, Authority
from mailtwist.tls.acme.backoff import LONGEST_PAUSE, Breaker
from mailtwist.tls.acme.csr import Key
from mailtwist.tls.acme.problem import NotIssued

ORDERS = Metric("acme_orders", "Orders by result: issued, or why not.", "counter", ("authority", "result"))
LAST_SUCCESS = Metric("acme_last_success", "When it last issued, Unix time.", "gauge", ("authority",))
LAST_FAILURE = Metric("acme_last_failure", "When it last did not, Unix time.", "gauge", ("authority",))

NOWHERE = frozenset({"caa", "rejectedIdentifier"})
"""No other authority is asked about a name that this one must not have, or does not want: an operator has to
see it."""

OURS = (UNPROVEN | {"unproven"}) - NOWHERE
"""It was not proven that a name is ours: another authority is asked only after `SAME` tries."""

ITS_OWN = frozenset({"nonsense", "serverInternal", "slow", "unreachable", "wrongCertificate"})
"""The authority is broken, for all names."""

SAME = 3
LIMITED = 3600.0
"""Seconds that an authority is left alone for a name, when it limits us and does not say for how long."""

MOST = 2 * 86400.0
"""Seconds that an authority can keep us away from a name: certificates end meanwhile."""

LONGEST = 2000
"""Characters of a sentence that a note keeps."""

KIND, WAITS, ERRORS = "kind", "waits", "authorities"
"""What a note's facts call them: why the last try failed; until when an authority is left alone for this
name; what each of them said."""


class Failed(NotIssued):
    """All that could be asked were.  `errors` are sentences by the authorities' words, `waits` until when
    (seconds since 1970) those that limited us are left alone."""

    def __init__(self, last: NotIssued, errors: Mapping[str, str], waits: Mapping[str, float]) -> None:
        super().__init__(
            last.kind,
            last.words,
            names=last.names,
            retry_after=last.retry_after,
            temporary=last.temporary,
        )
        self.errors = dict(errors)
        self.waits = dict(waits)


class Trying:
    """`authorities` in order, `solvers` too.  The first authority is the first again for each renewal."""

    def __init__(self, authorities: Sequence[Authority], solvers: Sequence[Solver], clock: Clock) -> None:
        self.authorities = tuple(authorities)
        self.solvers = tuple(solvers)
        self._clock = clock
        self._breakers = {one.directory: Breaker(clock) for one in authorities}

    def known(self, directory: str) -> Authority | None:
        """Who issued something, if it is still one of ours."""
        return next((one for one in self.authorities if one.directory == directory), None)

    async def issued(self, names: Sequence[str], key: Key, old: Issued | None, note: Note) -> Issued:
        """`Failed`."""
        now = self._clock.now()
        errors: dict[str, str] = {}
        waits = {word: until for word, until in _waits(note).items() if now < until <= now + LONGEST_PAUSE}
        failures: list[NotIssued] = []
        for one in self._in_order(note):
            error = self._resting(one, waits.get(one.word, 0.0) - now)
            if error is None:
                made = await self._tried(one, names, key, old, note)
                if isinstance(made, Issued):
                    return made
                error = made
                if error.kind in ("rateLimited", "ourLimit"):
                    waits[one.word] = now + _limited(error)
            errors[one.word] = error.words[:LONGEST]
            failures.append(error)
            if error.kind in NOWHERE | OURS:
                break
        raise Failed(_telling(failures), errors, waits)

    def _in_order(self, note: Note) -> Sequence[Authority]:
        """After several proofs that failed, another one begins."""
        first = 0
        if _was_ours(note):
            first = note.failures // SAME % max(len(self.authorities), 1)
        return self.authorities[first:] + self.authorities[:first]

    def _resting(self, one: Authority, seconds: float) -> NotIssued | None:
        """Why it is not asked now."""
        breaker = self._breakers[one.directory]
        if seconds > 0:
            words = f"{one.word} has limited us and is not asked for {seconds:.0f} s"
            return NotIssued("resting", words, retry_after=seconds)
        if breaker.wait > 0:
            words = f"{one.word} is not asked for {breaker.wait:.0f} s: {breaker.why}"
            return NotIssued("resting", words, retry_after=breaker.wait)
        return None

    async def _tried(
        self, one: Authority, names: Sequence[str], key: Key, old: Issued | None, note: Note
    ) -> Issued | NotIssued:
        breaker = self._breakers[one.directory]
        try:
            await self._rehearsed(one, names, key, note)
            made = await one.issued(names, key, self.solvers, old)
        except NotIssued as error:
            ORDERS.add(one.word, error.kind or "refused")
            LAST_FAILURE.set(self._clock.now(), one.word)
            if error.kind in ITS_OWN:
                breaker.failed(error.words, error.retry_after)
            return error
        except StateAway:
            raise
        except Trouble as error:  # its roots cannot be read, ...
            return NotIssued("trouble", error.detail or str(error))
        breaker.worked()
        ORDERS.add(one.word, "issued")
        LAST_SUCCESS.set(self._clock.now(), one.word)
        return made

    async def _rehearsed(self, one: Authority, names: Sequence[str], key: Key, note: Note) -> None:
        """After a proof that failed the next is made where failures cost nothing.  `NotIssued` when it fails
        there, too; that this place is away means nothing."""
        if one.staging is None or not _was_ours(note):
            return
        try:
            await one.staging.issued(names, key, self.solvers, None)
        except NotIssued as error:
            if error.kind in OURS | NOWHERE:
                raise


def failed(note: Note, error: NotIssued, now: float, seconds: float) -> Note:
    """The note after one more failure, when it is tried again `seconds` later at the earliest."""
    facts = {**note.facts, KIND: error.kind}
    again = now + seconds
    if isinstance(error, Failed):
        facts |= {ERRORS: {**_errors(note), **error.errors}, WAITS: error.waits}
        if set(error.errors) <= set(error.waits):
            again = max(again, min(error.waits.values()))
    return replace(
        note,
        failures=note.failures + 1,
        failing_since=note.failing_since if 0 < note.failing_since <= now else now,
        again=again,
        error=error.words[:LONGEST],
        facts=facts,
    )


def worked(note: Note, issued: Issued) -> Note:
    """The note after a success."""
    facts = {name: value for name, value in note.facts.items() if name not in (KIND, WAITS, ERRORS)}
    return replace(
        note, failures=0, failing_since=0.0, again=0.0, error="", authority=issued.authority, facts=facts
    )


def _limited(error: NotIssued) -> float:
    """Seconds; our own limits are as long as they are."""
    seconds = LIMITED if error.retry_after is None else error.retry_after
    return seconds if error.kind == "ourLimit" else min(seconds, MOST)


def _was_ours(note: Note) -> bool:
    """The last try failed because a name was not proven."""
    return str(note.facts.get(KIND)) in OURS


def _waits(note: Note) -> dict[str, float]:
    found = note.facts.get(WAITS)
    if not isinstance(found, Mapping):
        return {}
    return {str(word): until for word, until in found.items() if isinstance(until, float | int)}


def _errors(note: Note) -> dict[str, str]:
    found = note.facts.get(ERRORS)
    return {str(word): str(text) for word, text in found.items()} if isinstance(found, Mapping) else {}


def _telling(failures: Sequence[NotIssued]) -> NotIssued:
    """The one that an operator should read: of the last that was really asked."""
    if not failures:
        return NotIssued("unproven", "there is no authority to ask", temporary=False)
    asked = [error for error in failures if error.kind != "resting"]
    return (asked or list(failures))[-1]
