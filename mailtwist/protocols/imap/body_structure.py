"""BODY and BODYSTRUCTURE: the parts of a message as a client wants to know them.  rfc3501#7.4.2"""

from collections.abc import Iterator

from mailtwist.mail import content_fields
from mailtwist.mail.content_fields import Parameters
from mailtwist.mail.structure import Part
from mailtwist.protocols.imap.envelope import envelope
from mailtwist.protocols.imap.strings import NIL, listed, nstring, string

_NOTHING = Part(0, 0, 0)
_DEFAULT_CHARSET = (b"charset", b"us-ascii")


def body(part: Part, *, extended: bool) -> Iterator[bytes]:
    """The answer in pieces, one a part or so: together they may be long.  `extended` is BODYSTRUCTURE."""
    return _multipart(part, extended) if part.multipart else _single(part, extended)


def _multipart(part: Part, extended: bool) -> Iterator[bytes]:
    yield b"("
    for inner in part.parts or [_NOTHING]:  # the grammar wants one at least
        yield from body(inner, extended=extended)
    said = b" " + string(part.subtype)
    if extended:
        said += b" %b %b" % (_parameters(part.parameters), _extension(part))
    yield said + b")"


def _single(part: Part, extended: bool) -> Iterator[bytes]:
    parameters = part.parameters
    text = part.type.lower() == b"text"
    if text and part.parameter(b"charset") is None:
        parameters += (_DEFAULT_CHARSET,)  # rfc2046#4.1.2
    yield b"(" + b" ".join(
        (
            string(part.type),
            string(part.subtype),
            _parameters(parameters),
            nstring(part.fields.get(b"content-id")),
            nstring(part.fields.get(b"content-description")),
            string(part.encoding),
            b"%d" % (part.end - part.body),
        )
    )
    if part.message:
        inner = part.parts[0] if part.parts else _NOTHING
        yield b" "
        yield from envelope(inner.fields)
        yield b" "
        yield from body(inner, extended=extended)
    said = b" %d" % part.lines if part.message or text else b""
    if extended:
        said += b" %b %b" % (nstring(part.fields.get(b"content-md5")), _extension(part))
    yield said + b")"


def _extension(part: Part) -> bytes:
    """Disposition, language, location."""
    disposition = content_fields.disposition(part.fields.get(b"content-disposition", b""))
    placed = NIL
    if disposition is not None:
        placed = b"(%b %b)" % (string(disposition[0]), _parameters(disposition[1]))
    languages = content_fields.languages(part.fields.get(b"content-language", b""))
    location = part.fields.get(b"content-location")
    return b" ".join((placed, listed(map(string, languages)), nstring(location)))


def _parameters(parameters: Parameters) -> bytes:
    return listed(string(word) for pair in parameters for word in pair)
