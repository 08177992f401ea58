"""A RADIUS server judges codes, or asks people on their phones.  rfc2865"""

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, ClassVar, Self

from mailtwist.auth.api import AccountUnavailable
from mailtwist.auth.factors.api import NO_STEP, Asked, Proof
from mailtwist.auth.factors.elsewhere import Elsewhere, ElsewhereSettings, FactorAway
from mailtwist.auth.factors.radius.packets import (
    LONGEST,
    LONGEST_PASSWORD,
    Answer,
    Code,
    Fact,
    Facts,
    library,
)
from mailtwist.auth.factors.radius.server import SILENT, Server, Silent
from mailtwist.auth.factors.radius.servers import Places, Servers
from mailtwist.config.part import Assembly, Part
from mailtwist.config.problems import shown
from mailtwist.config.secret import Secret
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration
from mailtwist.kit.events import Event
from mailtwist.kit.ids import new_id
from mailtwist.kit.resolver import Resolver
from mailtwist.kit.steps import step

KIND = "radius"

CHALLENGED = Event(
    "radius.challenged",
    "[factor:{factor}] the server answers a code with a question of its own (Access-Challenge): it wants"
    " something else than the code alone",
    "warn",
)
SHORT_SECRET = Event(
    "radius.short_secret",
    "[factor:{factor}] the secret has less than {least} octets: who reads one packet can find it out",
    "warn",
)

LEAST = 16
"""Octets of a good secret (rfc2865#3)."""

AUTHENTICATE_ONLY = (8).to_bytes(4, "big")
VIRTUAL = (5).to_bytes(4, "big")
"""No port is waiting for him (rfc2865#5.41)."""

MARGIN = 0.05
"""Seconds before its time is over in which a question ends by itself, and it is known why."""

HINT = "; does it know this machine's address, and this secret?"
LONG_IDENTIFIER = '"{text}" is too long for a NAS-Identifier: at most 253 octets'
LONG_PUSH = "a word has at most 128 octets"
FAILOVER_LATER = (
    "`failover` is as long as `timeout`, so the second server is never asked; make `failover` shorter"
)


class Identifier(str):
    """What a RADIUS server knows us by."""

    kind: ClassVar[str] = "a NAS-Identifier"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        if len(text.encode()) > LONGEST:
            raise ValueError(LONG_IDENTIFIER.format(text=shown(text, 40)))
        return cls(text)


class Word(str):
    """What is sent in the place of a code."""

    kind: ClassVar[str] = "a word"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        if len(text.encode()) > LONGEST_PASSWORD:
            raise ValueError(LONG_PUSH)
        return cls(text)


class NasAddress(str):
    """One address of ours."""

    kind: ClassVar[str] = "an address"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            return cls(ip_address(text))
        except ValueError:
            raise ValueError(f'"{shown(text)}" is no address; write "192.0.2.1"') from None


@dataclass(frozen=True)
class Settings(ElsewhereSettings):
    """Codes that a RADIUS server judges, and pushes that it sends.  It hears the name and the code, never the
    password.  Each answer must have a Message-Authenticator."""

    servers: Places = setting(
        words="The servers, each with a port or not (1812), in the order in which they are asked.",
        example="192.0.2.10, 192.0.2.11",
    )
    secret: Secret = setting(
        words="What the servers know this one by: at least 16 octets that nobody can guess; better in a file:"
        " `file:/etc/mailtwist/radius.secret`.",
        example="what `openssl rand -hex 16` says",
    )
    timeout: Annotated[Duration, AtLeast(0.1), AtMost(30)] = setting(
        Duration(10), words="How long one code may take, with all servers that are asked."
    )
    failover: Annotated[Duration, AtLeast(0.1), AtMost(30)] = setting(
        Duration(3),
        words="A server that has said nothing for so long, and does not say that it lives, is left for the"
        " next one, and comes last for half a minute.",
    )
    status_server: bool = setting(
        True,
        words="A server that takes its time is asked whether it lives (Status-Server), before it is left for"
        " the next one.",
    )
    push: Word | None = setting(
        None,
        words="With this word in the place of a code the server asks people on their phones, and answers when"
        " they have; they are asked once the directory has taken the password. Without it nobody is asked.",
        example="push",
    )
    push_timeout: Annotated[Duration, AtLeast(1), AtMost(300)] = setting(
        Duration(30), words="How long people have for an answer on their phones, if the door waits so long."
    )
    nas_identifier: Identifier = setting(
        Identifier(""), words="What the servers call this one; by default its host name.", example="mail"
    )
    nas_ip_address: NasAddress | None = setting(
        None, words="The address by which the servers know this one, if they ask for it.", example="192.0.2.1"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.servers) > 1 and self.failover >= self.timeout:
            raise ValueError(FAILOVER_LATER)


