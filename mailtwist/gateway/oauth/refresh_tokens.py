"""Access tokens by the refresh tokens of our own accounts: Microsoft 365, Google, and others.  rfc6749#6"""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from mailtwist.config.part import Assembly, Part
from mailtwist.config.places import File
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, Secret
from mailtwist.gateway.oauth.connecting import Connecting
from mailtwist.gateway.oauth.held import AccessTokens
from mailtwist.gateway.oauth.http import Asking, Client
from mailtwist.gateway.oauth.providers import Provider, ProviderName, Tenant, Url, provider
from mailtwist.state.grants import Grants
from mailtwist.state.process import durable, keys, volatile


@dataclass(frozen=True)
class Settings:
    """Access tokens for servers behind us that take no password, by refresh tokens that are kept here,
    sealed. Accounts are connected with `mailtwist oauth connect`."""

    provider: ProviderName = setting(
        "other", words="Whose the addresses and the scope are, where they are not set here."
    )
    tenant: Tenant = setting(
        Tenant("organizations"),
        words="With `provider = microsoft`: whose accounts these are.",
        example="example.onmicrosoft.com",
    )
    client_id: str = setting(
        words="What the provider calls this server, from its page for registered applications.",
        example="00000000-0000-0000-0000-000000000000",
    )
    client_secret: Secret | None = setting(
        None,
        words="The secret that goes with it; applications that are registered as public have none.",
        example="file:/etc/mailtwist/client-secret",
    )
    secret_in: Literal["form", "header"] = setting("form", words="Where the provider wants the secret.")
    token_url: Url | None = setting(
        None, words="Where access tokens come from.", example="https://login.example.org/token"
    )
    device_url: Url | None = setting(
        None,
        words="Where `mailtwist oauth connect` begins: the device authorization endpoint.",
        example="https://login.example.org/device",
    )
    browser_url: Url | None = setting(
        None,
        words="Where `mailtwist oauth connect --browser` begins: the authorization endpoint.",
        example="https://login.example.org/authorize",
    )
    scope: str = setting(
        "", words="What the tokens are for, with blanks between.", example="mail offline_access"
    )
    roots: File | None = setting(
        None,
        words="Certificates in PEM that the provider's is trusted by, in place of the system's.",
        example="ca.pem",
    )
    time: Annotated[Duration, AtLeast(1), AtMost(60)] = setting(
        Duration(10), words="How long an answer of the provider may take."
    )

    @property
    def there(self) -> Provider:
        """What is set, or else the provider's own."""
        usual = provider(self.provider, self.tenant)
        return replace(
            usual,
            token_url=self.token_url or usual.token_url,
            device_url=self.device_url or usual.device_url,
            browser_url=self.browser_url or usual.browser_url,
            scope=self.scope or usual.scope,
        )


NOWHERE = 'write a token_url, or "provider = microsoft" or "provider = google"'


class RefreshTokens(AccessTokens):
    """`gateway.api.TokenSource`, `gateway.oauth.api.SupportsConnecting`."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        if not settings.there.token_url:
            raise ValueError(NOWHERE)
        secret = settings.client_secret.reveal() if settings.client_secret else ""
        client = Client(settings.client_id, secret, header=settings.secret_in == "header")
        asking = Asking(assembly.clock, settings.time, settings.roots)
        grants = Grants(durable(assembly), keys(assembly), assembly.clock)
        super().__init__(
            assembly.name, settings.there, client, asking, grants, volatile(assembly), assembly.clock
        )
        self.connecting = Connecting(settings.there, client, asking, assembly.clock)

    async def connect(self, account: str, name: str, refresh_token: str) -> None:
        await self.grants.put(account, self.name, name, refresh_token)

    async def disconnect(self, account: str) -> bool:
        return await self.grants.forget(account, self.name)


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    return [] if settings.there.token_url else [("token_url", NOWHERE)]


part = Part(Settings, RefreshTokens, check)
