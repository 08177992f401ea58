"""One line for every decision: who, whence, how it ended and why; never a secret."""

import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from ipaddress import ip_address
from secrets import token_bytes
from typing import Any

from twisted.python.failure import Failure

from mailtwist.auth.api import LoginRequest, LoginUnavailable, Source, TooManyAttempts
from mailtwist.auth.grammar import halves
from mailtwist.auth.history import STRANGERS, History, the_history
from mailtwist.auth.ledger import Ledger, the_ledger
from mailtwist.auth.places import network_of
from mailtwist.auth.reasons import REASONS
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event, connection_id, login_id
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import StateAway
from mailtwist.state.records import LoginRecord

_FACTS = "{user} ({account}) from {address} by {protocol}, tls={tls}"
ACCEPTED = Event("login.accepted", f"{_FACTS}: {{how}} {{device}}")
REFUSED = Event("login.refused", f"{_FACTS}: {{reason}}, counted={{counted}}", "warn")
GONE = Event("login.gone", f"{_FACTS}: {{reason}}, counted={{counted}}", "warn")
UNAVAILABLE = Event("login.unavailable", f"{_FACTS}: {{reason}}, {{detail}}", "error")
LIMITED = Event("login.limited", f"{_FACTS}: {{reason}}, {{bucket}}, again in {{retry}} s", "warn")
BROKEN = Event("login.broken", f"{_FACTS}: a fault of the program", "critical")

MASK = "***"
NOBODY = "-"
LONGEST = 200
"""Characters that a client's name for itself has here; and any other words."""

MORE = ("service", "factor", "source", "bucket", "retry", "rule", "counted", "detail")
"""Facts for which the history has no column."""

_ADDRESS = re.compile(r"[a-z0-9._+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,63}")
MOST_GUESSES = 10_000
"""Wrong secrets that are known again here, as keyed hashes; the key ends with the process."""

_SHORT = 4
"""A part of a secret with fewer octets is in any text by chance."""


@dataclass(slots=True)
class Story:
    """What becomes known about one attempt on its way; the decision fills it in.

    `how` it got in: "password", "code", "approved", "device", "app-password", "token".  `factor` is the kind
    of the proof, `device` the id of the device, `source` what is known of the place, `bucket` the limit that
    stood in the way and `retry` for how many seconds, `rule` the name of the policy's rule, `would_fail` the
    reason for which it would be refused if a rule that only reports was in force.  `counted`: the failure was
    charged to somebody's budget; None: nobody has said, then `reasons` does.  The line says so the first time
    alone.
    `least` is how many seconds a refusal takes at least; `slow`: a service elsewhere took its time."""

    request: LoginRequest
    begun: float
    account: str = ""
    name: str = ""
    known: bool = False
    how: str = "password"
    device: str = ""
    factor: str = ""
    source: Source | None = None
    bucket: str = ""
    retry: float = 0.0
    rule: str = ""
    would_fail: str = ""
    counted: bool | None = None
    least: float = 0.0
    slow: bool = False

    @property
    def user(self) -> str:
        """The name, fit for the log."""
        if self.known:
            return _word(self.name)
        return masked(self.name if b"@" in self.request.user else "")

    def facts(self, seconds: float) -> dict[str, Any]:
        """What all lines tell, `seconds` being the time at which they are written."""
        request = self.request
        return {
            "address": _place(request.address) or NOBODY,
            "network": network_of(request.address) or NOBODY,
            "user": self.user,
            "account": _word(self.account) or NOBODY,
            "protocol": request.protocol,
            "service": _word(request.service),
            "tls": request.tls,
            "client": request.client,
            "device": self.device,
            "factor": self.factor,
            "source": self.source.value if self.source else "",
            "bucket": self.bucket,
            "retry": round(self.retry, 1),
            "rule": self.rule,
            "would_fail": self.would_fail,
            "seconds": round(seconds - self.begun, 3),
        }


