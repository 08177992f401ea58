"""What an authority has written: JSON of the right shape, with URLs that may be asked.  rfc8555#7.1"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from mailtwist.tls.acme.problem import NotIssued, Refused, nonsense, refusal, told_by
from mailtwist.tls.https import Answer, host_of

MOST = 1000
"""Things in a list that are read."""

LONGEST = 2048
"""Characters of a text."""


class Told:
    """A JSON object.  All that is not as it should be is a `NotIssued` with a sentence.  `hosts` are those
    that URLs may lead to."""

    def __init__(
        self, url: str, told: Mapping[str, Any], hosts: frozenset[str], what: str = "answer"
    ) -> None:
        self._url = url
        self._told = told
        self._hosts = hosts
        self._what = what

    @classmethod
    def by(cls, answer: Answer, hosts: frozenset[str]) -> "Told":
        told = answer.object()
        if told is None:
            raise nonsense(answer.url, f"it answers {answer.status} with what is no JSON object")
        return cls(answer.url, told, hosts)

    def wrong(self, name: str, words: str) -> NotIssued:
        return nonsense(self._url, f'"{name}" in its {self._what} {words}')

    def text(self, name: str) -> str:
        """'' when it is not there."""
        value = self._told.get(name)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > LONGEST:
            raise self.wrong(name, "is no text of a sensible length")
        return value

    def has(self, name: str) -> bool:
        return name in self._told

    def truth(self, name: str) -> bool:
        return self._told.get(name) is True

    def word(self, name: str, *known: str) -> str:
        value = self.text(name)
        if value not in known:
            raise self.wrong(name, f"is none of {', '.join(known)}")
        return value

    def url(self, name: str) -> str:
        """'' when it is not there."""
        value = self.text(name)
        if value:
            self.must_lead(name, value)
        return value

    def needed(self, name: str) -> str:
        """A URL that has to be there."""
        value = self.url(name)
        if not value:
            raise self.wrong(name, "is missing")
        return value

    def urls(self, name: str) -> tuple[str, ...]:
        values = self.texts(name)
        for value in values:
            self.must_lead(name, value)
        return values

    def shown(self, name: str) -> str:
        """A text fit to be shown; '' when it is none."""
        value = self._told.get(name)
        return told_by(value, 500) if isinstance(value, str) else ""

    def page(self, name: str) -> str:
        """A URL for people to read, '' when it is none."""
        shown = self.shown(name)
        return shown if shown == self._told.get(name) and shown.startswith(("https://", "http://")) else ""

    def texts(self, name: str) -> tuple[str, ...]:
        values = self._told.get(name, [])
        if not isinstance(values, list) or len(values) > MOST or not all(map(_is_text, values)):
            raise self.wrong(name, "is no list of texts of a sensible length")
        return tuple(values)

    def lines(self, name: str) -> tuple[str, ...]:
        """Texts that are fit to be shown."""
        return tuple(told_by(one, 300) for one in self.texts(name))

    def moment(self, name: str) -> float:
        """Seconds since 1970.  rfc3339"""
        try:
            moment = datetime.fromisoformat(self.text(name).upper())
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            raise self.wrong(name, "is no time") from None

    def inner(self, name: str) -> "Told":
        value = self._told.get(name)
        if not isinstance(value, dict):
            raise self.wrong(name, "is no object")
        return self._of(value)

    def inners(self, name: str) -> "Sequence[Told]":
        values = self._told.get(name)
        if not isinstance(values, list) or len(values) > MOST:
            raise self.wrong(name, "is no list of a sensible length")
        if not all(isinstance(value, dict) for value in values):
            raise self.wrong(name, "has something in it that is no object")
        return [self._of(value) for value in values]

    def words_by_name(self, name: str) -> dict[str, str]:
        """An object of texts, fit to be shown; {} when it is none."""
        value = self._told.get(name)
        some = list(value.items())[:MOST] if isinstance(value, dict) else []
        known = ((told_by(key, 100), text) for key, text in some if isinstance(text, str))
        return {key: told_by(text, 300) for key, text in known}

    def problem(self, name: str) -> Refused | None:
        value = self._told.get(name)
        return refusal(host_of(self._url), value) if isinstance(value, dict) else None

    def must_lead(self, name: str, url: str) -> None:
        """`url` is one of the authority's own."""
        if not leads(url, self._hosts):
            raise self.wrong(name, f"leads to {told_by(url, 200)}, which is none of its own URLs")

    def _of(self, told: Mapping[str, Any]) -> "Told":
        return Told(self._url, told, self._hosts, self._what)


def leads(url: str, hosts: frozenset[str]) -> bool:
    """By HTTPS to one of `hosts`; it may stand in a log, and in a record."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and (parts.hostname or "").lower() in hosts
    except ValueError:
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST
