"""The section [notices]: how people are told by mail what happened at their account."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import ClassVar, Literal, Self

from mailtwist.config.network import Hostname, NamesBelow
from mailtwist.config.places import File
from mailtwist.config.problems import Sentence
from mailtwist.config.secret import Secret
from mailtwist.config.settings import setting
from mailtwist.config.words import repeated, split

NOT_A_PEER = Sentence("peer", '"{text}" is no server to connect to; write "mail.example.net:587"')
NOT_AN_ADDRESS = Sentence("mail-address", '"{text}" is not a mail address; write "admin@example.org"')
NOT_A_PAIR = Sentence(
    "second-address",
    '"{text}" is not a login name with an address; write "ann@example.org: ann@example.net"',
)
PAIR_TWICE = Sentence("second-address-twice", '"{text}" is there twice; write it once')
HALF_A_LOGIN = Sentence(
    "smarthost-login", "smarthost_user and smarthost_password belong together; write both, or none"
)
LOGIN_IN_CLEAR = Sentence(
    "smarthost-clear", 'no password goes out without TLS; write another smarthost_tls than "none"'
)
LOGIN_TO_ANYBODY = Sentence(
    "smarthost-anybody",
    'no password goes to a server that is not verified; write "smarthost_policy = verify"',
)

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,253}")
_PEER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:\s]+):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Peer:
    """A server to connect to."""

    kind: ClassVar[str] = "a server"

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """`mail.example.net:587`, `192.0.2.1:25`, `[2001:db8::1]:25`"""
        found = _PEER.fullmatch(text)
        if not found or not 0 < int(found[2]) < 65536:
            raise NOT_A_PEER.wrong(text=text)
        host = found[1].strip("[]")
        try:
            return cls(str(ip_address(host)), int(found[2]))
        except ValueError:
            if found[1] != host:
                raise NOT_A_PEER.wrong(text=text) from None
        return cls(Hostname.parse(host), int(found[2]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class MailAddress(str):
    """A plain address, in ASCII."""

    kind: ClassVar[str] = "a mail address"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        if not _ADDRESS.fullmatch(text):
            raise NOT_AN_ADDRESS.wrong(text=text)
        local, _, domain = text.rpartition("@")
        return cls(f"{local}@{Hostname.parse(domain)}")


class SecondAddresses(tuple[tuple[str, MailAddress], ...]):
    """Login names, each with an address; written with commas or on lines of their own."""

    kind: ClassVar[str] = "login names with addresses"

    @classmethod
    def parse(cls, text: str) -> Self:
        pairs = []
        for item in split(text):
            name, colon, address = item.rpartition(":")
            if not colon or not name.strip() or len(name.split()) > 1:
                raise NOT_A_PAIR.wrong(text=item)
            pairs.append((name.strip(), MailAddress.parse(address.strip())))
        if twice := repeated(name for name, _ in pairs):
            raise PAIR_TWICE.wrong(text=twice)
        return cls(pairs)

    def __str__(self) -> str:
        return ", ".join(f"{name}: {address}" for name, address in self)


@dataclass(frozen=True)
class NoticesSettings:
    """Mail to people about their own account: a new device, a new network, a lock, a change of the second
    factor. It is delivered here, or by a smarthost. The section may be left out."""

    send: bool = setting(True, words="Whether such mail is sent.")
    from_: MailAddress | None = setting(
        None,
        words="The address it comes from; by default postmaster at `hostname`.",
        example="it@example.org",
    )
    from_name: str = setting("Mail server", words="The name it comes from.")
    contact: str = setting(
        "",
        words="Whom to turn to, as one sentence of the mail.",
        example="Call us: 555 0100.",
    )
    second_addresses: SecondAddresses = setting(
        SecondAddresses(),
        words="Where else to send it, for those whose mailbox may be in the wrong hands. Addresses elsewhere"
        " need a smarthost.",
        example="ann@example.org: ann@example.net",
    )
    smarthost: Peer | None = setting(
        None,
        words="A mail server that takes this mail, for all addresses; by default it goes to the targets of"
        " this server.",
        example="mail.example.net:587",
    )
    smarthost_tls: Literal["starttls", "implicit", "none"] = setting(
        "starttls",
        words="How TLS begins there; `none`, for a server on this machine: not at all.",
    )
    smarthost_policy: Literal["verify", "opportunistic"] = setting(
        "verify",
        words="Whether it goes only to a server whose certificate is valid for the name (`verify`), or also"
        " where TLS, or the certificate, is missing or wrong, which is logged then (`opportunistic`).",
    )
    smarthost_names: NamesBelow = setting(
        NamesBelow(),
        words="Names that the smarthost's certificate may be valid for in place of its own; `.example.net` is"
        " every name below that one.",
        example="mail.example.net",
    )
    smarthost_ca: File | None = setting(
        None,
        words="Certificates in PEM that the smarthost's is trusted by, in place of the system's.",
        example="ca.pem",
    )
    smarthost_user: str = setting("", words="The user name for the smarthost, if it wants a login.")
    smarthost_password: Secret | None = setting(
        None, words="The password for it.", example="file:/etc/mailtwist/smarthost"
    )

    def __post_init__(self) -> None:
        if bool(self.smarthost_user) != (self.smarthost_password is not None):
            raise HALF_A_LOGIN.wrong()
        if self.smarthost_user and self.smarthost_tls == "none":
            raise LOGIN_IN_CLEAR.wrong()
        if self.smarthost_user and self.smarthost_policy != "verify":
            raise LOGIN_TO_ANYBODY.wrong()