class Audit:
    """Tells how decisions ended: the log at once; the file of [audit] and the account's history soon."""

    def __init__(self, clock: Clock, history: History, ledger: Ledger) -> None:
        self._clock = clock
        self._history = history
        self._ledger = ledger
        self._key = token_bytes(32)
        self._guesses: OrderedDict[bytes, None] = OrderedDict()

    def accepted(self, story: Story) -> None:
        facts = self._facts(story, "", False, "")
        ACCEPTED.log(**facts)
        self._keep(story, "accepted", facts)

    def refused(self, story: Story, reason: str) -> None:
        """`reason` is one of `reasons.REASONS`."""
        self._ended(REFUSED, story, "refused", reason)

    def gone(self, story: Story) -> None:
        """The client left before it was decided: a guess nevertheless, if it was charged."""
        self._ended(GONE, story, "gone", "gone")

    def unavailable(self, story: Story, trouble: Trouble) -> None:
        """Something is away, or a limit is reached."""
        if isinstance(trouble, TooManyAttempts):
            story.bucket, story.retry = trouble.bucket or story.bucket, trouble.retry or story.retry
        code = reason_of(trouble)
        detail = "" if str(trouble.detail) == code else without(story.request.secret, str(trouble))
        facts = self._facts(story, code, False, detail[:LONGEST])
        (LIMITED if isinstance(trouble, TooManyAttempts) else UNAVAILABLE).log(**facts)
        self._keep(story, "unavailable", facts)

    def broken(self, story: Story, error: Exception) -> None:
        """A fault of a program: ours, a directory's, a factor's."""
        facts = self._facts(story, "broken", False, type(error).__name__[:LONGEST])
        BROKEN.failure(told_safely(error, story.request.secret), **facts)
        self._keep(story, "unavailable", facts)

    def _ended(self, event: Event, story: Story, outcome: str, reason: str) -> None:
        known = REASONS.get(reason)
        counted = story.counted if story.counted is not None else known is not None and known.guess
        new = counted and not story.request.trusted and self._is_new(story)
        facts = self._facts(story, reason, new, "")
        event.log(**facts)
        self._keep(story, outcome, facts)

    def _is_new(self, story: Story) -> bool:
        """This secret was not tried with this name before, as far as this process knows: who has an old
        password in his mail program guesses once, however often that comes, and bans nobody beside him."""
        work = story.request.user + b"\0" + story.request.secret
        mark = blake2b(work, digest_size=16, key=self._key).digest()
        if mark in self._guesses:
            return False
        self._guesses[mark] = None
        if len(self._guesses) > MOST_GUESSES:
            self._guesses.popitem(last=False)
        return True

    def _facts(self, story: Story, reason: str, counted: bool, detail: str) -> dict[str, Any]:
        return {
            "reason": reason,
            "counted": counted,
            **story.facts(self._clock.seconds()),
            "how": story.how if not reason else "",
            "detail": detail,
        }

    def _keep(self, story: Story, outcome: Any, facts: Mapping[str, Any]) -> None:
        ids = {"login": login_id.get(), "connection": story.request.connection or connection_id.get()}
        now = self._clock.now()
        self._ledger.write(now, {**ids, "outcome": outcome, **facts})
        self._history.note(
            LoginRecord(
                login=ids["login"],
                at=now,
                account=story.account if story.known else STRANGERS,
                name=facts["user"],
                protocol=facts["protocol"],
                address=facts["address"],
                net=facts["network"],
                tls=facts["tls"],
                client=facts["client"],
                device=facts["device"],
                how=facts["how"],
                outcome=outcome,
                reason=facts["reason"],
                seconds=facts["seconds"],
                would_fail=facts["would_fail"],
                last=now,
                facts=told_more(facts),
            )
        )


def reason_of(trouble: Trouble) -> str:
    """The code in `reasons.REASONS` for what is away."""
    said = trouble.reason if isinstance(trouble, LoginUnavailable) else ""
    if said in REASONS:
        return said
    if isinstance(trouble, TooManyAttempts):
        return "too-many-attempts"
    return "state-away" if isinstance(trouble, StateAway) else "away"


def told_more(facts: Mapping[str, Any]) -> str:
    """What the history keeps beside its columns, for `mailtwist explain`."""
    return json.dumps({key: facts[key] for key in MORE if facts[key]}, ensure_ascii=False)


def masked(name: str) -> str:
    """A name that nobody has, fit for the log.  People type the password into the name's field: whatever does
    not look like an address in plain letters is not shown."""
    return name if _ADDRESS.fullmatch(name) else MASK


def told_safely(error: Exception, secret: bytes) -> Failure:
    """`error` with its traceback, fit for the log.  Directories and factors may be anybody's, and drivers of
    databases like to put what they were given into their messages: one with the secret, or half of it, in it
    is left out."""
    if not _tells(secret, f"{error} {error!r}", 1):
        return Failure(error)
    kind = type(error).__name__
    return Failure(
        RuntimeError(f"{kind}, whose words have a secret in them"), RuntimeError, error.__traceback__
    )


def without(secret: bytes, text: str) -> str:
    """`text` in one line, or a mask when the secret or a half of it is in there."""
    if _tells(secret, text, _SHORT):
        return MASK
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def _tells(secret: bytes, text: str, shortest: int) -> bool:
    """Some half of the secret, with at least so many octets, can be read in `text`."""
    said = text.encode("utf-8", "backslashreplace")
    if shortest >= _SHORT and not _shares(secret, said):
        return False
    parts = [part for part in halves(secret) if len(part) >= shortest]
    return any(part in said or repr(part)[2:-1].encode() in said for part in parts)


def _shares(secret: bytes, said: bytes) -> bool:
    """Some `_SHORT` octets in a row are in both, or it takes longer to say."""
    if not secret.isascii() or b"\\" in secret or b"'" in secret:
        return True
    return any(secret[at : at + _SHORT] in said for at in range(len(secret) - _SHORT + 1))


def _word(text: str) -> str:
    """One word, whatever a directory calls somebody."""
    text = text[:320]
    if text.isprintable() and " " not in text:
        return text
    return "".join(c if c.isprintable() and not c.isspace() else "?" for c in text)


@lru_cache(4096)
def _place(address: str) -> str:
    """'' for what is no address."""
    try:
        return str(ip_address(address.partition("%")[0]))
    except ValueError:
        return ""


def the_audit(assembly: Assembly) -> Audit:
    """For `assembly.one`."""
    return Audit(assembly.clock, assembly.one(the_history), assembly.one(the_ledger))
