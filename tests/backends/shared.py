"""The servers behind that tests share: each is started by the first that asks, and stopped at the end."""

import atexit
from functools import cache
from typing import TypeVar

from tests.backends.cyrus import Cyrus
from tests.backends.dovecot import Dovecot, LoginOnly, NamedOnly
from tests.backends.postfix import PostfixBehind
from tests.backends.server import Server
from tests.backends.sink import Sink

Kind = TypeVar("Kind", bound=Server)


@cache
def sink() -> Sink:
    """Where submitted mail of all of them goes."""
    made = Sink()
    atexit.register(made.stop)
    return made


@cache
def dovecot() -> Dovecot:
    """Knows PLAIN and LOGIN, and trusts 127.0.0.1."""
    return until_the_end(Dovecot(relay=sink().port))


@cache
def login_only() -> LoginOnly:
    """Has no PLAIN."""
    return until_the_end(LoginOnly("login-only", relay=sink().port))


@cache
def named_only() -> NamedOnly:
    """Has a wrong certificate for who does not say what it wants."""
    return until_the_end(NamedOnly("named-only", relay=sink().port))


@cache
def postfix() -> PostfixBehind:
    """Asks `dovecot` who may log in."""
    return until_the_end(PostfixBehind(dovecot().auth, relay=sink().port))


@cache
def cyrus() -> Cyrus:
    """Whose UNAUTHENTICATE lets go of who has logged in."""
    return until_the_end(Cyrus())


def until_the_end(server: Kind) -> Kind:
    """Started; it stops when the tests end."""
    atexit.register(server.stop)
    server.start()
    return server
