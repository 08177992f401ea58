"""What an operator says of a Redis: where it is, who we are there, and by which certificates it is known."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from mailtwist.config.places import File
from mailtwist.config.secret import Secret
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration
from mailtwist.kit.clock import Clock
from mailtwist.state.redis.place import Servers, Trust, Url

if TYPE_CHECKING:
    from mailtwist.state.redis.connection import Reach


@dataclass(frozen=True)
class RedisSettings:
    """A Redis, alone or behind Sentinels."""

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
    timeout: Annotated[
        Duration, AtLeast(0.1, "slower than any network"), AtMost(10, "a login waits for it")
    ] = setting(Duration(2), words="How long an answer is waited for before Redis counts as away.")


def reached(settings: RedisSettings, clock: Clock, only_reads: bool = False) -> "Reach":
    """How connections are made.  ValueError when the settings do not go together."""
    from mailtwist.state.redis.connection import Login, Reach, Sentinels

    if problem := next(_problems(settings), ""):
        raise ValueError(problem)
    trust = Trust(settings.authorities, settings.server_name, settings.certificate, settings.key)
    sentinels = None
    if settings.sentinels:
        login = Login(settings.sentinel_user, settings.sentinel_password)
        sentinels = Sentinels(settings.sentinels, settings.url.server.host, login)
    login = Login(settings.user, settings.password)
    return Reach(settings.url, login, trust, sentinels, settings.timeout, clock, only_reads)


def _problems(settings: RedisSettings) -> Iterator[str]:
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
