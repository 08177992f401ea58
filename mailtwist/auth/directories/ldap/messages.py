"""What goes to an LDAP server and what comes back, by the library pyasn1.  rfc4511"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import namedtype, tag, univ
from pyasn1_modules import rfc2251

from mailtwist.auth.directories.ldap import ber
from mailtwist.auth.directories.ldap.filters import tlv

LARGEST = 1 << 20
"""Octets of one message of a server."""

HEAVIEST = 20_000
"""Parts of messages that are taken apart at once: a second's work."""

START_TLS = "1.3.6.1.4.1.1466.20037"
POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"
"""The control by which servers tell what their policy thinks of a password
(draft-behera-ldap-password-policy)."""

Scope = Literal["base", "one", "sub"]
_SCOPES: tuple[Scope, ...] = ("base", "one", "sub")
_POLICY_SAYS = (
    "password-expired",
    "account-locked",
    "must-change",
)


class Garbage(Exception):
    """No LDAP, or too much of it; the words are for the log.  `well`: it is the answer to this question that
    is too big."""

    def __init__(self, words: str, well: bool = False) -> None:
        super().__init__(words)
        self.well = well


@dataclass(frozen=True, slots=True)
class Entry:
    """Attributes by their names in lower case."""

    dn: str
    attributes: dict[str, tuple[bytes, ...]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """How an operation has ended.  `words` is what the server says besides; `policy` is what its policy
    objects to, or ''."""

    kind: str
    code: int
    words: str = ""
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """`what` is None for what we need not know, such as referrals."""

    number: int
    what: Entry | Result | None


# -- to the server
def bind(number: int, dn: str, password: bytes) -> bytes:
    request = rfc2251.BindRequest()
    request["version"] = 3
    request["name"] = dn.encode()
    request["authentication"]["simple"] = password
    return _message(number, "bindRequest", request, POLICY)


def search(
    number: int, base: str, scope: Scope, wanted: bytes, attributes: Iterable[str], limit: int, seconds: int
) -> bytes:
    """`wanted` is an encoded filter.  Aliases are not followed."""
    names = b"".join(tlv(4, name.encode()) for name in attributes)
    numbers = ((10, _SCOPES.index(scope)), (10, 0), (2, limit), (2, seconds))
    body = tlv(4, base.encode()) + b"".join(_number(kind, value) for kind, value in numbers)
    operation = tlv(0x63, body + tlv(1, b"\0") + wanted + tlv(0x30, names))
    return tlv(0x30, _number(2, number) + operation)


def start_tls(number: int) -> bytes:
    request = rfc2251.ExtendedRequest()
    request["requestName"] = START_TLS
    return _message(number, "extendedReq", request)


def unbind(number: int) -> bytes:
    return tlv(0x30, _number(2, number) + tlv(0x42, b""))


def _message(number: int, kind: str, request: Any, control: str = "") -> bytes:
    message = rfc2251.LDAPMessage()
    message["messageID"] = number
    message["protocolOp"][kind] = request
    if control:
        message["controls"][0]["controlType"] = control
    octets: bytes = encoder.encode(message)
    return octets


def _number(kind: int, value: int) -> bytes:
    return tlv(kind, value.to_bytes(value.bit_length() // 8 + 1))


# -- from the server
def size(octets: bytes | bytearray) -> int:
    """How long the message is that begins with these; 0 when they do not tell yet.  `Garbage`."""
    if octets and octets[0] != 0x30:
        raise Garbage("what answers there does not speak LDAP")
    if len(octets) < 2:
        return 0
    count = octets[1] - 128
    if count < 0:
        return 2 + octets[1]
    if not 0 < count <= 4:
        raise Garbage("a message without an honest length")
    if len(octets) < 2 + count:
        return 0
    whole = 2 + count + int.from_bytes(octets[2 : 2 + count])
    if whole > LARGEST:
        raise Garbage(f"a message of more than {LARGEST} octets", well=True)
    return whole


def read(octets: bytes) -> Message:
    """One whole message, which was weighed.  `Garbage`."""
    try:
        message, rest = decoder.decode(octets, asn1Spec=rfc2251.LDAPMessage())
        operation = message["protocolOp"]
        kind = operation.getName()
        return Message(int(message["messageID"]), _understood(kind, operation[kind], message, bool(rest)))
    except (PyAsn1Error, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise Garbage("a message that cannot be understood") from None


def weighed(several: Iterable[bytes]) -> int:
    """The number of their parts, each of which the library needs some ten microseconds for.  `Garbage`."""
    total = 0
    for octets in several:
        try:
            total += ber.weight(octets)
        except ValueError:
            raise Garbage("a message that cannot be understood") from None
        if total > HEAVIEST:
            raise Garbage(f"more than {HEAVIEST} parts in its answers", well=True)
    return total


def read_all(several: Sequence[bytes]) -> list[Message]:
    """`Garbage`, also for too much work."""
    weighed(several)
    return [read(octets) for octets in several]


def _understood(kind: str, its: Any, message: Any, rest: bool) -> Entry | Result | None:
    if rest:
        raise ValueError
    if kind == "searchResEntry":
        found: dict[str, tuple[bytes, ...]] = {}
        for one in its["attributes"]:
            name = _text(one["type"]).lower().partition(";")[0]
            found[name] = found.get(name, ()) + tuple(bytes(value) for value in one["vals"])
        return Entry(_text(its["objectName"]), found)
    if kind in ("bindResponse", "searchResDone", "extendedResp"):
        return Result(kind, int(its["resultCode"]), _text(its["errorMessage"])[:1000], _policy(message))
    return None


def _text(value: Any) -> str:
    return bytes(value).decode("utf-8", "replace")


class _PolicyAnswer(univ.Sequence):  # type: ignore[misc]
    componentType = namedtype.NamedTypes(
        namedtype.OptionalNamedType(
            "warning",
            univ.Choice(
                componentType=namedtype.NamedTypes(
                    *(
                        namedtype.NamedType(
                            name,
                            univ.Integer().subtype(
                                implicitTag=tag.Tag(tag.tagClassContext, tag.tagFormatSimple, number)
                            ),
                        )
                        for number, name in enumerate(("seconds", "graces"))
                    )
                )
            ).subtype(explicitTag=tag.Tag(tag.tagClassContext, tag.tagFormatConstructed, 0)),
        ),
        namedtype.OptionalNamedType(
            "error",
            univ.Enumerated().subtype(implicitTag=tag.Tag(tag.tagClassContext, tag.tagFormatSimple, 1)),
        ),
    )


def _policy(message: Any) -> str:
    controls = message["controls"]
    for control in controls if controls.hasValue() else ():
        if _text(control["controlType"]) == POLICY and control["controlValue"].hasValue():
            answer, _ = decoder.decode(bytes(control["controlValue"]), asn1Spec=_PolicyAnswer())
            if answer["error"].hasValue():
                number = int(answer["error"])
                return _POLICY_SAYS[number] if number < len(_POLICY_SAYS) else f"policy-{number}"
    return ""