class Unanswered(AccountUnavailable):
    """One question alone has no answer: somebody is slow, on his phone say."""

    def __init__(self, detail: str) -> None:
        super().__init__("factor-away")
        self.detail = detail


class Radius(Elsewhere):
    """`auth.factors.api.Factor` and `SupportsSome`."""

    kind = KIND

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        library()
        super().__init__(settings, assembly)
        self._settings = settings
        self._identity = _identity(settings, assembly.hostname)
        self.servers = Servers(settings.servers, self._server, Resolver(assembly.clock), assembly.clock)

    async def start(self) -> None:
        self.warn()

    def warn(self) -> None:
        """Of what is allowed, and unwise."""
        if len(self._settings.secret.reveal_octets()) < LEAST:
            SHORT_SECRET.log(factor=self._section, least=LEAST)

    async def stop(self) -> None:
        self.servers.stop()

    async def right(self, asked: Asked, name: str, code: str) -> bool:
        """A question of the server's own (Access-Challenge) is no: there is nobody who could answer it."""
        seconds = min(float(self._settings.timeout), asked.seconds)
        answer = await self._asked(asked, name, code, seconds)
        if answer.code is Code.CHALLENGE:
            CHALLENGED.log(factor=self._section)
        return answer.code is Code.ACCEPT

    async def _asked(self, asked: Asked, name: str, password: str, seconds: float) -> Answer:
        facts = [(Fact.USER_NAME, name.encode()), (Fact.SERVICE_TYPE, AUTHENTICATE_ONLY)]
        facts += [(Fact.NAS_PORT_TYPE, VIRTUAL)]
        if asked.address:
            facts += [(Fact.CALLING_STATION_ID, asked.address.encode())]
        if any(len(octets) > LONGEST for _, octets in facts):
            raise Unanswered("the name is too long for RADIUS")
        failover = float(self._settings.failover)
        try:
            answer = await self.servers.ask(facts, password, failover, max(MARGIN, seconds - MARGIN))
        except Silent as silent:
            raise Unanswered(silent.why) if silent.lives else self.away(silent.why) from None
        step("the answer is {code}: {said}", code=answer.code.name, said=shown(answer.words, 200) or "-")
        return answer

    def _server(self, address: str, port: int) -> Server:
        about = self._settings
        return Server(
            self._section,
            address,
            port,
            about.secret,
            self._clock,
            identity=self._identity,
            status=about.status_server,
        )


class RadiusPush(Radius):
    """And `SupportsApproval`.  Of a server that is not asked whether it lives nobody knows whose the silence
    is: the person's trouble, and not all others'."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        super().__init__(settings, assembly)
        assert settings.push is not None
        self._word = settings.push
        self.longest = float(settings.push_timeout)

    async def approved(self, asked: Asked) -> Proof | None:
        """Where the server lives, and nothing comes of it, the person has not answered."""
        if not asked.known:
            return None
        seconds = min(self.longest, asked.seconds)
        try:
            answer = await self._asked(asked, self.name_of(asked), self._word, seconds)
        except Unanswered:
            step("{name} has not answered in {seconds:g} s", name=asked.person.name, seconds=seconds)
            return None
        except FactorAway as away:
            if self._settings.status_server:
                raise
            raise Unanswered(away.detail) from None
        return Proof(f"{self._section}:{new_id()}", NO_STEP, KIND) if answer.code is Code.ACCEPT else None


def _identity(settings: Settings, hostname: str) -> Facts:
    """What is said of us, always: one of the two has to be (rfc2865#4.1)."""
    name = settings.nas_identifier or hostname
    found = [(Fact.NAS_IDENTIFIER, name.encode())]
    if settings.nas_ip_address is not None:
        address = ip_address(settings.nas_ip_address)
        number = Fact.NAS_IP_ADDRESS if address.version == 4 else Fact.NAS_IPV6_ADDRESS
        found.append((number, address.packed))
    return found


def build(settings: Settings, assembly: Assembly) -> Radius:
    return Radius(settings, assembly) if settings.push is None else RadiusPush(settings, assembly)


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """Each server says no to a name that nobody has."""
    radius = build(settings, assembly)
    radius.warn()
    try:
        wrong = await radius.servers.tried(float(settings.failover))
    finally:
        await radius.stop()
    return [("servers", words + (HINT if SILENT in words else "")) for words in wrong]


part = Part(Settings, build, check)
