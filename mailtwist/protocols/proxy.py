"""Who the client of a proxy is: the header PROXY, versions 1 and 2, read and written.  rfc4960 rfc4291#2.2

The words are those of HAProxy's `proxy-protocol.txt`.  Whether a header comes at all is never guessed from
what comes: the caller knows it from who has connected."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct, error
from typing import NamedTuple

from mailtwist.kit.crc32c import crc32c
from mailtwist.protocols.errors import Unframed

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LONGEST_V1 = 107
"""Octets of a header of version 1, with its CRLF."""

ALPN, AUTHORITY, CRC32C, NOOP, UNIQUE_ID, SSL = 0x01, 0x02, 0x03, 0x04, 0x05, 0x20
VERSION, COMMON_NAME, CIPHER = 0x21, 0x22, 0x23
HOPS = 0xE7
"""Of the types that are free for private use: through how many gateways the client has come."""

_HOPS_ARE_OURS = b"mailtwist hops "
_ONCE = {ALPN, AUTHORITY, CRC32C, UNIQUE_ID, SSL}
_LONGEST_ID, _LONGEST_PATH, _LONGEST = 128, 108, 0xFFFF
_V1 = b"PROXY "
_KINDS: dict[bytes, type[IPv4Address] | type[IPv6Address]] = {b"TCP4": IPv4Address, b"TCP6": IPv6Address}
_PORT = re.compile(rb"0|[1-9][0-9]{0,4}")
_DIGITS = re.compile(rb"[0-9]{1,3}")
_FRAME, _TLV, _SSL, _NUMBER = Struct("!12sBBH"), Struct("!BH"), Struct("!BI"), Struct("!I")
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6, _UNIX = 0x11, 0x21, 0x31
_BLOCKS = {_TCP4: Struct("!4s4sHH"), _TCP6: Struct("!16s16sHH"), _UNIX: Struct("!108s108s")}


class NotAHeader(Unframed):
    """The octets are no PROXY header: the connection ends without a word.  The words are for the log."""


class Place(NamedTuple):
    """One end of a connection: an address as text and a port, or `unix:/path` and 0."""

    address: str
    port: int = 0

    @property
    def unix(self) -> bool:
        return self.address.startswith("unix:")


@dataclass(frozen=True, slots=True)
class ClientTls:
    """What the proxy knows of the client's TLS.  `certificate`: the client has shown one, in this connection
    or in an earlier one of the session, and it was `verified`.  `name` is the common name in it."""

    encrypted: bool = True
    certificate: bool = False
    verified: bool = False
    version: str = ""
    cipher: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """What a proxy says of the connection that follows.  `source` and `destination` are the client and where
    it connected to; None: nothing is said, and the connection is what it seems to be (a health check, say).
    `authority` is the name that the client asked for (SNI), `hops` the gateways of ours before us, `extras`
    are all fields, also those that nobody here knows, as type and value."""

    source: Place | None = None
    destination: Place | None = None
    authority: str = ""
    alpn: bytes = b""
    unique: bytes = b""
    tls: ClientTls | None = None
    hops: int = 0
    extras: tuple[tuple[int, bytes], ...] = ()


# -- reading
def read(octets: bytes) -> tuple[Header, int] | None:
    """The header with which `octets` begin, and how long it is, never more than 65,551 octets; None when more
    must come first.  `NotAHeader` as soon as it can be said."""
    if octets[:12] == SIGNATURE:
        return _read_v2(octets)
    if SIGNATURE.startswith(octets):
        return None
    return _read_v1(octets)


def _read_v1(octets: bytes) -> tuple[Header, int] | None:
    if not octets[: len(_V1)] == _V1[: len(octets)]:
        raise NotAHeader("no PROXY header where there has to be one")
    end = octets.find(b"\n", 0, LONGEST_V1)
    line = octets[:LONGEST_V1] if end < 0 else octets[: end + 1]
    ended = end >= 0 and line.endswith(b"\r\n")
    if b"\r" in (line[:-2] if ended else line[:-1]) or (end >= 0 and not ended):
        raise NotAHeader("a CR or LF on its own in a PROXY header")
    if ended:
        return _of_line(line[:-2]), end + 1
    if len(octets) >= LONGEST_V1:
        raise NotAHeader(f"a PROXY header of version 1 with more than {LONGEST_V1} octets")
    return None


def _of_line(line: bytes) -> Header:
    words = line.split(b" ")
    if words[1] == b"UNKNOWN":  # whatever follows
        return Header()
    kind = _KINDS.get(words[1])
    if kind is None or len(words) != 6:
        raise NotAHeader('a PROXY header of version 1 that is none of "TCP4", "TCP6", "UNKNOWN"')
    return Header(
        Place(_address(words[2], kind), _port(words[4])), Place(_address(words[3], kind), _port(words[5]))
    )


def _address(word: bytes, kind: type[IPv4Address] | type[IPv6Address]) -> str:
    try:
        if b"%" in word:
            raise ValueError
        return _plain(kind(word.decode("ascii")))
    except ValueError:
        raise NotAHeader("a PROXY header with something else for an address") from None


def _plain(address: IPv4Address | IPv6Address) -> str:
    """IPv4 seen through IPv6 is IPv4, as everywhere."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


