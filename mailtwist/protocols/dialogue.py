"""What dialogues with a server behind us share: offers, ways to log in, words for the log.  rfc4422#3"""

import base64
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

from mailtwist.auth.api import LoginRefused, LoginUnavailable
from mailtwist.auth.names import clean
from mailtwist.kit.trouble import Trouble

T = TypeVar("T")

Secure = Callable[[], Awaitable[None]]
"""The handshake of a call: `Call.start_tls` with its context."""

LONGEST_SAID = 200
"""Characters of a server's words that go into the log."""

MOST_LINES = 200
"""Lines of one answer that is not data."""

UNSUPPORTED = b"unsupported authentication mechanism"
"""How Dovecot refuses LOGIN, USER and the like where it has no PLAIN: with the code of a wrong password."""

_PRINTABLE = bytes(octet if 0x20 <= octet <= 0x7E else ord("?") for octet in range(256))

_TOKEN = re.compile(rb"[!-~]{1,65536}")
"""Of a bearer (rfc6750#2.1), and whatever else a server may call one."""


class Offer(tuple[str, ...]):
    """What a server says that it can do, in its own spelling and order: the words of CAPABILITY, the lines of
    EHLO or CAPA; for ManageSieve `NAME value`, without the quotes."""

    __slots__ = ()

    def has(self, name: str) -> bool:
        """Names have no case."""
        return name.upper() in _names(self)

    def of(self, name: str) -> Sequence[str]:
        """What follows `name` in its lines, in upper case: `of("AUTH")` is PLAIN, LOGIN."""
        return [word for line in self if _named(line) == name.upper() for word in line.upper().split()[1:]]


NOTHING = Offer()


@lru_cache(256)
def _names(offer: Offer) -> frozenset[str]:
    return frozenset(map(_named, offer))


def _named(line: str) -> str:
    return line.partition(" ")[0].upper()


class NotServed(Trouble):
    """Somebody answers, and not in the way of a server that does what it was asked."""

    def __init__(self, detail: str) -> None:
        super().__init__("4.3.0", "The server behind cannot be used now, try again later", detail)


class OtherWay(LoginUnavailable):
    """The server does not take this mechanism, which says nothing about the password."""


def said(line: bytes, *secrets: bytes) -> str:
    """A server's words for our log: short, printable, and none of the secrets that it may have repeated."""
    for secret in secrets:
        for form in (secret, base64.b64encode(secret)):
            line = line.replace(form, b"(secret)") if form else line
    return printable(line[:LONGEST_SAID])


def printable(octets: bytes) -> str:
    """ASCII as it is, `?` for the rest."""
    return octets.translate(_PRINTABLE).decode("ascii")


async def first_that_works(ways: Iterable[Callable[[], Awaitable[T]]]) -> T:
    """What the first of these gives that the server takes.  A wrong password is not tried in another way."""
    last = OtherWay("the server offers no way to log in that we know")
    for way in ways:
        try:
            return await way()
        except OtherWay as refused:
            last = refused
        except (LoginRefused, LoginUnavailable):
            raise
        except Trouble as trouble:
            raise LoginUnavailable(trouble.detail or trouble.public) from trouble
    raise LoginUnavailable(last.reason)


def checked(user: bytes, secret: bytes, authzid: bytes = b"") -> None:
    """These can stand in a command.  The decision has seen to it; what follows stands or falls with it: an
    empty password is nobody's, and to some servers everybody's."""
    if not clean(user, secret) or (authzid and not clean(authzid, secret)):
        raise LoginRefused("bad-octets")


def token_checked(user: bytes, token: bytes) -> None:
    """The same of an access token, which nobody types."""
    checked(user, b"token")
    if not _TOKEN.fullmatch(token):
        raise LoginUnavailable("the access token is none")


# -- what a client says in the mechanisms (rfc4616#2, and what Google and Microsoft have in common)
def plain(user: bytes, secret: bytes, authzid: bytes = b"") -> bytes:
    return b"\0".join((authzid, user, secret))


def bearers(offered: Collection[str], user: bytes, token: bytes) -> Sequence[tuple[bytes, bytes]]:
    """The mechanisms for an access token that are offered, each with what we say in it: XOAUTH2, and
    OAUTHBEARER (rfc7628#3.1).  `LoginUnavailable` when none is."""
    name = user.replace(b"=", b"=3D").replace(b",", b"=2C")  # rfc5801#4
    known = {
        b"XOAUTH2": b"user=%s\x01auth=Bearer %s\x01\x01" % (user, token),
        b"OAUTHBEARER": b"n,a=%s,\x01auth=Bearer %s\x01\x01" % (name, token),
    }
    found = [(mechanism, words) for mechanism, words in known.items() if mechanism.decode() in offered]
    if not found:
        raise LoginUnavailable("the server offers neither XOAUTH2 nor OAUTHBEARER")
    return found


def the_end(mechanism: bytes) -> bytes:
    """What is sent when all is said and the server wants more.  With an access token that was not taken, it
    wants an answer to what it says is wrong (rfc7628#3.2.3); anything else is called off."""
    return {b"XOAUTH2": b"", b"OAUTHBEARER": b"AQ=="}.get(mechanism, b"*")


def encoded(response: bytes) -> bytes:
    """As it goes over the wire; `=` for an empty one (rfc4954#4, rfc4959#3)."""
    return base64.b64encode(response) or b"="
