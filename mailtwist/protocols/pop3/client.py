"""A dialogue with a POP3 server, as far as the end of a login.  rfc1939#3 rfc2449#5 rfc2595#4 rfc5034#4"""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from mailtwist.auth.api import AccountUnavailable, LoginRefused, LoginUnavailable
from mailtwist.protocols.client import Call
from mailtwist.protocols.dialogue import (
    MOST_LINES,
    NOTHING,
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

LONGEST = 255
"""Octets of a command with its CRLF (rfc2449#4); longer responses have lines of their own (rfc5034#4)."""

REFUSED = frozenset({"", "AUTH"})
"""Response codes of an -ERR that say that name or password are wrong, or say nothing (rfc3206#4)."""

OF_THE_ACCOUNT = frozenset({"IN-USE", "LOGIN-DELAY", "SYS/PERM"})
"""Those of trouble with one account, which says nothing about the others'."""

_CODE = re.compile(rb"\[([A-Za-z0-9/-]+)[^\]]*\]")


@dataclass(frozen=True, slots=True)
class _Answer:
    mark: bytes
    text: bytes
    secrets: Sequence[bytes] = field(default=(), repr=False)

    @property
    def good(self) -> bool:
        return self.mark == b"+OK"

    @property
    def code(self) -> str:
        found = _CODE.match(self.text)
        return found[1].decode("ascii").upper() if found else ""

    def __str__(self) -> str:
        return said(self.mark + b" " + self.text, *self.secrets)


# -- before the login
async def greeted(call: Call) -> Offer:
    """What the greeting offers: Dovecot says there that it takes XCLIENT."""
    answer = await _answer(call)
    if not answer.good:
        raise NotServed(f"the greeting is {answer}")
    return Offer(["XCLIENT"]) if answer.code == "XCLIENT" else NOTHING


async def capabilities(call: Call) -> Offer:
    """Nothing, for a server from before CAPA."""
    call.write(b"CAPA\r\n")
    if not (await _answer(call)).good:
        return NOTHING
    lines: list[str] = []
    while (line := await call.line()) != b".":
        lines.append(printable(line))
        if len(lines) > MOST_LINES:
            raise NotServed(f"CAPA has more than {MOST_LINES} lines")
    return Offer(lines)


async def start_tls(call: Call, secure: Secure) -> None:
    """TLS.  What was offered before is worth nothing now (rfc2595#4): ask again.  `secure` does the
    handshake."""
    call.write(b"STLS\r\n")
    answer = await _answer(call)
    if not answer.good:
        raise NotServed(f"STLS: {answer}")
    await secure()


async def xclient(call: Call, facts: Mapping[str, str]) -> None:
    """Who the client is, in Dovecot's way."""
    call.write(one_command(facts))
    answer = await _answer(call)
    if not answer.good:
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
    """USER stands for PLAIN in servers that know mechanisms: who offers LOGIN as a mechanism, and not PLAIN,
    refuses the command."""
    in_plain = partial(_sasl, call, b"PLAIN", [plain(user, secret, authzid)], (secret,))
    in_login = partial(_sasl, call, b"LOGIN", [user, secret], (secret,))
    mechanisms = [] if authzid else offer.of("SASL")
    if "LOGIN" in mechanisms and "PLAIN" not in mechanisms:
        yield in_login
    elif "PLAIN" in offer.of("SASL") and (authzid or _is_odd(user, secret)):
        yield in_plain
    if not authzid and (offer.has("USER") or not offer.has("SASL")):
        yield partial(_user, call, user, secret)
    if "PLAIN" in mechanisms:
        yield in_plain
        if "LOGIN" in mechanisms:
            yield in_login


def _is_odd(user: bytes, secret: bytes) -> bool:
    """What does not fit into a line, or is split or trimmed in one."""
    return b" " in user or secret.strip() != secret or len(user) + 7 > LONGEST or len(secret) + 7 > LONGEST


async def _user(call: Call, user: bytes, secret: bytes) -> None:
    call.write(b"USER %s\r\n" % user)
    answer = await _answer(call, (secret,))
    if not answer.good:
        raise OtherWay(f"USER: {answer}")
    call.write(b"PASS %s\r\n" % secret)
    _judge("PASS", await _answer(call, (secret,)))


async def _sasl(call: Call, name: bytes, responses: Sequence[bytes], secrets: Sequence[bytes]) -> None:
    """AUTH.  A refusal before we have said anything is one of the mechanism."""
    secrets = (*secrets, responses[-1])  # in which the secret is, perhaps with the name
    line, left = b"AUTH " + name, list(responses)
    if len(left) == 1 and len(line) + len(encoded(left[0])) + 3 <= LONGEST:
        line += b" " + encoded(left.pop())
    silent = bool(left)
    call.write(line + b"\r\n")
    answer = await _answer(call, secrets)
    for _ in range(len(responses) + 1):
        if answer.mark != b"+":
            break
        silent = False
        call.write((encoded(left.pop(0)) if left else the_end(name)) + b"\r\n")
        answer = await _answer(call, secrets)
    if silent and not answer.good:
        raise OtherWay(f"AUTH {name.decode()}: {answer}")
    _judge(f"AUTH {name.decode()}", answer)


def _judge(command: str, answer: _Answer) -> None:
    if answer.good:
        return
    if UNSUPPORTED in answer.text.lower():
        raise OtherWay(f"{command}: {answer}")
    if answer.mark == b"-ERR" and answer.code in REFUSED:
        raise LoginRefused("wrong-password")
    kind = AccountUnavailable if answer.code in OF_THE_ACCOUNT else LoginUnavailable
    raise kind(f"{command}: {answer}")


async def _answer(call: Call, secrets: Sequence[bytes] = ()) -> _Answer:
    mark, _, text = (await call.line()).partition(b" ")
    if mark.upper() not in (b"+OK", b"-ERR", b"+"):
        raise NotServed(f"it says {said(mark + b' ' + text, *secrets)}")
    return _Answer(mark.upper(), text, secrets)
