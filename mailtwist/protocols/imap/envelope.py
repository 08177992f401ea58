"""ENVELOPE: what a list of messages shows, out of the header.  rfc3501#7.4.2"""

from collections.abc import Mapping

from mailtwist.mail import correspondents
from mailtwist.mail.correspondents import Correspondent
from mailtwist.mail.structure import envelope_fields
from mailtwist.protocols.imap.strings import NIL, nstring


def of_header(header: bytes) -> bytes:
    """The envelope of a message with this header."""
    return envelope(envelope_fields(header))


def envelope(fields: Mapping[bytes, bytes]) -> bytes:
    """`fields` are unfolded, by name in lower case.  Encoded words stay as they are."""
    sender = _people(fields.get(b"from"))
    return b"(%b)" % b" ".join(
        [
            nstring(fields.get(b"date")),
            nstring(fields.get(b"subject")),
            sender,
            _people(fields.get(b"sender"), sender),
            _people(fields.get(b"reply-to"), sender),
            _people(fields.get(b"to")),
            _people(fields.get(b"cc")),
            _people(fields.get(b"bcc")),
            nstring(fields.get(b"in-reply-to")),
            nstring(fields.get(b"message-id")),
        ]
    )


def _people(value: bytes | None, otherwise: bytes = NIL) -> bytes:
    known = b"" if value is None else b"".join(map(_person, correspondents.parsed(value)))
    return b"(%b)" % known if known else otherwise


def _person(one: Correspondent) -> bytes:
    return b"(%b)" % b" ".join(map(nstring, (one.name, one.route, one.mailbox, one.host)))
