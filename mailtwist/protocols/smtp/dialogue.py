"""A dialogue with an SMTP or LMTP server: greeting, EHLO, TLS, XCLIENT, AUTH.  rfc5321#4.2 rfc4954#4"""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial

from mailtwist.auth.api import LoginRefused, LoginUnavailable
from mailtwist.protocols.client import Call
from mailtwist.protocols.dialogue import (
    NOTHING,
    NotServed,
    Offer,
    OtherWay,
    Secure,
    bearers,
    checked,
    encoded,
    first_that_works,
    plain,
    printable,
    said,
    the_end,
    token_checked,
)
from mailtwist.protocols.smtp.answers import Answer, answer
from mailtwist.protocols.xclient import command

LONGEST = 512
"""Octets of a command with its CRLF (rfc5321#4.5.3.1.4); longer responses have lines of their own."""

OF_THE_MECHANISM = frozenset({500, 501, 502, 504, 534, 538})
"""Codes of a mechanism that the server does not take, or not from us (rfc4954#6)."""

_AUTH_EQUALS = re.compile(r"(?i)AUTH=")


# -- before the login
async def greeted(call: Call) -> None:
    """The server has greeted us."""
    greeting = await answer(call)
    if greeting.code != 220:
        raise NotServed(f"the greeting is {greeting}")


async def hello(call: Call, name: str, word: str = "EHLO") -> Offer:
    """The lines of EHLO (`word` LHLO: of that) without the first one, which greets; nothing for a server
    that knows HELO only.  `name` is ours."""
    call.write(f"{word} {name}\r\n".encode("ascii"))
    reply = await answer(call)
    if reply.good:
        return Offer(_AUTH_EQUALS.sub("AUTH ", printable(line.encode()), count=1) for line in reply.lines[1:])
    if word != "EHLO" or reply.code not in OF_THE_MECHANISM:
        raise NotServed(f"{word}: {reply}")
    call.write(f"HELO {name}\r\n".encode("ascii"))
    reply = await answer(call)
    if not reply.good:
        raise NotServed(f"HELO: {reply}")
    return NOTHING


async def start_tls(call: Call, secure: Secure) -> None:
    """TLS.  What was offered before is worth nothing now (rfc3207#4.2): say `hello` again."""
    call.write(b"STARTTLS\r\n")
    reply = await answer(call)
    if reply.code != 220:
        raise NotServed(f"STARTTLS: {reply}")
    await secure()


async def xclient(call: Call, offer: Offer, facts: Mapping[str, str]) -> frozenset[str]:
    """Who the client is, as far as the server wants to know: the attributes that were told.  If there are
    any the session begins anew, with `hello`.  `NotServed` when the server does not trust us after all."""
    told, line = command(offer.of("XCLIENT"), facts)
    if told:
        call.write(line)
        reply = await answer(call)
        if reply.code != 220:
            raise NotServed(f"XCLIENT: {reply}")
    return told


# -- the login
async def log_in(call: Call, offer: Offer, user: bytes, secret: bytes, authzid: bytes = b"") -> Offer:
    """What is offered to who is logged in now: the same, SMTP has it said once.  `LoginRefused` when name or
    password are wrong, `LoginUnavailable` for anything else.  What the server does not take in one way is
    said in another one; what it refused is not."""
    checked(user, secret, authzid)
    await first_that_works(_ways(call, offer, user, secret, authzid))
    return offer


async def xoauth2(call: Call, offer: Offer, user: bytes, token: bytes) -> Offer:
    """The same with an access token."""
    token_checked(user, token)
    ways = bearers(offer.of("AUTH"), user, token)
    await first_that_works(partial(_sasl, call, way, [words], (token,)) for way, words in ways)
    return offer


def _ways(
    call: Call, offer: Offer, user: bytes, secret: bytes, authzid: bytes
) -> Iterator[Callable[[], Awaitable[None]]]:
    known = offer.of("AUTH")
    if "PLAIN" in known:
        yield partial(_sasl, call, b"PLAIN", [plain(user, secret, authzid)], (secret,))
    if "LOGIN" in known and not authzid:
        yield partial(_sasl, call, b"LOGIN", [user, secret], (secret,))


async def _sasl(call: Call, name: bytes, responses: Sequence[bytes], secrets: Sequence[bytes]) -> None:
    """AUTH, with the response in the same line where it is the only one and fits."""
    secrets = (*secrets, responses[-1])  # in which the secret is, perhaps with the name
    line, left = b"AUTH " + name, list(responses)
    if len(left) == 1 and len(line) + len(encoded(left[0])) + 3 <= LONGEST:
        line += b" " + encoded(left.pop())
    silent = bool(left)
    call.write(line + b"\r\n")
    reply = await answer(call)
    for _ in range(len(responses) + 1):
        if reply.code != 334:
            break
        silent = False
        call.write((encoded(left.pop(0)) if left else the_end(name)) + b"\r\n")
        reply = await answer(call)
    _judge(reply, silent, f"AUTH {name.decode()}: {said(str(reply).encode(), *secrets)}")


def _judge(reply: Answer, silent: bool, words: str) -> None:
    """`silent`: we have said nothing that could be wrong."""
    if reply.code == 235:
        return
    if reply.code in OF_THE_MECHANISM and reply.status != "5.7.8":
        raise OtherWay(words)
    if silent and reply.code >= 500:
        raise OtherWay(words)
    if reply.code == 535 or (reply.code >= 500 and reply.status == "5.7.8"):
        raise LoginRefused("wrong-password")
    raise LoginUnavailable(words)
