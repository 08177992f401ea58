"""The contracts, kept with keys and with introspection; what is a password elsewhere is none here."""

from typing import Any

from mailtwist.auth.api import SupportsBearer
from mailtwist.auth.directories.oauthbearer.settings import Url
from mailtwist.config.values import Hostnames, Secret
from mailtwist.testing.bearer import BearerContract
from mailtwist.testing.directory import HOSTILE, HOSTILE_PASSWORDS, NAME, PASSWORD
from tests.auth.directories.oauth_case import Case
from tests.auth.directories.oauth_provider import AUDIENCE, CLIENT, OTHER_RSA, SECRET


class ByKeys(BearerContract, Case):
    async def make_directory(self) -> SupportsBearer:
        return self.directory

    async def token(self, name: str = NAME) -> bytes:
        return self.provider.token(email=name)

    async def another_one(self) -> bytes:
        return self.provider.token(key=OTHER_RSA)

    async def take_away(self) -> None:
        await self.provider.stop()


class ByIntrospection(ByKeys):
    def settings(self, **more: Any) -> Any:
        introspection = Url(f"{self.provider.host}/introspect")
        its = {"introspection": introspection, "client_id": CLIENT, "client_secret": Secret(SECRET)}
        return super().settings(**its, **more)

    async def token(self, name: str = NAME) -> bytes:
        token = f"opaque-of-{name.partition('@')[0]}"
        self.provider.active[token] = {"aud": AUDIENCE, "email": name, "email_verified": True}
        return token.encode()

    async def another_one(self) -> bytes:
        return b"opaque-of-nobody"


class NoPasswords(Case):
    async def test_no_octets_are_anybodys_password(self) -> None:
        self.build(domains=Hostnames(("example.org",)))
        person = await self.directory.find(NAME)
        assert person is not None
        for password in (PASSWORD, self.provider.token(), b"", *HOSTILE_PASSWORDS):
            self.assertIs(await self.directory.accepts(person, password), False)

    async def test_hostile_names_are_nobody(self) -> None:
        self.build(domains=Hostnames(("example.org",)))
        for name in HOSTILE:
            if not name.endswith("@example.org"):
                self.assertIsNone(await self.directory.find(name), name)
                self.assertIsNone(await self.directory.recipient(name), name)
