"""Why there is no certificate: what an authority says of it, or what is wrong with that.  rfc8555#6.7"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from mailtwist.kit.trouble import Trouble
from mailtwist.tls.https import Answer, host_of
from mailtwist.tls.verdict import safe

LONGEST = 30 * 86400.0
"""Seconds: nobody is told by an authority to wait longer."""

MOST = 20
"""Problems of single names that are read."""

_KIND = re.compile(r"urn:ietf:params:acme:error:([A-Za-z]{1,40})")
_PERMANENT = frozenset(
    {
        *("accountDoesNotExist", "badCSR", "badPublicKey", "badRevocationReason", "badSignatureAlgorithm"),
        *("caa", "externalAccountRequired", "invalidContact", "invalidProfile", "malformed"),
        *("rejectedIdentifier", "unsupportedContact", "unsupportedIdentifier", "userActionRequired"),
    }
)


class NotIssued(Trouble):
    """`words` is a sentence for the operator, strangers' text in it made safe.  `kind` is a word of
    rfc8555#6.7 or its successors when the authority has said it, else one of ours: unreachable, nonsense,
    slow, unproven, profile, terms, wrongCertificate.  `names` are those whose fault it is, as far as that is
    known.  `retry_after`: seconds that the authority wants to be left alone."""

    def __init__(
        self,
        kind: str,
        words: str,
        *,
        names: Sequence[str] = (),
        retry_after: float | None = None,
        temporary: bool = True,
    ) -> None:
        status = "4.3.0" if temporary else "5.3.0"
        super().__init__(status, "There is no certificate", words)
        self.kind = kind
        self.words = words
        self.names = tuple(names)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one name; `name` '' when none is told."""

    kind: str
    words: str
    name: str = ""

    def said(self) -> str:
        of = f"{self.name}: " if self.name else ""
        return f"{of}{self.words or 'no reason given'} ({self.kind or 'no kind given'})"


class Refused(NotIssued):
    """An authority's problem document.  `status_code` is HTTP's; `problems` are those of single names;
    `instance` is a page to read, '' when there is none."""

    def __init__(
        self,
        who: str,
        problem: Problem,
        *,
        problems: Sequence[Problem] = (),
        status_code: int = 0,
        instance: str = "",
        retry_after: float | None = None,
    ) -> None:
        sentences = [f"{who} says: {problem.said()}", *(one.said() for one in problems)]
        page = f"; see {instance}" if instance else ""
        names = dict.fromkeys(one.name for one in (problem, *problems) if one.name)
        temporary = problem.kind not in _PERMANENT
        words = "; ".join(sentences) + page
        super().__init__(
            problem.kind, words, names=tuple(names), retry_after=retry_after, temporary=temporary
        )
        self.problem = problem
        self.problems = tuple(problems)
        self.status_code = status_code
        self.instance = instance


def refused(answer: Answer, now: float) -> Refused:
    """What an answer with a status of 400 or more means, whatever is in it."""
    told = answer.object() or {}
    after = retry_after(answer, now)
    return refusal(host_of(answer.url), told, answer.status, retry_after=after)


def refusal(who: str, told: object, status: int = 0, *, retry_after: float | None = None) -> Refused:
    """A problem document, which is in an order or a challenge, too."""
    document = told if isinstance(told, dict) else {}
    problem = _problem(document, status)
    listed = document.get("subproblems")
    some = listed[:MOST] if isinstance(listed, list) else []
    problems = [_problem(one, 0) for one in some if isinstance(one, dict)]
    page = _text(document, "instance", 300)
    return Refused(
        who,
        problem,
        problems=problems,
        status_code=status,
        instance=page if page.startswith("https://") else "",
        retry_after=retry_after,
    )


def nonsense(url: str, words: str) -> NotIssued:
    """What came from there is not what the protocol says."""
    return NotIssued("nonsense", f"{host_of(url)}: {words}")


def retry_after(answer: Answer, now: float, most: float = LONGEST) -> float | None:
    """Seconds, of rfc9110#10.2.3; None where none are told."""
    text = answer.header("retry-after").strip()
    if not text or len(text) > 100:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), most)
    try:
        moment = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(moment - now, 0.0), most)


def _problem(document: Mapping[str, Any], status: int) -> Problem:
    kind = _KIND.fullmatch(_text(document, "type", 200))
    identifier = document.get("identifier")
    name = _text(identifier, "value", 253) if isinstance(identifier, dict) else ""
    words = _text(document, "detail", 500) or _text(document, "title", 200)
    return Problem(kind[1] if kind else _by_status(status), words or _answers(status), name)


def _by_status(status: int) -> str:
    """Load balancers answer in place of authorities."""
    if status == 429:
        return "rateLimited"
    return "serverInternal" if status >= 500 else ""


def _answers(status: int) -> str:
    return f"it answers {status}" if status else ""


def _text(document: Mapping[str, Any], name: str, most: int) -> str:
    value = document.get(name)
    return told_by(value, most) if isinstance(value, str) else ""


def told_by(text: str, most: int) -> str:
    """A stranger's sentence, fit for a log, on one line."""
    return safe(" ".join(text[: 2 * most].replace('"', "'").split()), most)
