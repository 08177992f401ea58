"""Paths, domains and parameters as clients write them, in linear time.  rfc5321#4.1.2 rfc6531#3.3"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from mailtwist.auth.names import BadName, canonical_domain
from mailtwist.mail.address import NULL, Address
from mailtwist.protocols.errors import Malformed

# Behind ASCII all but controls and what breaks lines.
_BEYOND = "\u00a0-\u2027\u202a-\U0010ffff"
_ATEXT = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~{_BEYOND}-]"
_DOT_STRING = rf"{_ATEXT}+(?:\.{_ATEXT}+)*"
_QUOTED = rf'"(?:[ !#-\[\]-~{_BEYOND}]|\\[ -~])*"'
_HOP = r"@[^<>@,:\" \\]+"
_PATH = re.compile(
    rf"<(?:{_HOP}(?:,{_HOP})*:)?(?P<local>{_DOT_STRING}|{_QUOTED})(?:@(?P<domain>[^<>@\" \\]*))?>"
)
_DOTTED = re.compile(_DOT_STRING)
_TO_QUOTE = re.compile(r'["\\]')
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~\u0080-\U0010ffff]+))?")
_CLIENT = re.compile(r"[!-~]{1,255}")
_TAG = re.compile(r"[A-Za-z0-9-]*[A-Za-z0-9]")
_CONTENT = re.compile(r"[!-Z^-~]+")
_XCHAR = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEX = re.compile(r"\+([0-9A-F]{2})")
_PLAIN = re.compile(rb"[^!-*,-<>-~]")
_UNQUOTE = re.compile(r"\\(.)")

LONGEST_LOCAL = 255
"""Octets.  rfc5321#4.5.3.1.1 asks for 64, and rfc5321#4.5.3.1 for no limit; addresses made for one message
are long.  With this one, a line of the header that names an address stays below 998."""

LONGEST_DOMAIN = 255

Parameters = dict[str, str | None]


class BadSender(Malformed):
    """MAIL has no address; 5.1.7."""


class BadRecipient(Malformed):
    """RCPT has none; 5.1.3."""


def text(arguments: bytes) -> str:
    """ASCII, or `Malformed`."""
    try:
        return arguments.decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("Only ASCII is understood here") from None


def utf8(arguments: bytes) -> str:
    """UTF-8, or `Malformed`."""
    try:
        return arguments.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("Not UTF-8") from None


def client(arguments: bytes) -> str:
    """The name that a client gives itself (rfc5321#4.1.1.1).  Many are no domains; none of these is a reason
    to refuse mail (rfc5321#4.1.4)."""
    name = text(arguments)
    if not _CLIENT.fullmatch(name):
        raise Malformed("Expected your host name")
    return name


def reverse_path(arguments: bytes) -> tuple[Address, Parameters]:
    """What follows MAIL (rfc5321#4.1.1.2).  A route is understood and forgotten (rfc5321#C)."""
    rest = _behind("FROM:", utf8(arguments))
    if rest.startswith("<>"):
        return NULL, parameters(rest[2:])
    try:
        address, rest = _path(rest)
    except Malformed as error:
        raise BadSender(str(error)) from None
    if not address.domain:
        raise BadSender("The sender has no domain")
    return address, parameters(rest)


def forward_path(arguments: bytes) -> tuple[Address, Parameters]:
    """What follows RCPT (rfc5321#4.1.1.3)."""
    rest = _behind("TO:", utf8(arguments))
    try:
        address, rest = _path(rest)
    except Malformed as error:
        raise BadRecipient(str(error)) from None
    if not address.domain and address.local.lower() != "postmaster":
        raise BadRecipient("The recipient has no domain")
    return address, parameters(rest)


def parameters(rest: str) -> Parameters:
    """`" NAME=value NAME"`, by upper-case name (rfc5321#4.1.2)."""
    found: Parameters = {}
    if not rest:
        return found
    if not rest.startswith(" "):
        raise Malformed("Expected a space before the parameters")
    for word in rest.split(" "):
        if not word:
            continue
        parameter = _PARAMETER.fullmatch(word)
        if parameter is None:
            raise Malformed("Not a parameter")
        name = parameter[1].upper()
        if name in found:
            raise Malformed(f"{name} is given twice")
        found[name] = parameter[2]
    return found


def domain(name: str) -> str:
    """A domain in lower case and A-labels, or an address literal in its shortest form (rfc5321#4.1.3)."""
    if name.startswith("["):
        return _literal(name)
    if not name.isascii():
        name = _a_labels(name)
    if len(name) > LONGEST_DOMAIN or not all(map(_LABEL.fullmatch, name.split("."))):
        raise Malformed("Not a domain")
    return name.lower()


def local_part(address: Address) -> str:
    """As it is written, quoted where it must be."""
    if address.null or _DOTTED.fullmatch(address.local):
        return address.local
    return '"' + _TO_QUOTE.sub(r"\\\g<0>", address.local) + '"'


def from_xtext(value: str) -> bytes:
    """rfc3461#4"""
    if not _XCHAR.fullmatch(value):
        raise Malformed("Not an xtext")
    return _HEX.sub(lambda found: chr(int(found[1], 16)), value).encode("latin-1")


def to_xtext(value: bytes) -> str:
    """rfc3461#4"""
    return _PLAIN.sub(lambda found: b"+%02X" % found[0][0], value).decode("ascii")


def _behind(word: str, arguments: str) -> str:
    if arguments[: len(word)].upper() != word:
        raise Malformed(f"Expected {word}")
    return arguments[len(word) :].lstrip(" ")  # not allowed, and often sent


def _path(arguments: str) -> tuple[Address, str]:
    found = _PATH.match(arguments)
    if found is None:
        raise Malformed("Expected an address in angle brackets")
    local = found["local"]
    if local.startswith('"'):
        local = _UNQUOTE.sub(r"\1", local[1:-1])
    if not local or len(local.encode()) > LONGEST_LOCAL:
        raise Malformed("Not a local part")
    its_domain = "" if found["domain"] is None else domain(found["domain"])
    return Address(local, its_domain), arguments[found.end() :]


def _a_labels(name: str) -> str:
    if len(name) > LONGEST_DOMAIN:
        raise Malformed("Not a domain")
    try:
        return canonical_domain(name)
    except BadName:
        raise Malformed("Not a domain") from None


def _literal(name: str) -> str:
    inner = name[1:-1] if name.endswith("]") else ""
    tag, colon, content = inner.partition(":")
    try:
        if not colon:
            return f"[{IPv4Address(inner)}]"
        if tag.upper() == "IPV6" and "%" not in content:
            return f"[IPv6:{IPv6Address(content).compressed}]"
    except AddressValueError:
        raise Malformed("Not an address literal") from None
    if tag.upper() == "IPV6" or not (_TAG.fullmatch(tag) and _CONTENT.fullmatch(content)):
        raise Malformed("Not an address literal")
    return name
