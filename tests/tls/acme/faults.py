"""What an authority does wrong, or says no with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ERROR = "urn:ietf:params:acme:error:"


class Problem(Exception):
    """A problem document.  `names` has a subproblem for each name; `retry_after` is the header, as it is."""

    def __init__(
        self,
        kind: str,
        detail: str = "",
        status: int = 400,
        *,
        retry_after: str = "",
        names: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(kind, detail)
        self.kind, self.status, self.retry_after = kind, status, retry_after
        self.detail = detail or f"said by a test: {kind}"
        self.names, self.more = dict(names or {}), more

    def document(self) -> dict[str, Any]:
        told = document(self.kind, self.detail) | self.more
        if self.names:
            told["subproblems"] = [
                document(kind, f"{kind}: {name}") | {"identifier": {"type": "dns", "value": name}}
                for name, kind in self.names.items()
            ]
        return told


def document(kind: str, detail: str) -> dict[str, Any]:
    return {"type": ERROR + kind, "detail": detail}


@dataclass(frozen=True)
class Hang:
    """It never answers.  `done`: but it has done what it was asked."""

    done: bool = False


@dataclass(frozen=True)
class Cut:
    """The connection is gone instead of an answer."""

    done: bool = False


@dataclass(frozen=True)
class Garbage:
    """This is answered, with a fresh nonce."""

    body: bytes = b"<html>It works!</html>"
    content_type: str = "text/html"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Changed:
    """The right answer, but with these fields; None: without it."""

    fields: Mapping[str, Any]


Fault = Problem | Hang | Cut | Garbage | Changed
