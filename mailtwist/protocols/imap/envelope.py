"""ENVELOPE: what a list of messages shows, out of the header.  rfc3501#7.4.2"""

from collections.abc import Iterator, Mapping

from mailtwist.mail import correspondents
from mailtwist.mail.correspondents import Correspondent
from mailtwist.mail.structure import envelope_fields
from mailtwist.protocols.imap.strings import NIL, nstring


def of_header(header: bytes) -> Iterator[bytes]:
    """The envelope of a message with this header, in pieces."""
    return envelope(envelope_fields(header))


def envelope(fields: Mapping[bytes, bytes]) -> Iterator[bytes]:
    """`fields` are unfolded, by name in lower case.  Encoded words stay as they are.  It comes in pieces, one
    a field: lists of people may be long."""
    sender = _people(fields.get(b"from"))
    yield b"(%b %b %b" % (nstring(fields.get(b"date")), nstring(fields.get(b"subject")), sender)
    for name in (b"sender", b"reply-to"):
        yield b" " + _people(fields.get(name), sender)
    for name in (b"to", b"cc", b"bcc"):
        yield b" " + _people(fields.get(name))
    yield b" %b %b)" % (nstring(fields.get(b"in-reply-to")), nstring(fields.get(b"message-id")))


def _people(value: bytes | None, otherwise: bytes = NIL) -> bytes:
    known = b"" if value is None else b"".join(map(_person, correspondents.parsed(value)))
    return b"(%b)" % known if known else otherwise


def _person(one: Correspondent) -> bytes:
    return b"(%b)" % b" ".join(map(nstring, (one.name, one.route, one.mailbox, one.host)))
