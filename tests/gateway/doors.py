"""Logins on every door of a gateway at once, and sessions there, as octets."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.backends.processes import eventually
from tests.gateway import test_passwords as ways
from tests.gateway.whole import Gateway
from tests.peers.host import Person
from tests.process.talk import Talker

LOG_IN: Mapping[str, ways.LogIn] = {
    "imaps": ways.imap_plain,
    "pop3s": ways.pop3_pass,
    "submissions": ways.smtp_plain,
    "sieve": ways.sieve_plain,
}
GOOD = {"imaps": b"OK ", "pop3s": b"+OK", "submissions": b"235 2.7.0 ", "sieve": b"OK"}
LATER = {
    "imaps": b"NO [UNAVAILABLE] ",
    "pop3s": b"-ERR [SYS/TEMP] ",
    "submissions": b"454 4.7.0 ",
    "sieve": b"NO (TRYLATER) ",
}
WRONG = {
    "imaps": b"NO [AUTHENTICATIONFAILED] Authentication failed.",
    "pop3s": b"-ERR [AUTH] Authentication failed.",
    "submissions": b"535 5.7.8 Authentication failed",
    "sieve": b'NO "Authentication failed"',
}


def connected(gateway: Gateway, door: str, source: str = "127.0.0.1") -> Talker:
    return Talker(gateway.server.port(door), tls=door != "sieve", source=source)


def tried(gateway: Gateway, door: str, person: Person, secret: str = "", source: str = "127.0.0.1") -> bytes:
    """The answer to a login."""
    with connected(gateway, door, source) as talker:
        return LOG_IN[door](talker, person.address, (secret or person.secret).encode())


def everywhere(
    gateway: Gateway, person: Person, secret: str = "", meanwhile: Callable[[], object] = lambda: None
) -> dict[str, bytes]:
    """The answer of each door, when logins begin at the same moment."""
    found = secret or person.secret
    doors = [door for door in LOG_IN if door in gateway.services]
    with ThreadPoolExecutor(len(doors)) as threads:
        asked = [threads.submit(tried, gateway, door, person, found) for door in doors]
        meanwhile()
        return {door: one.result() for door, one in zip(doors, asked, strict=True)}


def session(gateway: Gateway, door: str, person: Person, source: str = "127.0.0.1", held: int = 0) -> Talker:
    """Logged in."""
    talker = Talker(gateway.server.port(door), tls=door != "sieve", source=source, held=held)
    answer = LOG_IN[door](talker, person.address, person.secret.encode())
    assert answer.startswith(GOOD[door]), answer
    return talker


def all_are(said: Mapping[str, bytes], words: Mapping[str, bytes]) -> bool:
    return bool(said) and all(answer.startswith(words[door]) for door, answer in said.items())


def comes_in(gateway: Gateway, door: str, person: Person, secret: str = "") -> bool:
    """Sooner or later, and told to come later until then; AssertionError when it hears anything else."""
    return eventually(lambda: _in(door, tried(gateway, door, person, secret)), 30)


def all_come_in(gateway: Gateway, person: Person, secret: str = "") -> bool:
    """On every door."""
    return eventually(
        lambda: all([_in(door, said) for door, said in everywhere(gateway, person, secret).items()]), 30
    )


def _in(door: str, answer: bytes) -> bool:
    assert answer.startswith((GOOD[door], LATER[door])), answer
    return answer.startswith(GOOD[door])
