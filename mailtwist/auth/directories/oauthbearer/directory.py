"""People whom an identity provider knows: `[directory:...] type = oauthbearer`.  rfc7628 rfc9068 rfc7662"""

from collections.abc import Collection
from hashlib import blake2b
from math import inf
from secrets import token_bytes

from mailtwist.auth.api import Bearer, LoginUnavailable, Person
from mailtwist.auth.directories.accounts import account_of
from mailtwist.auth.directories.oauthbearer.claims import Demands, Said
from mailtwist.auth.directories.oauthbearer.issuer import Issuer
from mailtwist.auth.directories.oauthbearer.jwt import NotOurs, Object, parsed
from mailtwist.auth.directories.oauthbearer.keys import missing_library
from mailtwist.auth.directories.oauthbearer.settings import Settings
from mailtwist.auth.directories.remembered import Remembered
from mailtwist.config.part import Assembly, Part
from mailtwist.kit.steps import step
from mailtwist.tls.https import Https

LARGEST = 256 * 1024
"""Octets of an answer: some providers show certificates with their keys."""


class OAuthBearer:
    """`auth.api.Directory`, `SupportsDomains`, `SupportsBearer`.  Nobody has a password here.

    Nobody can ask a provider whom it knows, so in its `domains` everybody may be somebody.  The account id
    comes of the name, as it does in other directories without ids: it is the same by a token and without one,
    and mail finds it before anybody has logged in."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        if problem := _library(settings):
            raise ValueError(problem)
        self._settings = settings
        self._clock = assembly.clock
        self._domains = frozenset(settings.domains)
        self._demands = Demands(settings, assembly.login.default_domain or "")
        self._https = Https(assembly.clock, seconds=settings.timeout, largest=LARGEST, roots=settings.roots)
        self._issuer = Issuer(assembly.name, settings, self._https, assembly.clock)
        self._key = token_bytes(32)
        self._answers: Remembered[bytes, Object] = Remembered(assembly.clock.seconds, settings.remembered)

    async def stop(self) -> None:
        await self._https.stop()

    # -- people
    async def find(self, name: str) -> Person | None:
        return _person(name) if name.rpartition("@")[2] in self._domains else None

    async def recipient(self, address: str) -> Person | None:
        return await self.find(address) if "@" in address else None

    async def domains(self) -> Collection[str]:
        return self._domains

    async def accepts(self, person: Person, password: bytes) -> bool:
        """For everybody alike."""
        step("this directory takes access tokens, and no password of anybody")
        return False

    # -- tokens
    async def bearer(self, name: str, token: bytes) -> Bearer | None:
        try:
            said = await self._said(token)
        except NotOurs as error:
            step("the token is not valid here: {error}", error=error)
            return None
        factor = "with a second factor" if said.factor else "without a second factor that counts"
        step("the token is that of {name}, {factor}", name=said.name, factor=factor)
        ends = self._settings.end_at_expiry and said.expires < inf
        return Bearer(_person(said.name), said.factor, said.expires, ends)

    async def _said(self, token: bytes) -> Said:
        now = self._clock.now()
        if self._settings.introspection is not None:
            return self._demands.met(await self._introspected(token, now), now, introspected=True)
        jwt = parsed(token)
        if jwt.algorithm not in self._settings.algorithms:
            raise NotOurs("it is signed by an algorithm that is not allowed")
        said = self._demands.met(jwt.claims, now, type=jwt.type)  # strangers' tokens make nobody ask for keys
        keys = await self._issuer.keys_for(jwt.kid, jwt.algorithm)
        if not any(key.has_signed(token, jwt.algorithm) for key in keys):
            raise NotOurs("no key of its issuer has signed it")
        step(
            "a key of {issuer} has signed it ({algorithm})",
            issuer=self._settings.issuer,
            algorithm=jwt.algorithm,
        )
        return said

    async def _introspected(self, token: bytes, now: float) -> Object:
        """Whether it is still good is looked at each time, of an answer that is remembered too."""
        mark = blake2b(token, digest_size=16, key=self._key).digest()
        found = self._answers.get(mark, None)
        if found is None:
            found = await self._issuer.introspected(token)
            if found is None:
                raise NotOurs("its issuer says that it is not good")
            self._answers[mark] = found
        return found

    async def check(self) -> list[tuple[str, str]]:
        """What is wrong with the settings, found out by asking."""
        try:
            if self._settings.introspection is not None:
                await self._issuer.introspected(b"mailtwist-check")
            else:
                await self._issuer.read_keys()
        except LoginUnavailable as away:
            where = (
                "introspection"
                if self._settings.introspection
                else "jwks"
                if self._settings.jwks
                else "issuer"
            )
            return [(where, away.reason)]
        return []


def _person(name: str) -> Person:
    return Person(account_of(name), name, (name,) if "@" in name else ())


def _library(settings: Settings) -> str:
    return "" if settings.introspection is not None else missing_library()


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    if problem := _library(settings):
        return [("type", problem)]
    directory = OAuthBearer(settings, assembly)
    try:
        return await directory.check()
    finally:
        await directory.stop()


part = Part(Settings, OAuthBearer, check)
