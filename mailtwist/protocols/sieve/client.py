"""A dialogue with a ManageSieve server, as far as the end of a login.  rfc5804#1.2 rfc5804#2.1 rfc5804#2.2"""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from mailtwist.auth.api import LoginRefused, LoginUnavailable
from mailtwist.protocols.client import Call
from mailtwist.protocols.dialogue import (
    MOST_LINES,
    UNSUPPORTED,
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
from mailtwist.protocols.xclient import one_command

MOST_LITERALS, MOST_OCTETS = 64, 64 * 1024
"""Literals of one answer, and their octets."""

NOT_THIS_WAY = frozenset({"AUTH-TOO-WEAK", "ENCRYPT-NEEDED", "TRANSITION-NEEDED"})

_STRING = rb'"((?:[^"\\\r\n]|\\["\\]){0,1024})"'
_CAPABILITY = re.compile(_STRING + rb"(?: +" + _STRING + rb")?\s*")
_RESPONSE = re.compile(rb"(?i)(OK|NO|BYE)(?: +\(([A-Z0-9/-]+)[^)]*\))?(?: +(.*))?", re.DOTALL)
_CHALLENGE = re.compile(rb'(?:"[^"]*"|\{\d+\+?\}.*)', re.DOTALL)
_LITERAL = re.compile(rb"\{(\d{1,7})\+?\}\Z")


@dataclass(frozen=True, slots=True)
class _Answer:
    """OK, NO, BYE, or '' for a challenge."""

    word: str
    code: str
    text: bytes
    secrets: Sequence[bytes] = field(default=(), repr=False)

    def __str__(self) -> str:
        code = f"({self.code}) " if self.code else ""
        return f"{self.word} {code}{said(self.text, *self.secrets)}"


# -- before the login
async def greeted(call: Call) -> Offer:
    """The greeting is what the server offers."""
    return await _offered(call, "the greeting")


async def capabilities(call: Call) -> Offer:
    call.write(b"CAPABILITY\r\n")
    return await _offered(call, "CAPABILITY")


async def start_tls(call: Call, secure: Secure) -> Offer:
    """TLS, after which the server says by itself what it offers now (rfc5804#2.2)."""
    call.write(b"STARTTLS\r\n")
    answer = await _answer(call)
    if answer.word != "OK":
        raise NotServed(f"STARTTLS: {answer}")
    await secure()
    return await _offered(call, "the greeting under TLS")


async def xclient(call: Call, facts: Mapping[str, str]) -> None:
    """Who the client is, in Dovecot's way."""
    call.write(one_command(facts))
    answer = await _answer(call)
    if answer.word != "OK":
        raise NotServed(f"XCLIENT: {answer}")


# -- the login
async def log_in(call: Call, offer: Offer, user: bytes, secret: bytes, authzid: bytes = b"") -> Offer:
    """What is offered to who is logged in now.  `LoginRefused` when name or password are wrong,
    `LoginUnavailable` for anything else.  What the server does not take in one way is said in another one;
    what it refused is not."""
    checked(user, secret, authzid)
    await first_that_works(_ways(call, offer, user, secret, authzid))
    return await capabilities(call)


async def xoauth2(call: Call, offer: Offer, user: bytes, token: bytes) -> Offer:
    """The same with an access token."""
    token_checked(user, token)
    ways = bearers(offer.of("SASL"), user, token)
    await first_that_works(partial(_sasl, call, way, [words], (token,)) for way, words in ways)
    return await capabilities(call)


def _ways(
    call: Call, offer: Offer, user: bytes, secret: bytes, authzid: bytes
) -> Iterator[Callable[[], Awaitable[None]]]:
    known = offer.of("SASL")
    if "PLAIN" in known:
        yield partial(_sasl, call, b"PLAIN", [plain(user, secret, authzid)], (secret,))
    if "LOGIN" in known and not authzid:
        yield partial(_sasl, call, b"LOGIN", [user, secret], (secret,))


async def _sasl(call: Call, name: bytes, responses: Sequence[bytes], secrets: Sequence[bytes]) -> None:
    """AUTHENTICATE, with the response in the same line where it is the only one."""
    secrets = (*secrets, responses[-1])  # in which the secret is, perhaps with the name
    left = list(responses)
    line = b'AUTHENTICATE "%s"' % name
    if len(left) == 1:
        line += b" " + _string(left.pop())
    silent = bool(left)
    call.write(line + b"\r\n")
    answer = await _answer(call, secrets)
    for _ in range(len(responses) + 1):
        if answer.word:
            break
        silent = False
        call.write((_string(left.pop(0)) if left else b'"%s"' % the_end(name)) + b"\r\n")
        answer = await _answer(call, secrets)
    _judge(name.decode(), answer, silent)


def _string(response: bytes) -> bytes:
    """Base64 of a length that a quoted string may have (1024 octets, rfc5804#4), or else as a literal."""
    text = encoded(response)
    return b'"%s"' % text if len(text) <= 1024 else b"{%d+}\r\n%s" % (len(text), text)


def _judge(name: str, answer: _Answer, silent: bool) -> None:
    if answer.word == "OK":
        return
    words = f"AUTHENTICATE {name}: {answer}"
    if answer.word == "NO" and (silent or answer.code in NOT_THIS_WAY or UNSUPPORTED in answer.text.lower()):
        raise OtherWay(words)
    if answer.word == "NO" and not answer.code:
        raise LoginRefused("wrong-password")
    raise LoginUnavailable(words)


# -- the grammar of answers
async def _offered(call: Call, what: str) -> Offer:
    lines: list[str] = []
    while len(lines) < MOST_LINES:
        line = await _whole(call)
        if found := _CAPABILITY.fullmatch(line):
            lines.append(" ".join(printable(_bare(part)) for part in found.groups() if part is not None))
        elif (answer := _read(line)).word == "OK":
            return Offer(lines)
        else:
            raise NotServed(f"{what}: {answer}")
    raise NotServed(f"{what} has more than {MOST_LINES} lines")


async def _answer(call: Call, secrets: Sequence[bytes] = ()) -> _Answer:
    line = await _whole(call)
    if _CHALLENGE.fullmatch(line):
        return _Answer("", "", line, secrets)
    return _read(line, secrets)


def _read(line: bytes, secrets: Sequence[bytes] = ()) -> _Answer:
    found = _RESPONSE.fullmatch(line)
    if found is None:
        raise NotServed(f"it says {said(line, *secrets)}")
    code = (found[2] or b"").decode("ascii").upper()
    return _Answer(found[1].decode("ascii").upper(), code, found[3] or b"", secrets)


async def _whole(call: Call) -> bytes:
    """The next line, with the literals that are in it as quoted strings."""
    line = await call.line()
    room, left = MOST_OCTETS, MOST_LITERALS
    while found := _LITERAL.search(line):
        room, left = room - int(found[1]), left - 1
        if room < 0 or left < 0:
            raise NotServed("an answer has too much in it")
        octets = await call.octets(int(found[1]))
        line = line[: found.start()] + _quoted(octets) + await call.line()
    return line


def _quoted(octets: bytes) -> bytes:
    flat = octets.replace(b"\r", b" ").replace(b"\n", b" ")
    return b'"' + flat.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _bare(quoted: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", quoted)
