"""What a SASL mechanism is: challenges out, responses in, and in the end who wants to log in.  rfc4422#3"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Protocol

from mailtwist.auth.api import LoginRefused
from mailtwist.config.part import installed
from mailtwist.protocols.errors import Malformed, Unframed

MAX_LINE = 12288
"""Octets of one base64 line, without CRLF (rfc4954#4)."""

MAX_CHALLENGES = 16
"""No mechanism needs more; a third party's that never ends is ended."""


class Cancelled(Malformed):
    """The client said `*`."""


class ServerFirst(Malformed):
    """The client began, and the mechanism wants the server to (rfc4954#4)."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the server says next, not yet base64."""

    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Credentials:
    """The end: octets as the client sent them, `secret` never empty, `user` only where it is in a token:
    `bearer` says that the secret is one.  `refusal` is what the mechanism says should they be refused, before
    the server does (rfc7628#3.2.3)."""

    user: bytes
    secret: bytes = field(repr=False)
    authzid: bytes = b""
    bearer: bool = False
    refusal: bytes = b""


@dataclass(frozen=True, slots=True)
class Foreign:
    """The end of a mechanism that only a third party's checker understands: a credentials object for
    `Portal.login`."""

    credentials: object = field(repr=False)


Step = Challenge | Credentials | Foreign


class Exchange(Protocol):
    """One run of a mechanism; pure."""

    def step(self, response: bytes | None) -> Step:
        """What follows `response`.  None: the first step, and the client sent no initial response.
        `Malformed` when the response is not one of this mechanism's, and for an initial response where the
        server has to speak first."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """The object behind an entry point of the group `mailtwist.sasl`.  `name` is what is advertised, upper
    case; `exchange` begins a run.  `bearer`: it carries access tokens."""

    name: str
    exchange: Callable[[], Exchange]
    bearer: bool = False


@cache
def mechanisms(*, tokens: bool = False) -> Mapping[str, Mechanism]:
    """Those that are installed, by upper-case name; LOGIN is the last, because clients take the first.
    `tokens`: those that carry access tokens, too."""
    loaded = (point.load() for point in installed("mailtwist.sasl").values())
    found = {one.name.upper(): one for one in loaded if tokens or not one.bearer}
    return MappingProxyType(dict(sorted(found.items(), key=lambda one: (one[0] == "LOGIN", one[1].bearer))))


async def converse(
    mechanism: Mechanism, initial: bytes | None, ask: Callable[[bytes], Awaitable[bytes]]
) -> Credentials | Foreign:
    """What an exchange ends with.

    `initial` is the initial response as it came: None for none, `=` for an empty one (rfc4954#4, rfc4959#3).
    `ask` says a challenge (already base64) and gives the line that answers it, without CRLF.
    `Cancelled` and `Malformed` are the client's doing; their words are for the client."""
    exchange = mechanism.exchange()
    response = None if initial is None else b"" if initial == b"=" else decoded(initial)
    for _ in range(MAX_CHALLENGES):
        step = exchange.step(response)
        if not isinstance(step, Challenge):
            return step
        response = decoded(await ask(base64.b64encode(step.data)))
    raise Malformed("The exchange has no end")


async def signed_in(
    credentials: Credentials | Foreign,
    sign_in: Callable[[Credentials | Foreign], Awaitable[None]],
    ask: Callable[[bytes], Awaitable[bytes]],
) -> None:
    """`sign_in(credentials)`; where it is refused, the client has heard why, as its mechanism wants it."""
    try:
        await sign_in(credentials)
    except LoginRefused:
        await refusal_said(credentials, ask)
        raise


async def refusal_said(credentials: Credentials | Foreign, ask: Callable[[bytes], Awaitable[bytes]]) -> None:
    """The client's answer to it means nothing, whatever it is (rfc7628#3.2.3)."""
    if not (isinstance(credentials, Credentials) and credentials.refusal):
        return
    try:
        await ask(base64.b64encode(credentials.refusal))
    except Unframed:
        raise
    except Malformed:
        return


def decoded(line: bytes) -> bytes:
    """The octets of a base64 response; `*` is `Cancelled`."""
    if line == b"*":
        raise Cancelled("Authentication cancelled")
    if len(line) > MAX_LINE:
        raise Malformed("Authentication exchange line is too long")
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error:
        raise Malformed("Cannot decode the base64 response") from None
