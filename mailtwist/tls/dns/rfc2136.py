"""Records by dynamic updates, signed with a key: bind, knot, PowerDNS, whoever speaks it.  rfc2136"""

from base64 import b64decode
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, ClassVar, Literal, Self

import dns.exception
import dns.query
import dns.rcode
import dns.tsig
import dns.update
from dns.message import Message
from dns.name import Name

from mailtwist.config.dns import the_dns
from mailtwist.config.network import Hostname
from mailtwist.config.notices import Peer
from mailtwist.config.part import Assembly, Part
from mailtwist.config.secret import Secret
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost
from mailtwist.kit.dns import Dns, DnsAway
from mailtwist.kit.dns_records import Server, labels
from mailtwist.kit.resolver import Resolver, Unresolved
from mailtwist.kit.threads import Threads
from mailtwist.tls.dns.api import NotPublished, Propagation, PublisherSettings, checked

NOT_A_SERVER = '{text!r} is no DNS server; write "ns1.example.org", "192.0.2.1" or "192.0.2.1:5353"'
NOT_A_ZONE = '{text!r} is not the name of a zone; write one like "example.org"'
HALF_A_KEY = "key_name and key belong together; write both, or none"
NOT_BASE64 = "the key is not in base64; copy what tsig-keygen printed behind `secret`"

SECONDS = 15.0
AT_ONCE = 4
Algorithm = Literal["hmac-sha256", "hmac-sha384", "hmac-sha512", "hmac-sha224", "hmac-sha1", "hmac-md5"]
_ALGORITHMS: dict[str, Name] = {
    "hmac-sha224": dns.tsig.HMAC_SHA224,
    "hmac-sha256": dns.tsig.HMAC_SHA256,
    "hmac-sha384": dns.tsig.HMAC_SHA384,
    "hmac-sha512": dns.tsig.HMAC_SHA512,
    "hmac-sha1": dns.tsig.HMAC_SHA1,
    "hmac-md5": dns.tsig.HMAC_MD5,
}
_TSIG_SAYS: dict[type[Exception], str] = {
    dns.tsig.PeerBadKey: "it does not know the key {key}, or with another algorithm",
    dns.tsig.PeerBadSignature: "the key {key} is another one there",
    dns.tsig.PeerBadTime: "its clock and ours differ by minutes",
    dns.tsig.BadSignature: "its answer is signed with another key than {key}",
    dns.tsig.BadTime: "its clock and ours differ by minutes",
}
_CODE_SAYS = {
    dns.rcode.NOTAUTH: "it does not serve the zone {zone} as a primary",
    dns.rcode.NOTZONE: "the name is not in the zone {zone}",
    dns.rcode.REFUSED: "it does not let {key} change the zone {zone}",
    dns.rcode.SERVFAIL: "something went wrong there (SERVFAIL); its log says what",
    dns.rcode.NOTIMP: "it takes no updates",
}


class UpdateServer(Peer):
    """A DNS server, with a port or not."""

    kind: ClassVar[str] = "a DNS server"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            return cls(str(ip_address(text.strip("[]"))), 53)
        except ValueError:
            pass
        try:
            if ":" not in text:
                return cls(Hostname.parse(text), 53)
            peer = Peer.parse(text)
        except ValueError:
            raise ValueError(NOT_A_SERVER.format(text=text)) from None
        return cls(peer.host, peer.port)


class Zone(str):
    """The name of a zone, as A-labels."""

    kind: ClassVar[str] = "a zone"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        its = labels(text)
        if its is None or not text.isprintable():
            raise ValueError(NOT_A_ZONE.format(text=text))
        return cls(b".".join(its).decode())


@dataclass(frozen=True)
class Settings(PublisherSettings):
    """Records by dynamic updates (rfc2136) to the primary server of a zone."""

    server: UpdateServer = setting(
        words="The primary server of the zone, with a port if it is not 53.", example="ns1.example.org"
    )
    zone: Zone | None = setting(
        None,
        words="The zone to be changed; by default the server is asked in which one a name is.",
        example="example.org",
    )
    key_name: str = setting("", words="The name of the TSIG key (rfc8945).", example="mailtwist")
    key: Secret | None = setting(None, words="The TSIG key, in base64.", example="file:/etc/mailtwist/tsig")
    algorithm: Algorithm = setting("hmac-sha256", words="What the key is for.")
    ttl: Annotated[int, AtLeast(0), AtMost(86400)] = setting(
        60, words="Seconds for which others may remember a record."
    )

    def __post_init__(self) -> None:
        if bool(self.key_name) != (self.key is not None):
            raise ValueError(HALF_A_KEY)
        if self.key is not None:
            _key(self.key_name, self.key, self.algorithm)


