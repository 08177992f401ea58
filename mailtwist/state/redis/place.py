"""Where Redis is: an address as operators write it, and the certificates by which it is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import unquote, urlsplit

from mailtwist.config.problems import shown
from mailtwist.config.words import repeated, split

HOW = (
    'write "redis://127.0.0.1:6379/0", "rediss://redis.example.org/0" (TLS) or "unix:///run/redis/redis.sock"'
)
SCHEMES = {"redis": 6379, "rediss": 6379, "unix": 0}
SENTINEL_PORT = 26379


@dataclass(frozen=True, slots=True)
class Server:
    """A host and a port.  Without a port it is the path of a socket."""

    kind: ClassVar[str] = "a server"

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            found = urlsplit(f"//{text}")
            if found.hostname and found.netloc == text and "@" not in text:
                return cls(found.hostname, found.port or SENTINEL_PORT)
        except ValueError:
            pass
        raise ValueError(f'"{shown(text)}" is no place of a Sentinel; write "s1.example.org:26379"')

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else self.host


class Servers(tuple[Server, ...]):
    """Servers, none twice; written with commas or on lines of their own."""

    kind: ClassVar[str] = "servers"

    @classmethod
    def parse(cls, text: str) -> Self:
        found = cls(map(Server.parse, split(text)))
        if twice := repeated(found):
            raise ValueError(f'"{shown(str(twice))}" is there twice; write it once')
        return found

    def __str__(self) -> str:
        return ", ".join(map(str, self))


@dataclass(frozen=True, slots=True)
class Url:
    """`redis://host:port/database`, with `rediss` for TLS, or `unix:///path?db=1`."""

    kind: ClassVar[str] = "a Redis url"

    scheme: str
    server: Server
    database: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            url = urlsplit(text)
            port = url.port
        except ValueError:
            raise _no_url(text) from None
        if "@" in url.netloc:
            raise ValueError("a user or password does not go into the url; write them as user and password")
        if url.scheme == "unix" and url.path.startswith("/") and not url.netloc and not url.fragment:
            return cls("unix", Server(unquote(url.path), 0), _database(url.query.removeprefix("db="), text))
        if url.scheme not in SCHEMES or not url.hostname or url.query or url.fragment:
            raise _no_url(text)
        # As it is written: it may be the name of a master, where case counts.
        host = url.hostname if url.netloc.startswith("[") else url.netloc.partition(":")[0]
        server = Server(host, port or SCHEMES[url.scheme])
        return cls(url.scheme, server, _database(url.path.removeprefix("/"), text))

    @property
    def is_tls(self) -> bool:
        return self.scheme == "rediss"

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix://{self.server}" + (f"?db={self.database}" if self.database else "")
        return f"{self.scheme}://{self.server}/{self.database}"


def _no_url(text: str) -> ValueError:
    return ValueError(f'"{shown(text)}" is not where a Redis can be; {HOW}')


def _database(text: str, whole: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) < 6):
        raise _no_url(whole)
    return int(text or 0)


@dataclass(frozen=True)
class Trust:
    """Who may be at the other end.  `authorities` is a PEM file, None: whom the system trusts; `name` is what
    the certificate must be for, '': the host that was asked for; `certificate` and `key` are our own."""

    authorities: Path | None = None
    name: str = ""
    certificate: Path | None = None
    key: Path | None = None

    def options(self, host: str) -> Any:
        """For `wrapClientTLS`.  ValueError says which file cannot be used.  Reads files, and each time, so
        that what is renewed counts from the next connection on."""
        from OpenSSL.SSL import Error
        from twisted.internet import ssl

        try:
            return ssl.optionsForClientTLS(self.name or host, self._roots(ssl), self._ours(ssl))
        except OSError as error:
            raise ValueError(f"{error.filename}: {error.strerror}") from error
        except Error as error:
            raise ValueError(f"{self.certificate or self.authorities} or its key is no PEM") from error

    def _roots(self, ssl: Any) -> Any:
        if self.authorities is None:
            return ssl.platformTrust()
        found: Sequence[Any] = _certificates(ssl, self.authorities)
        return ssl.trustRootFromCertificates(found)

    def _ours(self, ssl: Any) -> Any:
        if self.certificate is None:
            return None
        chain = _certificates(ssl, self.certificate)
        key = ssl.KeyPair.load((self.key or self.certificate).read_bytes(), 1)
        return ssl.PrivateCertificate.fromCertificateAndKeyPair(chain[0], key)


def _certificates(ssl: Any, path: Path) -> list[Any]:
    begin = b"-----BEGIN CERTIFICATE-----"
    found = path.read_bytes().split(begin)[1:]
    if not found:
        raise ValueError(f"{path}: there is no certificate in it")
    return [ssl.Certificate.loadPEM(begin + one) for one in found]
