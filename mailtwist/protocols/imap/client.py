"""A dialogue with an IMAP server, as far as the end of a login.  rfc3501#6.2 rfc4959 rfc2971 rfc5530"""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial

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

MOST_LITERALS, MOST_OCTETS = 64, 64 * 1024
"""Literals of one answer, and their octets."""

MOST_PAIRS, LONGEST_KEY, LONGEST_VALUE = 30, 30, 1024
"""Of ID (rfc2971#3.3)."""

SHORT = 255
"""Octets that go in quotes; parsers of lines have ends."""

SMALL = 4096
"""Octets that may go as a literal unasked under LITERAL- (rfc7888#5)."""

REFUSED = frozenset({"", "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "ALERT", "WEBALERT"})
"""Response codes of a NO that say that name or password are wrong (rfc5530#3), or say nothing."""

OF_THE_ACCOUNT = frozenset(
    ("CONTACTADMIN", "CORRUPTION", "INUSE", "LIMIT", "OVERQUOTA", "REFERRAL", "SERVERBUG")
)
"""Those of trouble with one account, which says nothing about the others'."""

NOT_THIS_WAY = frozenset({"PRIVACYREQUIRED", "CANNOT", "CLIENTBUG", "NOPERM"})

_CODE = re.compile(rb"\[([A-Za-z0-9-]+)(?: ([^\]]*))?\]")
_LITERAL = re.compile(rb"\{(\d{1,7})\+?\}\Z")
_PLAIN = re.compile(rb"[ !#-\[\]-~]*")
"""What can stand in quotes as it is."""


@dataclass(slots=True)
class _Answer:
    """A tagged answer, or the `+` in its place; `offer` is what the server offered on the way."""

    word: bytes
    text: bytes
    offer: Offer = NOTHING
    secrets: Sequence[bytes] = field(default=(), repr=False)

    @property
    def code(self) -> str:
        found = _CODE.match(self.text)
        return found[1].decode("ascii").upper() if found else ""

    def __str__(self) -> str:
        return said(self.word + b" " + self.text, *self.secrets)


# -- before the login
async def greeted(call: Call) -> Offer:
    """What the greeting offers, nothing where it is silent about that.  `NotServed` for a BYE, and for
    PREAUTH: somebody is logged in there already, and it is not the one we come for."""
    line = await _whole(call, await call.line())
    if not line[:5].upper() == b"* OK ":
        raise NotServed(f"the greeting is {said(line)}")
    return _offered(line[5:]) or NOTHING


async def capabilities(call: Call) -> Offer:
    call.write(b"C CAPABILITY\r\n")
    answer = await _answer(call, b"C")
    if answer.word != b"OK":
        raise NotServed(f"CAPABILITY: {answer}")
    return answer.offer


async def start_tls(call: Call, secure: Secure) -> None:
    """TLS.  What was offered before is worth nothing now (rfc3501#6.2.1): ask again.  `secure` does the
    handshake."""
    call.write(b"S STARTTLS\r\n")
    answer = await _answer(call, b"S")
    if answer.word != b"OK":
        raise NotServed(f"STARTTLS: {answer}")
    await secure()


async def identify(call: Call, pairs: Mapping[str, str], *, wait: bool = True) -> None:
    """ID with what there is room for (`pairs_of`).  The answer says nothing that we need: without `wait` it
    is read with that to the next command."""
    told = [item for pair in _fitting(pairs) for item in pair]
    call.write(b"I ID (%s)\r\n" % b" ".join(_quoted(item.encode("ascii")) for item in told))
    if wait:
        await _answer(call, b"I")


def _fitting(pairs: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    def fits(key: str, value: str) -> bool:
        plain_words = key.isascii() and value.isascii() and (key + value).isprintable()
        return plain_words and 0 < len(key) <= LONGEST_KEY and len(value) <= LONGEST_VALUE

    return [(key, value) for key, value in pairs.items() if fits(key, value)][:MOST_PAIRS]


# -- the login
async def log_in(call: Call, offer: Offer, user: bytes, secret: bytes, authzid: bytes = b"") -> Offer:
    """What is offered to who is logged in now.  `LoginRefused` when name or password are wrong,
    `LoginUnavailable` for anything else.  What the server does not take in one way is said in another one;
    what it refused is not."""
    checked(user, secret, authzid)
    return await first_that_works(_ways(call, offer, user, secret, authzid))


async def xoauth2(call: Call, offer: Offer, user: bytes, token: bytes) -> Offer:
    """The same with an access token."""
    token_checked(user, token)
    offered = [word.upper().removeprefix("AUTH=") for word in offer]
    ways = bearers(offered, user, token)
    return await first_that_works(partial(_sasl, call, offer, way, [words], (token,)) for way, words in ways)


def _ways(
    call: Call, offer: Offer, user: bytes, secret: bytes, authzid: bytes
) -> Iterator[Callable[[], Awaitable[Offer]]]:
    """LOGIN stands for PLAIN in servers that know mechanisms: who offers LOGIN as a mechanism, and not PLAIN,
    refuses the command.  Who has much to say says it in base64, for which Dovecot has more room."""
    by_command = partial(_login, call, offer, user, secret)
    in_plain = partial(_sasl, call, offer, b"PLAIN", [plain(user, secret, authzid)], (secret,))
    in_login = partial(_sasl, call, offer, b"LOGIN", [user, secret], (secret,))
    knows_plain, knows_login = offer.has("AUTH=PLAIN"), offer.has("AUTH=LOGIN")
    if knows_login and not knows_plain and not authzid:
        yield in_login
    elif knows_plain and len(secret) > SHORT:
        yield in_plain
    if not (authzid or offer.has("LOGINDISABLED")):
        yield by_command
    if knows_plain:
        yield in_plain
        if knows_login and not authzid:
            yield in_login


async def _login(call: Call, offer: Offer, user: bytes, secret: bytes) -> Offer:
    pieces = [b"L LOGIN "]
    for last, octets in ((False, user), (True, secret)):
        if _PLAIN.fullmatch(octets) and len(octets) <= SHORT:
            pieces[-1] += _quoted(octets)
        elif offer.has("LITERAL+") or (offer.has("LITERAL-") and len(octets) <= SMALL):
            pieces[-1] += b"{%d+}\r\n" % len(octets) + octets
        else:
            pieces[-1] += b"{%d}" % len(octets)
            pieces.append(octets)
        pieces[-1] += b"" if last else b" "
    call.write(pieces[0] + b"\r\n")
    for piece in pieces[1:]:
        answer = await _answer(call, b"L", secrets=(secret,))
        if answer.word != b"+":
            raise OtherWay(f"LOGIN: {answer}")
        call.write(piece + b"\r\n")
    return await _logged_in(call, await _answer(call, b"L", secrets=(secret,)))


async def _sasl(
    call: Call, offer: Offer, name: bytes, responses: Sequence[bytes], secrets: Sequence[bytes]
) -> Offer:
    """AUTHENTICATE.  A refusal before we have said anything is one of the mechanism."""
    secrets = (*secrets, responses[-1])  # in which the secret is, perhaps with the name
    line, left = b"L AUTHENTICATE " + name, list(responses)
    if offer.has("SASL-IR") and len(left) == 1:
        line += b" " + encoded(left.pop())
    silent = bool(left)
    call.write(line + b"\r\n")
    answer = await _answer(call, b"L", secrets=secrets)
    for _ in range(len(responses) + 1):
        if answer.word != b"+":
            break
        silent = False
        call.write(_response(left, name) + b"\r\n")
        answer = await _answer(call, b"L", secrets=secrets)
    if silent and answer.word != b"OK":
        raise OtherWay(f"AUTHENTICATE {name.decode()}: {answer}")
    return await _logged_in(call, answer)


def _response(left: list[bytes], mechanism: bytes) -> bytes:
    """What comes next; when all is said there is only an end to it."""
    if left:
        return encoded(left.pop(0))
    return the_end(mechanism)


async def _logged_in(call: Call, answer: _Answer) -> Offer:
    if answer.word != b"OK":
        raise _no_way_in(answer)
    return _offered(answer.text) or answer.offer or await capabilities(call)


def _no_way_in(answer: _Answer) -> Exception:
    if answer.word == b"BAD" or answer.code in NOT_THIS_WAY or UNSUPPORTED in answer.text.lower():
        return OtherWay(f"login: {answer}")
    if answer.word == b"NO" and answer.code in REFUSED:
        return LoginRefused("wrong-password")
    kind = AccountUnavailable if answer.code in OF_THE_ACCOUNT else LoginUnavailable
    return kind(f"login: {answer}")


# -- the grammar of answers
async def _answer(call: Call, tag: bytes, secrets: Sequence[bytes] = ()) -> _Answer:
    """The tagged answer to `tag`, or a `+`; what comes before it is read for what it says of abilities."""
    offer = NOTHING
    for _ in range(MOST_LINES):
        line = await _whole(call, await call.line())
        first, rest = _split(line)
        if first == b"+":
            return _Answer(first, rest, offer, secrets)
        word, text = _split(rest)
        if first == tag:
            return _Answer(word.upper(), text, offer, secrets)
        if first == b"*" and word.upper() == b"BYE":
            raise NotServed(f"it hangs up: {said(text, *secrets)}")
        if first == b"*" and word.upper() == b"CAPABILITY":
            offer = _words(text)
        elif first == b"*" and word.upper() == b"OK":
            offer = _offered(text) or offer
    raise NotServed(f"more than {MOST_LINES} lines and no answer among them")


async def _whole(call: Call, line: bytes) -> bytes:
    """The line, with the literals that are in it."""
    room, left = MOST_OCTETS, MOST_LITERALS
    while found := _LITERAL.search(line):
        room, left = room - int(found[1]), left - 1
        if room < 0 or left < 0:
            raise NotServed("an answer has too much in it")
        line = line[: found.start()] + await call.octets(int(found[1])) + b" " + await call.line()
    return line


def _split(line: bytes) -> tuple[bytes, bytes]:
    first, _, rest = line.partition(b" ")
    return first, rest


def _offered(text: bytes) -> Offer | None:
    """What stands in [CAPABILITY ...]."""
    found = _CODE.match(text)
    return _words(found[2] or b"") if found and found[1].upper() == b"CAPABILITY" else None


@lru_cache(64)
def _words(text: bytes) -> Offer:
    """A server says the same to everybody."""
    return Offer(word for word in printable(text).split())


def _quoted(octets: bytes) -> bytes:
    return b'"' + octets.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
