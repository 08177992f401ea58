"""How certificates, notes and proofs are written into files, and read back."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from math import isfinite
from typing import Any, get_args

from mailtwist.tls.acme.api import Issued, KeyKind, Note
from mailtwist.tls.names import server_name

MARK = b"# mailtwist "
"""Before the first line of PEM anybody may write what he likes (rfc7468#5.2); so there is one file for each
certificate, and it cannot be half of two."""

LONGEST_NAME = 180
"""Of a file name: some are allowed 255 octets, and a draft's is longer."""


class Damaged(Exception):
    """A file is not as we write them: a sentence."""


def file_name(name: str, key_kind: KeyKind) -> str:
    """What a certificate's file is called, without its ending.  ValueError when `name` is no host name."""
    if server_name(name) != name:
        raise ValueError(f"{name!r} is not a host name as certificates have it")
    if key_kind not in get_args(KeyKind):
        raise ValueError(f"{key_kind!r} is no kind of key")
    known = name.replace("*", "+", 1)  # no name has a + in it, and no shell makes something of it
    if len(known) > LONGEST_NAME:
        known = digest(name)
    return f"{known}.{key_kind}"


def digest(text: str) -> str:
    """A file name for what may be any text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def written_certificate(issued: Issued) -> bytes:
    about = {name: value for name, value in asdict(issued).items() if name != "pem"}
    return MARK + json.dumps(about).encode() + b"\n" + issued.pem


def read_certificate(octets: bytes) -> Issued:
    line, _, pem = octets.partition(b"\n")
    if not line.startswith(MARK):
        raise Damaged("its first line does not say what it is")
    about = _object(line.removeprefix(MARK))
    try:
        return Issued(
            name=server_name(str(about["name"])),
            key_kind=_kind(about["key_kind"]),
            pem=pem,
            authority=str(about["authority"]),
            account=str(about["account"]),
            issued=_seconds(about["issued"]),
            pinned=about["pinned"] is True,
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Damaged(f"its first line is damaged: {error}")


def written_note(note: Note) -> bytes:
    return json.dumps({**asdict(note), "facts": dict(note.facts)}, indent=1).encode()


def read_note(octets: bytes) -> Note:
    about = _object(octets)
    try:
        window = about["window"]
        return Note(
            due=_seconds(about["due"]),
            ari_again=_seconds(about["ari_again"]),
            window=None if window is None else (_seconds(window[0]), _seconds(window[1])),
            failures=int(about["failures"]),
            failing_since=_seconds(about["failing_since"]),
            again=_seconds(about["again"]),
            error=str(about["error"]),
            authority=str(about["authority"]),
            facts=dict(about["facts"]),
        )
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise Damaged(f"it is damaged: {error}")


@dataclass(frozen=True)
class Proof:
    """What is shown to an authority until then."""

    kind: str
    key: str
    value: bytes = field(repr=False)
    until: float

    def written(self) -> bytes:
        about = {"kind": self.kind, "key": self.key, "until": self.until}
        return json.dumps({**about, "value": b64encode(self.value).decode()}).encode()

    @classmethod
    def read(cls, octets: bytes) -> "Proof":
        about = _object(octets)
        try:
            value = b64decode(about["value"], validate=True)
            return cls(str(about["kind"]), str(about["key"]), value, _seconds(about["until"]))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise Damaged(f"it is damaged: {error}")


def read_object(octets: bytes) -> Mapping[str, Any]:
    """A JSON object; `Damaged`."""
    return _object(octets)


def _object(octets: bytes) -> dict[str, Any]:
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError):
        raise Damaged("it is not JSON")
    if not isinstance(found, dict):
        raise Damaged("it is not a JSON object")
    return found


def _seconds(value: Any) -> float:
    """No moment is infinite, or none at all: nothing would ever be due, or all of it always."""
    found = float(value)
    if not isfinite(found):
        raise ValueError(f"{found} is no time")
    return found


def _kind(word: object) -> KeyKind:
    for kind in get_args(KeyKind):
        if word == kind:
            known: KeyKind = kind
            return known
    raise ValueError(f"{word!r} is no kind of key")
