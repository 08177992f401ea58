"""The people in From, To and Cc as they were written: names, groups, comments, routes.  rfc5322#3.4"""

import re
from dataclasses import dataclass

from mailtwist.mail.lexical import Words

MOST = 1_000
"""Addresses of one field; more are not looked at."""

SIZE = 32 * 1024
"""Octets of one field; the same."""

STEPS = 4 * MOST
"""Addresses and what stands there instead of one."""

_TOKEN = re.compile(
    rb"(?P<atom>[^\x00-\x20\x7f()<>@,;:\\\".\[\]]+)|(?P<dot>\.)|(?P<at>@)|(?P<literal>\[[^\[\]]*\])",
    re.DOTALL,
)
_JUNK = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\\\[\])]")
_ROUTE = re.compile(rb"(?:@[^\x00-\x20\x7f@,:<>;\"]*+[ \t\r\n,]*+)++:")


@dataclass(frozen=True, slots=True)
class Correspondent:
    """One entry of an address list.  Encoded words are left as they are, quotes and comments are gone.  What
    an address lacks is b"".  A group begins with an entry whose `host` is None and whose `mailbox` is its
    name, and ends with one where both are None."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


_GROUP_END = Correspondent(None, None, None, None)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: bytes
    spaced: bool


def parsed(value: bytes) -> list[Correspondent]:
    """All that `value`, unfolded, names.  What is broken is made the best of."""
    words = Words(value if len(value) <= SIZE else value[:SIZE].rpartition(b",")[0])
    found: list[Correspondent] = []
    group = False
    for _ in range(STEPS):
        if words.ended or len(found) >= MOST:
            break
        words.comment = None
        if words.take(b";"):
            if group:
                found.append(_GROUP_END)
            group = False
        elif not words.take(b","):
            group = _entry(words, found, group)
    return found + [_GROUP_END] if group else found


def _entry(words: Words, found: list[Correspondent], group: bool) -> bool:
    """One more entry in `found`; whether we are in a group now."""
    tokens = _tokens(words)
    if words.take(b":"):
        if not group:
            found.append(Correspondent(None, None, _phrase(tokens), None))
        return True
    if words.take(b"<"):
        one = _bracketed(words, tokens)
    else:
        words.take(b">")
        one = _bare(words, tokens)
    if one.mailbox or one.host or one.name:
        found.append(one)
    return group


def _bracketed(words: Words, before: list[_Token]) -> Correspondent:
    route = words.match(_ROUTE)
    _, mailbox, host = _address(_tokens(words))
    words.take(b">")
    _tokens(words)  # what stands behind it has no meaning, but for a comment
    while words.take(b"<") or words.take(b">") or words.take(b":"):
        _tokens(words)
    name = _phrase(before) or words.comment
    return Correspondent(name or None, route and route[:-1].rstrip(b" \t,"), mailbox, host)


def _bare(words: Words, tokens: list[_Token]) -> Correspondent:
    before, mailbox, host = _address(tokens)
    return Correspondent(words.comment or _phrase(before) or None, None, mailbox, host)


def _tokens(words: Words) -> list[_Token]:
    """Up to what ends or divides an address."""
    found: list[_Token] = []
    spaced = False
    while True:
        spaced |= words.skip()
        if (quoted := words.quoted()) is not None:
            found.append(_Token("quoted", quoted, spaced))
        elif (token := words.scan(_TOKEN)) is not None:
            found.append(_Token(token.lastgroup or "", token[0], spaced))
        elif words.match(_JUNK) is not None:
            continue
        else:
            return found
        spaced = False


def _phrase(tokens: list[_Token]) -> bytes:
    return b"".join((b" " if t.spaced and n else b"") + t.text for n, t in enumerate(tokens))


def _address(tokens: list[_Token]) -> tuple[list[_Token], bytes, bytes]:
    """What stands before an address, its mailbox and its host."""
    at = next((n for n, token in enumerate(tokens) if token.kind == "at"), None)
    if at is None:
        lonely = not _run_start(tokens, len(tokens))
        return ([], _run(tokens), b"") if lonely else (tokens, b"", b"")
    start = _run_start(tokens, at)
    return tokens[:start], _run(tokens[start:at]), _run(_first_run(tokens[at + 1 :]))


def _run(tokens: list[_Token]) -> bytes:
    return b"".join(token.text for token in tokens)


def _run_start(tokens: list[_Token], end: int) -> int:
    """Where the last words begin that dots, not spaces, hold together."""
    start = end
    while start and (start == end or _joined(tokens[start - 1], tokens[start])):
        start -= 1
    return start


def _first_run(tokens: list[_Token]) -> list[_Token]:
    ends = (n for n, t in enumerate(tokens) if t.kind == "at" or (n and not _joined(tokens[n - 1], t)))
    return tokens[: next(ends, len(tokens))]


def _joined(left: _Token, right: _Token) -> bool:
    return not right.spaced or "dot" in (left.kind, right.kind)
