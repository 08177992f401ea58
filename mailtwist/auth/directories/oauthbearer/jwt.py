"""A token that says who signed it: taken apart, bounded, and believed in nothing before its signature."""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Object = Mapping[str, Any]

LONGEST_HEADER = 2048
LONGEST_KID = 256
BRACKETS = 512
"""In one object: neither its depth nor the number of its parts is more."""

TYPES = ("", "jwt", "at+jwt", "application/at+jwt")
"""rfc9068#2.1; most providers say JWT, or nothing.  A logout token, say, is something else."""

_PART = re.compile(r"[A-Za-z0-9_-]+")


class NotOurs(Exception):
    """A token that is not valid here, and why, in words without secrets."""


@dataclass(frozen=True, slots=True)
class Jwt:
    """Nothing in it is believed before its signature was verified with the key `kid` ('': it names none)."""

    algorithm: str
    kid: str
    type: str
    claims: Object = field(repr=False)


def parsed(token: bytes) -> Jwt:
    """`NotOurs` for whatever is none.  Keys that a header brings along or points to (`jwk`, `jku`, `x5u`,
    `x5c`) mean nothing; a header that has to be understood (`crit`) is not (rfc7515#4.1.11)."""
    parts = token.decode("ascii", "replace").split(".")
    if len(parts) != 3 or not all(_PART.fullmatch(part) for part in parts):
        raise NotOurs("it is no signed token (JWT)")
    header, claims = json_object(_octets(parts[0], LONGEST_HEADER)), json_object(_octets(parts[1]))
    if "crit" in header or "b64" in header or "zip" in header:
        raise NotOurs("its header has something in it that has to be understood")
    algorithm, kid, type = (_text(header, name) for name in ("alg", "kid", "typ"))
    if len(kid) > LONGEST_KID:
        raise NotOurs("the name of its key is too long")
    if type.lower() not in TYPES:
        raise NotOurs("it is a token of another type")
    return Jwt(algorithm, kid, type.lower(), claims)


def json_object(octets: bytes) -> Object:
    """A JSON object in which no name is there twice: others might read the other one (rfc8259#4).  `NotOurs`
    for anything else."""
    if octets.count(b"[") + octets.count(b"{") > BRACKETS:
        raise NotOurs("there is too much in it")
    try:
        found = json.loads(octets, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise NotOurs("it is no JSON object, or has a name twice") from None
    if not isinstance(found, dict):
        raise NotOurs("it is no JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _no_number(text: str) -> float:
    raise ValueError


def _octets(part: str, longest: int = 9216) -> bytes:
    if len(part) % 4 == 1 or len(part) > longest * 4 // 3:
        raise NotOurs("a part of it is too long, or cut off")
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _text(header: Object, name: str) -> str:
    value = header.get(name, "")
    if not isinstance(value, str):
        raise NotOurs(f"its header has a {name} that is no text")
    return value
