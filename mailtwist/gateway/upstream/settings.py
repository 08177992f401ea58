"""The settings of a server behind us, and what cannot be meant by them together."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from mailtwist.config.network import Hostname
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, Duration, File, Names, PartName, Secret
from mailtwist.gateway.api import Kind
from mailtwist.gateway.dial import Way
from mailtwist.tls.verdict import Pins

LOGS_IN: tuple[Kind, ...] = ("imap", "pop3", "submission", "sieve")
"""Kinds where somebody logs in."""


NOTHING_SERVED = 'nothing is served there; write "imap = 993 implicit", say'


@dataclass(frozen=True)
class Settings:
    """A mail server behind the gateway, or several that are alike."""

    hosts: Names = setting(
        words="Its name or address; several are a pool whose servers hold the same mail.",
        example="mail.inside.example",
    )
    imap: Way | None = setting(
        None,
        words="How IMAP is reached there: the port, and `implicit`, `starttls` or `plain`. A protocol that is"
        " left out is not served.",
        example="993 implicit",
    )
    pop3: Way | None = setting(None, words="The same for POP3.", example="995 implicit")
    submission: Way | None = setting(
        None, words="The same for submission, where mail programs log in and send.", example="587 starttls"
    )
    smtp: Way | None = setting(
        None, words="The same for SMTP where nobody logs in, port 25.", example="25 starttls"
    )
    lmtp: Way | None = setting(
        None, words="The same for LMTP, which may be a socket too: `unix:/path`.", example="24 plain"
    )
    sieve: Way | None = setting(None, words="The same for ManageSieve.", example="4190 starttls")
    roots: File | None = setting(
        None,
        words="A PEM file of the authorities, or certificates, that are trusted there, not the system's.",
        example="inside-ca.pem",
    )
    tls_policy: Literal["verify", "opportunistic"] = setting(
        "verify",
        words="Its certificate has to be right (`verify`); or, where it serves smtp and lmtp alone and hears"
        " no password, any certificate does, and so does STARTTLS that is not offered: what is wrong is"
        " logged (`opportunistic`).",
    )
    verify_name: str = setting(
        "",
        words="The name that its certificate has to be valid for, and that it is asked for, if it is not that"
        " of the host.",
        example="mail.example.org",
    )
    pins: Pins = setting(
        Pins(),
        words="The SHA-256 of its public keys: a certificate with one of them is right, and no other one.",
        example="sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    )
    certificate: File | None = setting(
        None, words="The certificate that we show there, in PEM.", example="gateway.pem"
    )
    key: File | None = setting(None, words="Its key, if it is in another file.", example="gateway.key")
    login: Literal["passthrough", "master", "sealed", "xoauth2", "token", "none"] = setting(
        "passthrough",
        words="How we log in there: with the client's own password without the second factor "
        " (`passthrough`); as a master user (`master`); with the password that is sealed in an app password"
        " (`sealed`); with an access token of ours (`xoauth2`), or the one that the client has shown"
        " here (`token`); or not at all (`none`): submission then tells a"
        " Postfix that trusts us who it is.",
    )
    master_user: str | None = setting(
        None, words="The user who may log in there as anybody, for `login = master`.", example="gateway"
    )
    master_password: Secret | None = setting(
        None, words="That user's password.", example="file:/etc/mailtwist/master-password"
    )
    master_form: Literal["*", "authzid"] = setting(
        "*",
        words="How the master user says whom he means: `user*master`, as Dovecot has it, or in the field that"
        " SASL PLAIN has for that.",
    )
    oauth: Annotated[str | None, PartName("oauth")] = setting(
        None, words="The `[oauth:...]` that has the access tokens, for `login = xoauth2`.", example="office"
    )
    user_name: Literal["canonical", "typed", "local"] = setting(
        "canonical",
        words="What users are called there: their login name here (`canonical`), what the client wrote"
        " without `DOMAIN\\` (`typed`), or what stands before the @ (`local`).",
    )
    domain: Hostname | None = setting(
        None,
        words="With `user_name = local`: the one domain whose people it knows; by default the"
        " `default_domain` of [login].",
        example="example.org",
    )
    proxy: Literal["none", "v1", "v2"] = setting(
        "none",
        words="The PROXY protocol tells it who the client is; it has to expect that from our address.",
    )
    xclient: bool = setting(
        True,
        words="XCLIENT tells it who the client is, where it offers that: Postfix and Dovecot do to addresses"
        " that they trust. Not for IMAP, which has ID.",
    )
    id: bool = setting(
        True, words="IMAP's ID tells it who the client is; a Dovecot that trusts our address believes it."
    )
    pipelining: bool = setting(
        True, words="A command may be sent before the one before it is answered; not to an old Exchange."
    )
    connect_time: Annotated[Duration, AtLeast(0.1)] = setting(
        Duration(10), words="How long a connection may take, with TLS."
    )
    login_time: Annotated[Duration, AtLeast(1)] = setting(
        Duration(30), words="How long a login may take, from the connection to the answer."
    )
    check_every: Annotated[Duration, AtLeast(1)] = setting(
        Duration(30), words="How often a server is asked whether it still serves."
    )
    troubles: Annotated[int, AtLeast(1)] = setting(
        3, words="After how many troubles of different clients it is left alone for a while."
    )
    pause: Annotated[Duration, AtLeast(0.5)] = setting(
        Duration(5), words="How long it is left alone at first; doubled each time, up to a minute."
    )
    connections: Annotated[int, AtLeast(0)] = setting(
        0, words="The most connections to one of its hosts; 0 is any number."
    )

    def __post_init__(self) -> None:
        for name, words in _conflicts(self):
            raise ValueError(f"{name}: {words}")

    def ways(self) -> Mapping[Kind, Way]:
        """How each kind that is served is reached."""
        every: dict[Kind, Way | None] = {
            "imap": self.imap,
            "pop3": self.pop3,
            "submission": self.submission,
            "smtp": self.smtp,
            "lmtp": self.lmtp,
            "sieve": self.sieve,
        }
        return {kind: way for kind, way in every.items() if way is not None}


def _conflicts(settings: Settings) -> Iterator[tuple[str, str]]:
    """Settings that cannot be meant together: the setting, and what to write instead."""
    yield from _of_login(settings)
    yield from _of_tls(settings)


def _of_login(settings: Settings) -> Iterator[tuple[str, str]]:
    login = settings.login
    for name in ("master_user", "master_password"):
        given = getattr(settings, name) is not None
        if given != (login == "master"):
            wrong = f'{name} is for "login = master"; take it out' if given else f'write "{name} = ..."'
            yield name, wrong
    if (settings.oauth is not None) != (login == "xoauth2"):
        yield "oauth", 'oauth and "login = xoauth2" go together; write both or none'
    if settings.domain is not None and settings.user_name != "local":
        yield "domain", 'domain is for "user_name = local"; take it out'
    if login == "none":
        yield from _of_none(settings)


def _of_none(settings: Settings) -> Iterator[tuple[str, str]]:
    for kind in LOGS_IN:
        if kind in settings.ways() and kind != "submission":
            yield (
                kind,
                f'without a login there is no {kind}; write another "login", or an upstream of its own',
            )
    if settings.submission is not None and not settings.xclient:
        yield "xclient", 'submission without a login tells who it is by XCLIENT; write "xclient = yes"'


def _of_tls(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.key is not None and settings.certificate is None:
        yield "key", 'a key needs its certificate; write "certificate = ..."'
    if settings.tls_policy != "verify" and (kinds := [one for one in LOGS_IN if one in settings.ways()]):
        yield (
            "tls_policy",
            f"{kinds[0]} hands over whom it is for, which only the right server may hear; write"
            ' "tls_policy = verify", or an upstream of its own for smtp and lmtp',
        )
    if settings.ways() and all(way.security == "plain" for way in settings.ways().values()):
        for name in ("roots", "verify_name", "pins", "certificate"):
            if getattr(settings, name):
                yield name, f'{name} is for TLS, and all is "plain" here; write "implicit" or "starttls"'
