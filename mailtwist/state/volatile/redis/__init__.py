"""State that several nodes share, in Redis: limits, bans, used codes, logins under way, announcements."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from mailtwist.config.part import Assembly, Part, installed
from mailtwist.config.places import File
from mailtwist.config.problems import shown
from mailtwist.config.secret import Secret
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration
from mailtwist.kit.clock import Clock
from mailtwist.state.api import StateAway, Volatile
from mailtwist.state.volatile.redis.place import Servers, Trust, Url

if TYPE_CHECKING:
    from mailtwist.state.volatile.redis.connection import Reach


class Prefix(str):
    """What all keys begin with."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "Prefix":
        if not (text.isascii() and text.replace("-", "").replace("_", "").isalnum() and len(text) <= 40):
            raise ValueError(f'"{shown(text)}" is no prefix; write letters, digits, "-" and "_"')
        return cls(text)


@dataclass(frozen=True)
class Settings:
    """State that all nodes with the same Redis share."""

    url: Url = setting(
        words="Where it is: redis://host:port/database, rediss:// for TLS, unix:///path. With sentinels, the"
        " host is the name of the master.",
        example="rediss://redis.example.org:6379/0",
    )
    user: str = setting("", words="The ACL user to sign in as; empty for the default user.")
    password: Secret | None = setting(
        None, words="The password of the user.", example="file:/etc/mailtwist/redis-password"
    )
    authorities: File | None = setting(
        None,
        words="PEM file with the certificates of the authorities whose word is taken with rediss; left out:"
        " those the system trusts.",
        example="/etc/mailtwist/redis-ca.pem",
    )
    server_name: str = setting(
        "",
        words="The name that the certificate of each server must be for; empty: the host connected to.",
        example="redis.example.org",
    )
    certificate: File | None = setting(
        None,
        words="Our own certificate, PEM, where the server asks for one.",
        example="/etc/mailtwist/redis.pem",
    )
    key: File | None = setting(
        None, words="The key of that certificate, PEM; left out: it is in the same file."
    )
    sentinels: Servers = setting(
        Servers(),
        words="Sentinels to ask where the master is, the same scheme and certificates for all.",
        example="s1.example.org:26379, s2.example.org:26379, s3.example.org:26379",
    )
    sentinel_user: str = setting("", words="The ACL user to sign in to the Sentinels as.")
    sentinel_password: Secret | None = setting(None, words="The password for the Sentinels.")
    prefix: Prefix = setting(
        Prefix("mailtwist"), words="What all keys begin with; systems with another one do not see each other."
    )
    timeout: Annotated[
        Duration, AtLeast(0.1, "slower than any network"), AtMost(10, "a login waits for it")
    ] = setting(Duration(2), words="How long an answer is waited for before Redis counts as away.")
    when_away: Literal["temporary", "local"] = setting(
        "temporary",
        words="What new codes meet while Redis is away: temporary trouble, or the limits of this process"
        " alone.",
    )


def build(settings: Settings, assembly: Assembly) -> Volatile:
    """ValueError when the settings do not go together."""
    return made(settings, assembly)


def made(settings: Settings, assembly: Assembly, now: str | None = None) -> Volatile:
    """`now` is the clock in the scripts' own language; None: the server's."""
    from mailtwist.state.volatile.redis.calls import Calls
    from mailtwist.state.volatile.redis.floor import WithFloor
    from mailtwist.state.volatile.redis.scripts import NOW
    from mailtwist.state.volatile.redis.state import RedisState
    from mailtwist.state.volatile.redis.words import Words

    clock: Clock = assembly.clock
    is_local = settings.when_away == "local"
    reach = reached(settings, clock)
    prefix = b"{%s}:" % settings.prefix.encode()
    codes = "judged by the limits of each process" if is_local else "temporary trouble"
    calls = Calls(reach, str(settings.url), clock, codes, now or NOW)
    state = RedisState(calls, Words(calls, reach, prefix, clock), prefix, clock)
    if not is_local:
        return state
    memory = installed("mailtwist.state")["memory"].load()
    return WithFloor(state, memory.build(memory.settings(), assembly), clock)


def _problems(settings: Settings) -> Iterator[str]:
    if settings.sentinels and settings.url.scheme == "unix":
        yield "sentinels lead to hosts, not to a socket; write url = redis://<name of the master>"
    if settings.key is not None and settings.certificate is None:
        yield "there is a key without its certificate; write certificate, too"
    if not settings.url.is_tls and (settings.authorities or settings.certificate or settings.server_name):
        yield "certificates and names are checked with TLS only; write url = rediss://..."
    if settings.user and settings.password is None:
        yield "there is a user without a password; write password, too"
    if settings.sentinel_user and settings.sentinel_password is None:
        yield "there is a sentinel_user without a password; write sentinel_password, too"


def reached(settings: Settings, clock: Clock) -> "Reach":
    """How connections are made.  ValueError when the settings do not go together."""
    from mailtwist.state.volatile.redis.connection import Login, Reach, Sentinels

    if problem := next(_problems(settings), ""):
        raise ValueError(problem)
    trust = Trust(settings.authorities, settings.server_name, settings.certificate, settings.key)
    sentinels = None
    if settings.sentinels:
        login = Login(settings.sentinel_user, settings.sentinel_password)
        sentinels = Sentinels(settings.sentinels, settings.url.server.host, login)
    login = Login(settings.user, settings.password)
    return Reach(settings.url, login, trust, sentinels, settings.timeout, clock)


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """It is reached once, and nothing is written."""
    try:
        link = await reached(settings, assembly.clock).commands(lambda report: None)
    except (StateAway, ValueError) as error:
        return [("url", f"Redis cannot be used: {getattr(error, 'detail', error)}")]
    link.give_up("it has been tried")
    await link.lost()
    return []


part = Part(Settings, build, check)
