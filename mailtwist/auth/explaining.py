"""What a decision was, step by step in sentences, with the setting behind each: `mailtwist explain`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from mailtwist.auth.reasons import REASONS
from mailtwist.config.limits import LimitsSettings
from mailtwist.state.records import LoginRecord

SOURCES: Mapping[str, str] = {
    "trusted": "The string in the password's field was a known one (device {device}): it counts nowhere.",
    "known": "The account had been used from this network before, so the limits for known networks held.",
    "untrusted": "The account had not been used from this network lately, so the limits for strangers held.",
}
WAYS: Mapping[str, str] = {
    "code": "A fresh code was right ({factor}), it is used up now, and the directory took the password.",
    "device": "The string of device {device} passed again, and the directory took the password in it.",
    "approved": "The directory took the password alone, and its owner said yes on his phone ({factor}).",
    "app-password": "The app password {device} passed.",
    "password": "No second factor was needed; the directory took the password.",
    "token": "An access token was right; it came in the place of the password, and of the second factor if"
    " one is needed.",
}
WAYS_SETTINGS: Mapping[str, tuple[str, ...]] = {
    "code": ("[login] join",),
    "approved": ("[login] approved",),
    "device": ("[login] remember", "[login] idle"),
    "password": ("[login] factor",),
}
BUCKETS = frozenset(field.name for field in fields(LimitsSettings))


@dataclass(frozen=True, slots=True)
class Step:
    """`settings` are those behind it, as `[section] name`."""

    words: str
    settings: tuple[str, ...] = ()


def steps(record: LoginRecord) -> list[Step]:
    """What was decided, in the order in which it was."""
    facts = {"device": record.device, "factor": "", **_more(record)}
    found = [_arrival(record, facts), *_on_the_way(facts)]
    if record.outcome == "accepted":
        way = WAYS.get(record.how, WAYS["password"]).format_map(facts)
        found.append(Step(f"Accepted. {way}", WAYS_SETTINGS.get(record.how, ())))
    else:
        found += _no(record, facts)
    return [*found, *_afterwards(record, facts)]


def reason_step(code: str) -> Step | None:
    """What a reason means, whatever the login."""
    reason = REASONS.get(code)
    if reason is None:
        return None
    advice = f" What helps: {reason.advice}" if reason.advice else ""
    return Step(f"{reason.outcome.capitalize()}: {reason.sentence}{advice}", reason.settings)


def _arrival(record: LoginRecord, facts: Mapping[str, Any]) -> Step:
    service = f" at [service:{facts['service']}]" if facts.get("service") else ""
    place = f"{record.address or 'many addresses'}" + (f" (network {record.net})" if record.net else "")
    tls = "with TLS" if record.tls else "without TLS"
    client = f", calling itself {record.client}" if record.client else ""
    who = f"{record.name or 'somebody'} (account {record.account})"
    words = f"{_moment(record.at)}: {who} by {record.protocol}{service} from {place}, {tls}{client}."
    return Step(words, () if record.tls else ("[server] trusted_networks",))


def _on_the_way(facts: Mapping[str, Any]) -> Iterator[Step]:
    if source := SOURCES.get(str(facts.get("source", ""))):
        yield Step(source.format_map(facts), ("[limits]",))
    if rule := str(facts.get("rule", "")):
        section = f"[{rule}]"
        yield Step(f"{section} said whether a second factor was needed.", (f"{section} factor",))
    if bucket := str(facts.get("bucket", "")):
        words = f"The limit {bucket} stood in the way, for {facts.get('retry', 0)} s more."
        yield Step(words, (f"[limits] {bucket}",) if bucket in BUCKETS else ("[limits]",))


def _no(record: LoginRecord, facts: Mapping[str, Any]) -> Iterator[Step]:
    yield reason_step(record.reason) or Step(f"{record.outcome.capitalize()}: {record.reason}.")
    if detail := facts.get("detail"):
        yield Step(f"In the words of what failed: {detail}")
    if record.outcome != "unavailable":
        counted = "It counts for" if facts.get("counted") else "It counts neither for"
        both = "and" if facts.get("counted") else "nor"
        yield Step(f"{counted} the limits {both} for programs that ban addresses.", ("[limits]",))


def _afterwards(record: LoginRecord, facts: Mapping[str, Any]) -> Iterator[Step]:
    if record.would_fail:
        said = f"With {record.would_fail} in force it would have been refused."
        yield Step(said, (f"[{record.would_fail}] factor",))
    settings = () if record.outcome == "accepted" else ("[login] refusal", "[login] quantum")
    yield Step(f"All was decided after {record.seconds:g} s.", settings)
    if record.count > 1:
        yield Step(f"The same happened {record.count} times until {_moment(record.last or record.at)}.")


def _more(record: LoginRecord) -> dict[str, Any]:
    try:
        found = json.loads(record.facts or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