def _port(word: bytes) -> int:
    if not _PORT.fullmatch(word) or int(word) > 0xFFFF:
        raise NotAHeader("a PROXY header with something else for a port")
    return int(word)


def _read_v2(octets: bytes) -> tuple[Header, int] | None:
    if len(octets) > 12 and octets[12] not in (_LOCAL, _PROXY):
        raise NotAHeader("a PROXY header of version 2 with another version or command")
    if len(octets) > 13 and octets[12] == _PROXY:
        _check_family(octets[13])
    if len(octets) < _FRAME.size:
        return None
    _, command, family, length = _FRAME.unpack_from(octets)
    whole = _FRAME.size + length
    if len(octets) < whole:
        return None
    block = _BLOCKS.get(family)
    if command == _LOCAL or block is None:  # what else there is belongs to nobody that can be told
        return Header(), whole
    if length < block.size:
        raise NotAHeader("a PROXY header of version 2 that is too short for its addresses")
    source, destination = _ends(family, block.unpack_from(octets, _FRAME.size))
    fields = _fields(octets[_FRAME.size + block.size : whole])
    _check_sum(octets[:whole], _FRAME.size + block.size, fields)
    return _with(source, destination, fields), whole


def _check_family(family: int) -> None:
    """Unspecified is a value, and then nothing is said of the addresses; mail does not come in datagrams."""
    if family >> 4 > 3 or family & 15 > 1:
        raise NotAHeader("a PROXY header of version 2 for something else than a TCP or Unix stream")


def _ends(family: int, block: tuple[bytes | int, ...]) -> tuple[Place, Place]:
    if family == _UNIX:
        source, destination = (_unix(path) for path in block if isinstance(path, bytes))
        return source, destination
    first, second, port, other = block
    assert isinstance(first, bytes) and isinstance(second, bytes)
    assert isinstance(port, int) and isinstance(other, int)
    return Place(_plain(ip_address(first)), port), Place(_plain(ip_address(second)), other)


def _unix(path: bytes) -> Place:
    """An abstract name begins with NUL, and is written with `@`."""
    abstract = path[:1] == b"\0" and path.strip(b"\0")
    name = b"@" + path[1:].rstrip(b"\0") if abstract else path.partition(b"\0")[0]
    return Place("unix:" + name.decode("utf-8", "surrogateescape"))


def _fields(octets: bytes) -> tuple[tuple[int, bytes], ...]:
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(octets):
        try:
            kind, length = _TLV.unpack_from(octets, at)
        except error:
            length = _LONGEST
        at += _TLV.size
        if at + length > len(octets):
            raise NotAHeader("a PROXY header of version 2 with a field that is cut off")
        found.append((kind, octets[at : at + length]))
        at += length
    kinds = [kind for kind, _ in found if kind in _ONCE]
    if len(kinds) > len(set(kinds)):
        raise NotAHeader("a PROXY header of version 2 with a field that is there twice")
    return tuple(found)


def _check_sum(header: bytes, at: int, fields: tuple[tuple[int, bytes], ...]) -> None:
    for kind, value in fields:
        at += _TLV.size
        if kind == CRC32C and (len(value) != _NUMBER.size or _sum(header, at) != value):
            raise NotAHeader("a PROXY header of version 2 whose checksum is wrong")
        at += len(value)


def _sum(header: bytes, at: int) -> bytes:
    return _NUMBER.pack(crc32c(header[:at] + bytes(_NUMBER.size) + header[at + _NUMBER.size :]))


def _with(source: Place, destination: Place, fields: tuple[tuple[int, bytes], ...]) -> Header:
    found = dict(fields)
    unique = found.get(UNIQUE_ID, b"")
    if len(unique) > _LONGEST_ID:
        raise NotAHeader(f"a PROXY header with a unique id of more than {_LONGEST_ID} octets")
    return Header(
        source,
        destination,
        authority=_text(found.get(AUTHORITY, b"")),
        alpn=found.get(ALPN, b""),
        unique=unique,
        tls=_tls(found[SSL]) if SSL in found else None,
        hops=max((_hops(value) for kind, value in fields if kind == HOPS), default=0),
        extras=fields,
    )


def _tls(value: bytes) -> ClientTls:
    if len(value) < _SSL.size:
        raise NotAHeader("a PROXY header of version 2 with a field that is cut off")
    client, verify = _SSL.unpack_from(value)
    found = dict(_fields(value[_SSL.size :]))
    return ClientTls(
        encrypted=bool(client & 1),
        certificate=bool(client & 6),
        verified=bool(client & 6) and verify == 0,
        version=_text(found.get(VERSION, b"")),
        cipher=_text(found.get(CIPHER, b"")),
        name=_text(found.get(COMMON_NAME, b"")),
    )


