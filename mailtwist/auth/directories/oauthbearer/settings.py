"""What an operator says about an identity provider: whose tokens count, for whom, and for how much."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

from mailtwist.config.authority import HttpsUrl
from mailtwist.config.problems import shown
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, File, Hostnames, Names, Secret
from mailtwist.config.words import split

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""Those of public keys.  `none` is no signature, and with HS256 a key that everybody may read would be the
secret."""

NO_URL = '"{}" is no address of HTTPS; write "https://login.example.org/realms/main"'
NO_ALGORITHM = '"{}" is no algorithm of public keys; these are: ' + ", ".join(ALGORITHMS)
NO_CLAIM = '"{}" is no claim with a value; write "tid: 72f988bf"'


class Url(HttpsUrl):
    """An address to which tokens or secrets go, or from which keys come."""

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            return super().parse(text)
        except ValueError:
            raise ValueError(NO_URL.format(shown(text))) from None


class Algorithms(Names):
    """Algorithms of signatures."""

    kind: ClassVar[str] = "algorithms"

    @classmethod
    def parse(cls, text: str) -> Self:
        names = super().parse(text)
        for name in names:
            if name not in ALGORITHMS:
                raise ValueError(NO_ALGORITHM.format(shown(name)))
        return names


class Claims(tuple[tuple[str, str], ...]):
    """Claims with a value that each has to have."""

    kind: ClassVar[str] = "claims with values"

    @classmethod
    def parse(cls, text: str) -> Self:
        return cls(_claim(item) for item in split(text))

    def __str__(self) -> str:
        return ", ".join(f"{name}: {value}" for name, value in self)


def _claim(text: str) -> tuple[str, str]:
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not (name and colon and value):
        raise ValueError(NO_CLAIM.format(shown(text)))
    return name, value


@dataclass(frozen=True)
class Settings:
    """People by the access tokens of an identity provider (OpenID Connect, OAuth 2), in the place of a
    password: SASL OAUTHBEARER and XOAUTH2."""

    issuer: Url = setting(
        words="The provider, exactly as its tokens have it in `iss`. Where its keys are, it says below"
        " `/.well-known/`.",
        example="https://login.example.org/realms/main",
    )
    audience: Names = setting(
        words="For whom tokens have to be made: one of these is in their `aud`. It has to be this mail"
        " server's own, or the tokens of any other service would open mailboxes.",
        example="mail.example.org",
    )
    jwks: Url | None = setting(
        None,
        words="Where the provider's keys are, if it does not say so itself.",
        example="https://login.example.org/keys",
    )
    algorithms: Algorithms = setting(
        Algorithms(("RS256", "PS256", "ES256", "EdDSA")), words="By which algorithms tokens may be signed."
    )
    introspection: Url | None = setting(
        None,
        words="Where the provider is asked about each token, in the place of keys: for tokens that are not"
        " signed, or that may be withdrawn at any time.",
        example="https://login.example.org/introspect",
    )
    client_id: str = setting("", words="What it calls us there.", example="mailtwist")
    client_secret: Secret | None = setting(
        None, words="The secret that goes with it.", example="file:/etc/mailtwist/client-secret"
    )
    name_claim: str = setting(
        "email", words="The claim in which the login name is: `email`, `upn`, `preferred_username`."
    )
    unverified_email: bool = setting(
        False,
        words="Whether `email` counts although `email_verified` does not say true: only where people cannot"
        " change it themselves.",
    )
    domains: Hostnames = setting(
        Hostnames(),
        words="The domains whose people are this provider's: no other names are believed of it, and"
        " everybody in them has an account here, also who is in no other directory. By default another one"
        " has to know them.",
        example="example.org",
    )
    scope: Names = setting(Names(), words="Scopes that a token has to have, all of them.", example="mail")
    required_claims: Claims = setting(
        Claims(), words="Claims that a token has to have, with their values.", example="tid: 72f988bf"
    )
    second_factor: bool = setting(
        False,
        words="Whether the provider is believed when it says, by `acr` or `amr`, that a second factor was"
        " shown. By default a token is no more than a password, and not enough where a second factor is"
        " needed.",
    )
    acr: Names = setting(
        Names(),
        words="What says so in the token's `acr` (or Microsoft's `acrs`): one of these.",
        example="https://refeds.org/profile/mfa",
    )
    amr: Names = setting(Names(), words="What says so in its `amr`: one of these.", example="mfa, otp, hwk")
    factor_age: Duration | None = setting(
        None,
        words="How long ago that may have been (`auth_time`) for the token to count as both.",
        example="30 d",
    )
    end_at_expiry: bool = setting(
        False,
        words="Whether a session ends when the token that opened it is over, after an hour, say. A mail"
        " program that is in the middle of something has to begin again then; and who may log in no more, is"
        " out.",
    )
    clock_skew: Annotated[Duration, AtMost(300)] = setting(
        Duration(60), words="How much the provider's clock and ours may differ."
    )
    keys_for: Annotated[Duration, AtLeast(60), AtMost(86400)] = setting(
        Duration(3600), words="How long its keys are used before it is asked again."
    )
    remembered: Annotated[Duration, AtMost(3600)] = setting(
        Duration(0),
        words="How long an answer about a token counts (`introspection`): for so long one that was withdrawn"
        " still opens.",
    )
    roots: File | None = setting(
        None,
        words="Certificates in PEM that the provider's is trusted by, in place of the system's.",
        example="ca.pem",
    )
    timeout: Annotated[Duration, AtLeast(1), AtMost(30)] = setting(
        Duration(5), words="How long an answer of the provider may take."
    )

    def __post_init__(self) -> None:
        for name, words in _conflicts(self):
            raise ValueError(f"{name}: {words}")


def _conflicts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Settings that cannot be meant together: the setting, and what to write instead."""
    if not settings.audience:
        yield "audience", "write for whom its tokens are; without that, those of any service would do"
    yield from _of_introspection(settings)
    yield from _of_factor(settings)


def _of_introspection(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.introspection is None:
        for name in ("client_id", "client_secret"):
            if getattr(settings, name):
                yield name, f'{name} is for "introspection"; take it out'
    elif not (settings.client_id and settings.client_secret):
        yield "client_id", 'whoever asks about tokens says who he is; write "client_id" and "client_secret"'
    elif settings.jwks is not None:
        yield "jwks", 'with "introspection" the provider is asked, and no key is needed; take one of them out'


def _of_factor(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.second_factor:
        if not (settings.acr or settings.amr):
            yield "second_factor", 'write what its tokens say of one, as "acr = ..." or "amr = ..."'
        return
    for name in ("acr", "amr", "factor_age"):
        if getattr(settings, name):
            yield name, f'{name} is for "second_factor = yes"; write that, or take it out'
