"""What a page hears and what it says: plain values, without Twisted.  rfc9110"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from mailtwist.config.network import Endpoints

TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Asked:
    """One request, as far as a page has to know it.  All of it was written by a stranger."""

    method: str
    path: str
    """Decoded, without the query: `/` and what follows, no `..`, no control characters."""

    target: str
    """Path and query as they were sent: printable ASCII, `/` first."""

    host: str = ""
    """For which site, without the port, in lower case; '' when that was not said (HTTP/1.0)."""

    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    """By name, in lower case."""

    body: bytes = field(default=b"", repr=False)
    address: str = ""
    """The client's; '' when it came through a Unix socket."""

    tls: bool = False

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """The first one of that name, which is in lower case."""
        found = self.headers.get(name)
        return found[0] if found else None


@dataclass(frozen=True)
class Answer:
    """`headers` go out besides those that every answer has; they replace those of the same name.  ValueError
    when one is not printable ASCII."""

    status: int = 200
    body: bytes = b""
    kind: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for text in (self.kind, *self.headers, *self.headers.values()):
            if not (text.isascii() and text.isprintable()):
                raise ValueError(f"this cannot stand in a header: {text[:100]!r}")


def said(status: int, sentence: str, **headers: str) -> Answer:
    """A sentence for people; `Allow="GET"` is a header, `_` in its name stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, f"{sentence}\n".encode(), headers=named)


@dataclass(frozen=True)
class Page:
    """What a part of the group `mailtwist.page` builds: one thing that the site can show.

    `answer` is called for each request of one of `methods` (HEAD is GET whose body is not sent) to a path in
    `paths`: one that ends with `/` stands for all that begins with it, and the longest wins.  `Trouble` is
    answered by 503 or 500, any other exception is a bug.
    """

    name: str
    """In the log and in metrics; its entry point's."""

    paths: tuple[str, ...]
    answer: Callable[[Asked], Awaitable[Answer]]
    methods: tuple[str, ...] = ("GET",)
    largest: int = 0
    """Octets of a request's body; more are refused before they are read."""

    seconds: float = 30.0
    """How long `answer` may take; it is cancelled then."""

    clear_only: bool = False
    """It is there only for those who do not speak TLS."""

    quiet: bool = False
    """It is asked so often that the log tells only on `debug`."""


@runtime_checkable
class AnswersHttp(Protocol):
    """A `[tls:...]` part whose names an authority may look at by http-01."""

    @property
    def http_listen(self) -> Endpoints:
        """Where it wants to be asked when no site of ours is there already; none is nowhere."""

    async def http_proof(self, token: str) -> bytes | None:
        """The key authorization of a challenge that is under way; None when the token is none of ours."""
