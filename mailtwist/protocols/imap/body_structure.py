"""BODY and BODYSTRUCTURE: the parts of a message as a client wants to know them.  rfc3501#7.4.2"""

from mailtwist.mail import content_fields
from mailtwist.mail.content_fields import Parameters
from mailtwist.mail.structure import Part
from mailtwist.protocols.imap.envelope import envelope
from mailtwist.protocols.imap.strings import NIL, listed, nstring, string

_NOTHING = Part(0, 0, 0)
_DEFAULT_CHARSET = (b"charset", b"us-ascii")


def body(part: Part, *, extended: bool) -> bytes:
    """`extended` is BODYSTRUCTURE."""
    return _multipart(part, extended) if part.multipart else _single(part, extended)


def _multipart(part: Part, extended: bool) -> bytes:
    parts = part.parts or [_NOTHING]  # the grammar wants one at least
    said = b"".join(body(inner, extended=extended) for inner in parts) + b" " + string(part.subtype)
    if extended:
        said += b" %b %b" % (_parameters(part.parameters), _extension(part))
    return b"(%b)" % said


def _single(part: Part, extended: bool) -> bytes:
    parameters = part.parameters
    text = part.type.lower() == b"text"
    if text and part.parameter(b"charset") is None:
        parameters += (_DEFAULT_CHARSET,)  # rfc2046#4.1.2
    said = [
        string(part.type),
        string(part.subtype),
        _parameters(parameters),
        nstring(part.fields.get(b"content-id")),
        nstring(part.fields.get(b"content-description")),
        string(part.encoding),
        b"%d" % (part.end - part.body),
    ]
    if part.message:
        inner = part.parts[0] if part.parts else _NOTHING
        said += [envelope(inner.fields), body(inner, extended=extended)]
    if part.message or text:
        said.append(b"%d" % part.lines)
    if extended:
        said += [nstring(part.fields.get(b"content-md5")), _extension(part)]
    return b"(%b)" % b" ".join(said)


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