def _text(value: bytes) -> str:
    """'' for what is no text: it goes into logs, and to the server behind us."""
    text = value.decode("utf-8", "replace")
    return text if text.isprintable() and "\N{REPLACEMENT CHARACTER}" not in text else ""


def _hops(value: bytes) -> int:
    """0 when the field is somebody else's: others use these types, too."""
    number = value.removeprefix(_HOPS_ARE_OURS)
    return int(number) if len(number) < len(value) and _DIGITS.fullmatch(number) else 0


# -- writing
def header_v1(source: Place | None = None, destination: Place | None = None) -> bytes:
    """In front of a connection that is made for `source`, which connected to `destination`: `UNKNOWN` when it
    has no address."""
    ends = _both(source, destination)
    if ends is None:
        return b"PROXY UNKNOWN\r\n"
    (first, second), (client, server) = ends
    words = f"PROXY TCP{first.version} {first} {second} {client.port} {server.port}\r\n"
    return words.encode("ascii")


def header_v2(
    source: Place | None = None,
    destination: Place | None = None,
    *,
    authority: str = "",
    alpn: bytes = b"",
    unique: bytes = b"",
    tls: ClientTls | None = None,
    hops: int = 0,
    extras: Sequence[tuple[int, bytes]] = (),
) -> bytes:
    """The same in version 2, with a checksum.  Without a client (`LOCAL`) there are no fields: nobody would
    read them.  ValueError when it does not fit."""
    block = _block(source, destination)
    if block is None:
        return _FRAME.pack(SIGNATURE, _LOCAL, 0, 0)
    if len(unique) > _LONGEST_ID:
        raise ValueError(f"a unique id has at most {_LONGEST_ID} octets")
    fields = [
        (ALPN, alpn),
        (AUTHORITY, authority.encode()),
        (UNIQUE_ID, unique),
        (SSL, b"" if tls is None else _written_tls(tls)),
        (HOPS, b"%s%d" % (_HOPS_ARE_OURS, min(hops, 999)) if hops else b""),
        *extras,
    ]
    family, addresses = block
    written = addresses + _written(fields) + _TLV.pack(CRC32C, _NUMBER.size)
    length = len(written) + _NUMBER.size
    if length > _LONGEST:
        raise ValueError(f"a PROXY header has at most {_LONGEST} octets")
    header = _FRAME.pack(SIGNATURE, _PROXY, family, length) + written
    return header + _sum(header, len(header))


def _written(fields: Sequence[tuple[int, bytes]]) -> bytes:
    if any(len(value) > _LONGEST for _, value in fields):
        raise ValueError(f"a field of a PROXY header has at most {_LONGEST} octets")
    return b"".join(_TLV.pack(kind, len(value)) + value for kind, value in fields if value)


def _written_tls(tls: ClientTls) -> bytes:
    client = (1 if tls.encrypted else 0) | (2 if tls.certificate else 0)
    facts = [(VERSION, tls.version.encode()), (COMMON_NAME, tls.name.encode()), (CIPHER, tls.cipher.encode())]
    return _SSL.pack(client, 0 if tls.verified else 1) + _written(facts)


def _block(source: Place | None, destination: Place | None) -> tuple[int, bytes] | None:
    if source is not None and destination is not None and source.unix and destination.unix:
        return _UNIX, _BLOCKS[_UNIX].pack(_path(source), _path(destination))
    ends = _both(source, destination)
    if ends is None:
        return None
    (first, second), (client, server) = ends
    family = _TCP4 if first.version == 4 else _TCP6
    return family, _BLOCKS[family].pack(first.packed, second.packed, client.port, server.port)


def _path(place: Place) -> bytes:
    name = place.address.removeprefix("unix:").encode("utf-8", "surrogateescape")
    name = b"\0" + name[1:] if name[:1] == b"@" else name
    if len(name) > _LONGEST_PATH:
        raise ValueError(f"the path of a Unix socket has at most {_LONGEST_PATH} octets")
    return name


Ends = tuple[tuple[IPv4Address, IPv4Address] | tuple[IPv6Address, IPv6Address], tuple[Place, Place]]


def _both(source: Place | None, destination: Place | None) -> Ends | None:
    """Both addresses in one family: where they differ, IPv4 as seen through IPv6.  None without addresses."""
    if source is None or destination is None:
        return None
    try:
        first, second = ip_address(source.address), ip_address(destination.address)
    except ValueError:
        return None
    if isinstance(first, IPv4Address) and isinstance(second, IPv4Address):
        return (first, second), (source, destination)
    return (_as_ipv6(first), _as_ipv6(second)), (source, destination)


def _as_ipv6(address: IPv4Address | IPv6Address) -> IPv6Address:
    if isinstance(address, IPv4Address):
        return IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)
    return IPv6Address(int(address))  # without a scope, which means nothing elsewhere
