"""One login by any door and mechanism, and the octets that answer it."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from tests.process.talk import Gone, Talker
from tests.process.watched import Watched

REFUSED = {
    "imap": b"NO [AUTHENTICATIONFAILED] Authentication failed.",
    "pop3": b"-ERR [AUTH] Authentication failed.",
    "smtp": b"535 5.7.8 Authentication failed",
}
LATER = {
    "imap": b"NO [UNAVAILABLE] Try again later.",
    "pop3": b"-ERR [SYS/TEMP] Try again later.",
    "smtp": b"454 4.7.0 Temporary authentication failure",
}
GOOD = {"imap": b"OK ", "pop3": b"+OK ", "smtp": b"235 "}
SERVICES = {"imap": "imaps", "pop3": "pop3s", "smtp": "submissions"}

Way = Callable[[Talker, bytes, bytes], bytes]


def _plain(user: bytes, secret: bytes) -> bytes:
    return b64encode(b"\0" + user + b"\0" + secret)


def _imap(talker: Talker, *lines: bytes) -> bytes:
    """The tagged line, without its tag."""
    talker.line()
    talker.send(b"a " + lines[0] + b"\r\n")
    for line in lines[1:]:
        while not (said := talker.line()).startswith(b"+"):
            if said.startswith((b"a ", b"* BYE")):
                return said.removeprefix(b"a ")
        talker.send(line + b"\r\n")
    while not (said := talker.line()).startswith((b"a ", b"* BYE", b"* BAD")):
        pass
    return said.removeprefix(b"a ")


def _each(talker: Talker, *lines: bytes, goes_on: tuple[bytes, ...]) -> bytes:
    """The answer to the last line, or the first that lets nothing follow."""
    said = b""
    for line in lines:
        said = talker.smtp(line)
        if not said.startswith(goes_on):
            return said
    return said


def imap_login(talker: Talker, user: bytes, secret: bytes) -> bytes:
    return _imap(talker, b"LOGIN {%d+}\r\n%b {%d+}\r\n%b" % (len(user), user, len(secret), secret))


def imap_quoted(talker: Talker, user: bytes, secret: bytes) -> bytes:
    def quoted(text: bytes) -> bytes:
        return b'"%b"' % text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')

    return _imap(talker, b"LOGIN %b %b" % (quoted(user), quoted(secret)))


def imap_plain(talker: Talker, user: bytes, secret: bytes) -> bytes:
    return _imap(talker, b"AUTHENTICATE PLAIN", _plain(user, secret))


def imap_plain_at_once(talker: Talker, user: bytes, secret: bytes) -> bytes:
    return _imap(talker, b"AUTHENTICATE PLAIN " + _plain(user, secret))


def imap_sasl_login(talker: Talker, user: bytes, secret: bytes) -> bytes:
    return _imap(talker, b"AUTHENTICATE LOGIN", b64encode(user), b64encode(secret))


def pop3_pass(talker: Talker, user: bytes, secret: bytes) -> bytes:
    talker.pop3()
    said = talker.pop3(b"USER " + user)
    return talker.pop3(b"PASS " + secret) if said.startswith(b"+OK") else said


def pop3_plain(talker: Talker, user: bytes, secret: bytes) -> bytes:
    talker.pop3()
    return _each(talker, b"AUTH PLAIN", _plain(user, secret), goes_on=(b"+ ", b"+OK"))


def pop3_login(talker: Talker, user: bytes, secret: bytes) -> bytes:
    talker.pop3()
    return _each(talker, b"AUTH LOGIN", b64encode(user), b64encode(secret), goes_on=(b"+ ", b"+OK"))


def smtp_plain(talker: Talker, user: bytes, secret: bytes) -> bytes:
    talker.smtp()
    return _each(talker, b"EHLO c.example", b"AUTH PLAIN " + _plain(user, secret), goes_on=(b"250",))


def smtp_plain_asked(talker: Talker, user: bytes, secret: bytes) -> bytes:
    talker.smtp()
    return _each(talker, b"EHLO c.example", b"AUTH PLAIN", _plain(user, secret), goes_on=(b"250", b"334"))


def smtp_login(talker: Talker, user: bytes, secret: bytes) -> bytes:
    talker.smtp()
    lines = (b"EHLO c.example", b"AUTH LOGIN", b64encode(user), b64encode(secret))
    return _each(talker, *lines, goes_on=(b"250", b"334"))


WAYS: Sequence[Way] = (
    *(imap_login, imap_quoted, imap_plain, imap_plain_at_once, imap_sasl_login),
    *(pop3_pass, pop3_plain, pop3_login, smtp_plain, smtp_plain_asked, smtp_login),
)
DOORS: Sequence[Way] = (imap_login, pop3_pass, smtp_login)
"""One for each protocol."""


def door(way: Way) -> str:
    return way.__name__.partition("_")[0]


def knock(site: Watched, way: Way, user: str | bytes, secret: bytes, source: str = "127.0.0.1") -> bytes:
    """The line that answers; b"" when the server closes without one."""
    name = user if isinstance(user, bytes) else user.encode()
    port = site.server.port(SERVICES[door(way)])
    with Talker(port, tls=True, source=source) as talker, suppress(Gone, ConnectionError):
        return way(talker, name, secret)
    return b""


def good(way: Way, said: bytes) -> bool:
    return said.startswith(GOOD[door(way)])


def at_once(*calls: Callable[[], bytes]) -> list[bytes]:
    """What each says, all begun at the same time."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [one.result() for one in [pool.submit(call) for call in calls]]
