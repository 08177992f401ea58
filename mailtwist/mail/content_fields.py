"""What the Content- fields of a part say, as it was written; nonsense says nothing.  rfc2045"""

import re

from mailtwist.mail.lexical import Words

Parameters = tuple[tuple[bytes, bytes], ...]

PARAMETERS = 50

STEPS = 4 * PARAMETERS
"""Parameters and what stands there instead of one."""

LENGTH = 8 * 1024
"""Octets of one field that are looked at."""

_TOKEN = re.compile(rb"[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]+")
_LOOSE = re.compile(rb"[^\x00-\x20\x7f\";]+")  # unquoted file names hold anything
_ENCODING = re.compile(rb"\"?([^\x00-\x20\x7f-\xff()<>@,;:\\\"/\[\]?=]+)\"?[ \t]*(?:[;(].*)?", re.DOTALL)
_JUNK = re.compile(rb"[^;\"(]+|\"")  # a parenthesis opens a comment, which is passed before


def content_type(value: bytes) -> tuple[bytes, bytes, Parameters] | None:
    """Type, subtype and parameters (rfc2045#5.1); None when it is none, which then means plain text
    (rfc2045#5.2)."""
    words = Words(value[:LENGTH])
    type = words.match(_TOKEN)
    subtype = words.match(_TOKEN) if type is not None and words.take(b"/") else None
    if type is None or subtype is None or words.peek() not in (b"", b";"):
        return None
    return type, subtype, _parameters(words)


def disposition(value: bytes) -> tuple[bytes, Parameters] | None:
    """rfc2183#2"""
    words = Words(value[:LENGTH])
    kind = words.match(_TOKEN)
    return None if kind is None else (kind, _parameters(words))


def languages(value: bytes) -> tuple[bytes, ...]:
    """rfc3282#2"""
    words = Words(value[:LENGTH])
    found = []
    while not words.ended:
        if (tag := words.match(_TOKEN)) is not None:
            found.append(tag)
        else:
            words.drop()
    return tuple(found)


def encoding(value: bytes) -> bytes | None:
    """rfc2045#6.1"""
    found = _ENCODING.fullmatch(value)
    return None if found is None else found[1]


def parameter(parameters: Parameters, name: bytes) -> bytes | None:
    """The first that is called `name` (lower case)."""
    return next((value for known, value in parameters if known.lower() == name), None)


def _parameters(words: Words) -> Parameters:
    found: list[tuple[bytes, bytes]] = []
    for _ in range(STEPS):
        if words.ended or len(found) == PARAMETERS:
            break
        if words.take(b";"):
            name = words.match(_TOKEN)
            if name is not None and words.take(b"="):
                found.append((name, _parameter_value(words)))
        else:
            words.match(_JUNK)
    return tuple(found)


def _parameter_value(words: Words) -> bytes:
    quoted = words.quoted()
    return (words.match(_LOOSE) or b"") if quoted is None else quoted
