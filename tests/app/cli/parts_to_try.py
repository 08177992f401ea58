"""Directories and factors that do what parts of others may do, for whoever tries them."""

import base64
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any
from urllib.parse import quote

from mailtwist.auth.api import AccountUnavailable, Bearer, LoginRefused, LoginUnavailable, Person
from mailtwist.auth.factors.api import NO_STEP, Asked, Proof
from mailtwist.config.installed import installed
from mailtwist.config.part import Assembly, Part
from mailtwist.config.secret import Secret
from mailtwist.config.settings import setting
from mailtwist.kit.steps import step

ANN = Person("account-of-ann", "ann@example.org", ("ann@example.org",), True, ("staff",))
EVE = Person("account-of-eve", "eve@example.org", enabled=False)
LATER = 32_503_680_000.0
"""In the year 3000."""
PASSWORD, CODE = b"p\xc3\xa4ss 'w@rd", "246810"
OPENED: list["Opened"] = []
ASKED: list[Any] = []
"""What was asked, by whom: tests empty it."""


@dataclass(frozen=True)
class Settings:
    """What it does."""

    key: Secret | None = setting(None, words="A key of the service.")
    does: str = setting("", words="What goes wrong.")


class Opened:
    closed = False

    async def close(self) -> None:
        self.closed = True


class OneDirectory:
    """Knows ann and eve.  `does`: `away` and `account` raise what they are, `leak` says the password in all
    kinds of ways and ends with a driver's exception that has it too, `unknown` knows nobody."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._does = settings.does
        self._key = settings.key
        self._threads = assembly.threads

    async def find(self, name: str) -> Person | None:
        ASKED.append(("find", name))
        if self._does == "away":
            raise LoginUnavailable("ldap.example.org did not answer within 5 s")
        step("searched for {name}", name=name)
        known = {} if self._does == "unknown" else {"ann@example.org": ANN, "eve@example.org": EVE}
        return known.get(name)

    async def accepts(self, person: Person, password: bytes) -> bool:
        ASKED.append(("accepts", person.name, password))
        await self._threads.run(step, "the hash is of the scheme {{SSHA}} of {name}", name=person.name)
        if self._does == "account":
            raise AccountUnavailable("the stored hash cannot be used")
        if self._does == "leak":
            self._leak(password)
        return password == PASSWORD

    def _leak(self, password: bytes) -> None:
        text, key = password.decode(), self._key.reveal() if self._key else ""
        for spelt in (text, repr(text), repr(password), quote(password), base64.b64encode(password).decode()):
            step("bound with {spelt} as {key}\n\x1b[2J", spelt=spelt, key=key)
        raise RuntimeError(f"could not connect: user=app password={key} {password!r}")


class OpeningDirectory(OneDirectory):
    async def place(self, person: Person, request: Any) -> str:
        if self._does == "nowhere":
            raise LoginUnavailable("mail.example.org is known to be away")
        return "mail.example.org"

    async def open(self, person: Person, password: bytes, request: Any) -> Opened | None:
        ASKED.append(("open", request.protocol, request.address, request.secret))
        if self._does == "behind":
            raise LoginRefused("refused-behind")
        if password != PASSWORD:
            return None
        OPENED.append(Opened())
        return OPENED[-1]


class TokenDirectory(OneDirectory):
    async def bearer(self, name: str, token: bytes) -> Bearer | None:
        step("the token is signed by {token}", token=token.decode())
        if self._does == "issuer":
            raise LoginUnavailable("https://issuer.example/jwks: 503")
        if token == b"eves":
            return Bearer(EVE, True, LATER)
        if token == b"over":
            return Bearer(ANN, True, 1_000_000_000.0)
        return Bearer(ANN, self._does != "alone", LATER) if token == b"right" else None


class OneFactor:
    """Six digits.  `does`: `away`, `some` (not for people of example.org), `leak`."""

    kind = "elsewhere"

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._does = settings.does

    def looks_like(self, text: str) -> bool:
        return text.isascii() and text.isdigit() and len(text) == 6

    async def enrolled(self, account: str) -> bool:
        return True

    async def verify(self, asked: Asked, code: str) -> Proof | None:
        ASKED.append(asked)
        step("posted to https://otp.example: 200")
        if self._does == "away":
            raise LoginUnavailable("https://otp.example: 502")
        if self._does == "leak":
            raise ValueError(code)
        return Proof("elsewhere:mark", NO_STEP, self.kind) if code == CODE else None


class SomeFactor(OneFactor):
    def serves(self, person: Person) -> bool:
        return not person.name.endswith("@example.org")


class AskingFactor(OneFactor):
    longest = 20.0

    async def approved(self, asked: Asked) -> Proof | None:
        ASKED.append(asked)
        step("asked him on his phone")
        if self._does == "away":
            raise LoginUnavailable("https://push.example: 500")
        return None if self._does == "no" else Proof("a:b", NO_STEP, self.kind)


class BothFactor(OneFactor):
    async def verify_both(self, asked: Asked, password: bytes, code: str) -> Proof | None:
        right = (password, code) == (PASSWORD, CODE)
        return Proof("a:b", NO_STEP, self.kind, password=True) if right else None

    async def still_right(self, asked: Asked, since: float) -> bool:
        return True


one_directory, opening_directory, token_directory = (
    Part(Settings, kind) for kind in (OneDirectory, OpeningDirectory, TokenDirectory)
)
one_factor, some_factor, asking_factor, both_factor = (
    Part(Settings, kind) for kind in (OneFactor, SomeFactor, AskingFactor, BothFactor)
)


def parts(group: str) -> dict[str, EntryPoint]:
    """What is installed, and these: `one`, `opening`, `token`; `one`, `some`, `asking`, `both`."""
    room = group.partition(".")[2]
    found = installed(group)
    names = {"directory": ("one", "opening", "token"), "factor": ("one", "some", "asking", "both")}
    for name in names.get(room, ()):
        found[name] = EntryPoint(name, f"{__name__}:{name}_{room}", group)
    return found