class Updates:
    """`tls.dns.api.Publisher`."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self.propagation: Propagation = settings.when()
        self._settings = settings
        self._threads = Threads(
            "dns-updates", AT_ONCE, lost=True
        )  # logins do not wait for a server's patience
        self._dns: Dns = assembly.one(the_dns)
        self._names = Resolver(assembly.clock)

    async def add(self, name: str, value: str) -> None:
        await self._change(name, value, "add")

    async def remove(self, name: str, value: str) -> None:
        """Of this value alone: an update names whole records (rfc2136#2.5.4)."""
        await self._change(name, value, "delete")

    async def look(self) -> None:
        """The server is there and serves the zone; `NotPublished`."""
        servers = await self._servers()
        if self._settings.zone and await self._zone(self._settings.zone, servers) != self._settings.zone:
            raise NotPublished(f"{self._settings.server} does not serve the zone {self._settings.zone}")

    async def _change(self, name: str, value: str, what: str) -> None:
        checked(name, value)
        servers = await self._servers()
        zone = self._settings.zone or await self._zone(name, servers)
        if name != zone and not name.endswith(f".{zone}"):
            raise NotPublished(f"{name} is not in the zone {zone}", "5.3.5")
        await self._threads.run(self._send, servers, zone, name, value, what)

    async def _servers(self) -> list[Server]:
        host, port = self._settings.server.host, self._settings.server.port
        try:
            found = await self._names.addresses(host)
        except Unresolved as error:
            raise NotPublished(error.detail) from None
        return [Server(address, port) for address in found]

    async def _zone(self, name: str, servers: list[Server]) -> str:
        """As the server that is to change it sees it: others may see another one, or none."""
        try:
            return await self._dns.zone(name, servers)
        except DnsAway as away:
            raise NotPublished(
                f"{self._settings.server} has no zone in which {name} is: {away.why}"
            ) from None

    def _send(self, servers: list[Server], zone: str, name: str, value: str, what: str) -> None:
        """In a thread.  An address that does not answer is followed by the next."""
        key = self._settings.key
        keyring = _key(self._settings.key_name, key, self._settings.algorithm) if key else None
        its = labels(name) or []
        for server in servers:
            update = dns.update.UpdateMessage(zone, keyring=keyring)
            text = dns.rdata.from_text("IN", "TXT", f'"{value}"')
            if what == "add":
                update.add(Name([*its, b""]), self._settings.ttl, text)
            else:
                update.delete(Name([*its, b""]), text)
            try:
                self._understood(dns.query.tcp(update, server.address, SECONDS, server.port), server, zone)
                return
            except (OSError, EOFError, dns.exception.Timeout) as error:
                why = NotPublished(f"{server} does not answer: {_reason(error)}")
            except dns.exception.DNSException as error:
                raise NotPublished(f"{server}: {self._refused(error)}") from None
        raise why

    def _understood(self, heard: Message, server: Server, zone: str) -> None:
        code = heard.rcode()
        if self._settings.key and not heard.had_tsig and code == dns.rcode.NOERROR:
            raise NotPublished(f"{server}: what it says is not signed")
        if code != dns.rcode.NOERROR:
            words = _CODE_SAYS.get(code, f"it says {dns.rcode.to_text(code)}")
            key = f"the key {self._settings.key_name}" if self._settings.key_name else "whoever has no key"
            raise NotPublished(f"{server}: {words.format(zone=zone, key=key)}")

    def _refused(self, error: Exception) -> str:
        for kind, words in _TSIG_SAYS.items():
            if isinstance(error, kind):
                return words.format(key=self._settings.key_name)
        return f"what it says cannot be understood, or is not signed ({type(error).__name__})"


def _key(name: str, key: Secret, algorithm: str) -> dns.tsig.Key:
    """ValueError when it is none; without the key in the words."""
    try:
        return dns.tsig.Key(
            name, b64decode("".join(key.reveal().split()), validate=True), _ALGORITHMS[algorithm]
        )
    except (ValueError, dns.exception.DNSException):
        raise ValueError(NOT_BASE64) from None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"in {SECONDS:.0f} s" if isinstance(error, dns.exception.Timeout) else type(error).__name__


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """The server is asked for the zone."""
    try:
        await Updates(settings, assembly).look()
    except NotPublished as error:
        return [("server", error.words)]
    return []


part = Part(Settings, Updates, check)
