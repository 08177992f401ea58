"""What a provider gives for a refresh token, and what its refusals mean.  rfc6749#6 rfc6750"""

import re
from dataclasses import dataclass, field

from mailtwist.gateway.oauth.http import Asking, Client, Provided, ProviderAway

CONNECT_AGAIN = frozenset(
    ("invalid_grant", "interaction_required", "consent_required", "login_required", "access_denied")
)
"""What is wrong with one account's refresh token alone; its owner has to say yes again."""

LONGEST = 16 * 1024
"""Characters of a token."""

LIFE, LONGEST_LIFE = 300.0, 86400.0
"""Seconds that an access token is good when the provider does not say; when it says more, so many."""

_TOKEN = re.compile(r"[ -~]+")
_ACCESS_TOKEN = re.compile(r"[!-~]+")


class ConnectAgain(Exception):
    """The provider does not take this refresh token any more, and says why."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """`life`: so many seconds the access token is good from when it was asked for.  `refresh_token`: the one
    to be used next time; '' if there is none."""

    access_token: str = field(repr=False)
    life: float
    refresh_token: str = field(default="", repr=False)
    scope: str = ""


def is_token(text: str) -> bool:
    """It can be a refresh token (rfc6749#A.17)."""
    return len(text) <= LONGEST and _TOKEN.fullmatch(text) is not None


async def refreshed(asking: Asking, url: str, client: Client, refresh_token: str, scope: str) -> Tokens:
    """An access token of now.  `ConnectAgain`, or `ProviderAway` for whatever else can be."""
    fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    if scope:
        fields["scope"] = scope
    provided = await asking.ask(url, client, fields)
    if not provided.error:
        return tokens_of(provided, refresh_token)
    why = client.hidden_in(words_of(provided)).replace(refresh_token, "(token)")
    raise ConnectAgain(why) if provided.error in CONNECT_AGAIN else ProviderAway(f"the provider says {why}")


def tokens_of(provided: Provided, refresh_token: str = "") -> Tokens:
    """What an answer without an error gives (rfc6749#5.1)."""
    access, refresh = provided.text("access_token"), provided.text("refresh_token") or refresh_token
    if provided.text("token_type").lower() != "bearer":
        raise ProviderAway("the provider gives tokens of another type than Bearer")
    if len(access) > LONGEST or not _ACCESS_TOKEN.fullmatch(access) or (refresh and not is_token(refresh)):
        raise ProviderAway("what the provider gives is no token")
    life = provided.seconds("expires_in", LIFE, LONGEST_LIFE)
    return Tokens(access, life, refresh, _printable(provided.text("scope")))


def words_of(provided: Provided) -> str:
    """What the provider says is wrong, fit for the log."""
    more = _printable(provided.text("error_description"))
    return f"{provided.error}: {more}" if more else provided.error


def _printable(text: str) -> str:
    return "".join(c if " " <= c <= "~" else " " for c in text[:300]).strip()
