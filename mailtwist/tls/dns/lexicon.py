"""Records at nearly a hundred DNS providers, by the library dns-lexicon (the extra `mailtwist[lexicon]`)."""

import importlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from twisted.internet.defer import DeferredLock

from mailtwist.config.dns import the_dns
from mailtwist.config.part import Assembly, Part
from mailtwist.config.secret import Secret
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration
from mailtwist.config.words import split
from mailtwist.kit.dns import Dns, DnsAway
from mailtwist.kit.spawn import uninterrupted
from mailtwist.kit.threads import Threads
from mailtwist.kit.within import TooLate, within
from mailtwist.tls.dns.api import NotPublished, Propagation, PublisherSettings, checked

NOT_A_PROVIDER = '{text!r} is no name of a provider; write one as dns-lexicon has it: "gandi"'
NOT_AN_OPTION = '{text!r} is no option; write "auth_username: ann"'
NOT_SECRETS = 'the secret options have to be lines as "auth_token: 5f3a..."; line {line} is none'

NO_NAME = "[::1]"
"""The library guesses the zone of a name by a list that it fetches somewhere, and not that of an address.  We
know the zone."""

NO_LEXICON = "dns-lexicon is not installed; install mailtwist[lexicon]"

_PROVIDER = re.compile(r"[a-z0-9]{1,40}")
_OPTION = re.compile(r"([a-z0-9_-]{1,60})\s*[:=]\s*(\S.*)")


class Provider(str):
    """A provider's name in dns-lexicon."""

    kind: ClassVar[str] = "a DNS provider"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        if not _PROVIDER.fullmatch(text):
            raise ValueError(NOT_A_PROVIDER.format(text=text))
        return cls(text)


class Options(tuple[tuple[str, str], ...]):
    """Options of a provider with their values."""

    kind: ClassVar[str] = "options with values"

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(_option(item) for item in split(text))

    def __str__(self) -> str:
        return ", ".join(f"{name}: {value}" for name, value in self)


def _option(text: str) -> tuple[str, str]:
    found = _OPTION.fullmatch(text.strip())
    if not found:
        raise ValueError(NOT_AN_OPTION.format(text=text))
    return found[1].replace("-", "_"), found[2]


def _secret_options(secret: Secret) -> Iterable[tuple[str, str]]:
    """ValueError with nothing of the secret in its words."""
    for number, line in enumerate(secret.reveal().splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            try:
                yield _option(line)
            except ValueError:
                raise ValueError(NOT_SECRETS.format(line=number)) from None


@dataclass(frozen=True)
class Settings(PublisherSettings):
    """Records at a DNS provider that dns-lexicon knows (the extra `mailtwist[lexicon]`)."""

    provider: Provider = setting(words="Its name in dns-lexicon.", example="gandi")
    options: Options = setting(
        Options(),
        words="What dns-lexicon wants to know for it and anybody may see, by the names of its manual.",
        example="auth_username: ann",
    )
    secrets: Secret | None = setting(
        None,
        words="What nobody may see, in the same way: tokens and passwords, each on a line of the file.",
        example="file:/etc/mailtwist/lexicon",
    )
    ttl: Annotated[int, AtLeast(1), AtMost(86400)] = setting(
        300, words="Seconds for which others may remember a record, if the provider lets that be said."
    )
    timeout: Annotated[Duration, AtLeast(1), AtMost(3600)] = setting(
        Duration(60), words="How long the provider has for a change."
    )

    def __post_init__(self) -> None:
        if self.secrets is not None:
            list(_secret_options(self.secrets))

    def hidden(self) -> dict[str, str]:
        """The secret options with their values."""
        return dict(_secret_options(self.secrets)) if self.secrets else {}


class Lexicon:
    """`tls.dns.api.Publisher`.  One change at a time: some providers know only whole zones, and two who
    change one at once undo each other's work."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self.propagation: Propagation = settings.when()
        self._settings = settings
        self._timeout = float(settings.timeout)
        self._clock = assembly.clock
        self._dns: Dns = assembly.one(the_dns)
        self._threads = Threads("dns-lexicon", 1, lost=True)  # nothing can end a question of the library
        self._one = DeferredLock()

    async def add(self, name: str, value: str) -> None:
        await self._change("create_record", name, value)

    async def remove(self, name: str, value: str) -> None:
        await self._change("delete_record", name, value)

    async def _change(self, what: str, name: str, value: str) -> None:
        checked(name, value)
        provider = self._settings.provider
        try:
            zone = await self._dns.zone(name)
            work = uninterrupted(self._alone(what, zone, name, value))
            wrong = await within(self._clock, self._timeout, work)
        except DnsAway as away:
            raise NotPublished(f"it is not known in which zone {name} is: {away.detail}") from None
        except TooLate:
            raise NotPublished(f"{provider} has not changed {name} in {self._timeout:g} s") from None
        if wrong:
            raise NotPublished(f"{provider}: {name}: {wrong}")

    async def _alone(self, what: str, zone: str, name: str, value: str) -> str:
        """What went wrong.  It goes on when nobody waits any more."""
        await self._one.acquire()
        try:
            return await self._threads.run(changed, self._settings, what, zone, name, value)
        finally:
            self._one.release()


def changed(settings: Settings, what: str, zone: str, name: str, value: str) -> str:
    """What went wrong; '' when the change is made.  Blocks as long as the provider likes."""
    try:
        client, config = _library()
    except ImportError:
        return NO_LEXICON
    hidden = settings.hidden()
    told = {
        "provider_name": settings.provider,
        "domain": NO_NAME,
        "ttl": settings.ttl,
        settings.provider: {"domain": zone, **dict(settings.options), **hidden},
    }
    try:
        made = client.Client(config.ConfigResolver().with_dict(told))
        made.config.add_config_source(config.DictConfigSource({"domain": zone}), 0)
        with made as operations:
            done = getattr(operations, what)(rtype="TXT", name=name, content=value)
    except Exception as error:
        return _safe(f"{type(error).__name__}: {error}", hidden.values())
    return "" if done or what == "delete_record" else "the provider has not taken the record"


def _library() -> tuple[Any, Any]:
    return importlib.import_module("lexicon.client"), importlib.import_module("lexicon.config")


def _safe(text: str, secrets: Iterable[str]) -> str:
    """In one line, without secrets: a library may put a URL with a token into its words."""
    for secret in secrets:
        text = text.replace(secret, "(hidden)")
    words = " ".join(text.split())
    return "".join(c if c.isprintable() else "?" for c in words)[:500]


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """The library is there and knows the provider."""
    return await assembly.threads.run(_checked, settings.provider)


def _checked(provider: str) -> list[tuple[str, str]]:
    try:
        _library()
    except ImportError:
        return [("type", NO_LEXICON)]
    try:
        importlib.import_module(f"lexicon._private.providers.{provider}")
    except ModuleNotFoundError as error:
        if error.name != f"lexicon._private.providers.{provider}":
            return []  # it says so itself, when it is asked for something
        return [("provider", f"dns-lexicon knows no provider {provider}")]
    return []


part = Part(Settings, Lexicon, check)
