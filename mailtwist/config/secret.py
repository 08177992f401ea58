"""Passwords and keys: in the ini file, or better in a file, the environment, a systemd credential."""

import hmac
import os
from pathlib import Path
from typing import ClassVar, Self

from mailtwist.config.problems import Sentence

NO_SECRET_FILE = Sentence("secret-file", 'the secret in "{path}" cannot be read: {reason}')
EMPTY_SECRET = Sentence("secret-empty", 'the secret in "{where}" is empty')
LONG_SECRET = Sentence("secret-long", 'the secret in "{where}" has more than 65536 octets')
SECRET_NOT_TEXT = Sentence("secret-not-text", 'the secret in "{where}" is not text in UTF-8')
NO_VARIABLE = Sentence("secret-env", "the environment has no variable {name}; set it, or write file:/path")
NO_CREDENTIALS = Sentence(
    "secret-no-credentials",
    'there is no $CREDENTIALS_DIRECTORY; give the systemd unit "LoadCredential={name}:/path", '
    "or write file:/path",
)
BAD_CREDENTIAL = Sentence(
    "secret-credential", '"{name}" is not the name of a credential; write it without "/"'
)
NO_REFERENCE = Sentence("secret-nothing", 'nothing follows "{kind}:"; write {kind}:{example}')

_EXAMPLES = {"file": "/path", "env": "NAME", "credential": "NAME"}
_LONGEST = 65536
_OURS_ALONE = {"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "WATCHDOG_PID", "WATCHDOG_USEC"}


def environment_for_others() -> dict[str, str]:
    """What a program that we start may know of our environment: all but the secrets that the config has from
    there, and what systemd has said to this process alone."""
    return {name: value for name, value in os.environ.items() if name not in _OURS_ALONE}


class Secret:
    """A secret that does not show itself.  `hunter2`, `inline:hunter2`, `file:/path`, `env:NAME`,
    `credential:NAME` (in systemd's $CREDENTIALS_DIRECTORY).  Read once, when the config is read; one line
    break at the end of a file does not count.  `str` parses back, except that of an inline secret."""

    kind: ClassVar[str] = "a secret"

    __slots__ = ("_kind", "_value", "_where")

    def __init__(self, value: str) -> None:
        self._kind, self._where = "inline", ""
        self._value: str | None = value

    @classmethod
    def parse(cls, text: str) -> Self:
        kind, colon, rest = text.partition(":")
        if colon and kind in _EXAMPLES:
            if not rest.strip():
                raise NO_REFERENCE.wrong(kind=kind, example=_EXAMPLES[kind])
            secret = cls("")
            secret._kind, secret._where, secret._value = kind, rest.strip(), None
            return secret
        return cls(text.removeprefix("inline:"))

    def within(self, folder: Path) -> Self:
        """The same secret, read; ValueError says why it cannot be."""
        if self._value is None:
            secret = type(self)("")
            secret._kind, secret._where = self._kind, self._where
            if self._kind == "file":
                secret._where = str(folder / self._where)
            secret._value = secret._read()
            return secret
        return self

    def reveal(self) -> str:
        """The secret.  Never fails on one that came from a loaded config."""
        return self._read() if self._value is None else self._value

    def reveal_octets(self) -> bytes:
        """The secret in UTF-8."""
        return self.reveal().encode("utf-8")

    def _read(self) -> str:
        if self._kind == "env":
            return self._variable()
        if self._kind == "credential":
            return self._file(self._credential())
        return self._file(self._where)

    def _variable(self) -> str:
        value = os.environb.get(self._where.encode("utf-8"))
        if value is None:
            raise NO_VARIABLE.wrong(name=self._where)
        _OURS_ALONE.add(self._where)
        return self._text(value)

    def _credential(self) -> str:
        if "/" in self._where or self._where in (".", ".."):
            raise BAD_CREDENTIAL.wrong(name=self._where)
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise NO_CREDENTIALS.wrong(name=self._where)
        return os.path.join(folder, self._where)

    def _file(self, path: str) -> str:
        try:
            with open(path, "rb") as file:
                value = file.read(_LONGEST + 2)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise NO_SECRET_FILE.wrong(path=path, reason=reason) from error
        return self._text(value.removesuffix(b"\n").removesuffix(b"\r"))

    def _text(self, value: bytes) -> str:
        if not value:
            raise EMPTY_SECRET.wrong(where=self)
        if len(value) > _LONGEST:
            raise LONG_SECRET.wrong(where=self)
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise SECRET_NOT_TEXT.wrong(where=self) from None

    def __str__(self) -> str:
        return "(hidden)" if self._kind == "inline" else f"{self._kind}:{self._where}"

    def __repr__(self) -> str:
        return f"<Secret {self}>"

    def __eq__(self, other: object) -> bool:
        """The same secret, from the same place."""
        if not isinstance(other, Secret):
            return NotImplemented
        ours, theirs = ((one._value or "").encode("utf-8", "surrogatepass") for one in (self, other))
        same = hmac.compare_digest(ours, theirs)
        return same and (self._kind, self._where) == (other._kind, other._where)

    def __hash__(self) -> int:
        return hash((self._kind, self._where))

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")
