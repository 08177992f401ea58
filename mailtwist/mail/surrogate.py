"""A header in UTF-8 as programs read it that know ASCII only: a stand-in, not the message.  rfc6858"""

import re
from collections.abc import Callable, Mapping

from mailtwist.mail import content_fields, correspondents, encoded_words, headers
from mailtwist.mail.correspondents import Correspondent

INVALID = b"invalid@internationalized-address.invalid"
"""Stands for every address that has no form in ASCII (rfc6858#2.1)."""

_ATOMS = re.compile(rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
_SPECIAL = re.compile(rb'(["\\])')


def wanted(header: bytes) -> bool:
    """It is UTF-8 and not ASCII (rfc6532#3).  What is neither was never legal and stays as it is."""
    if header.isascii():
        return False
    try:
        header.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def made(header: bytes) -> bytes:
    """The same fields with an empty line behind them where it was, in ASCII: addresses and subject in encoded
    words, parameters and other fields that cannot be told left out."""
    told = [
        raw if raw.isascii() else _FIELDS.get(name, _left_out)(raw) for name, raw in headers.fields(header)
    ]
    end = headers.end(header)
    empty = b"" if end < 0 else b"\r\n"
    return b"".join(told) + empty


def _left_out(raw: bytes) -> bytes:
    return b""


def _addresses(raw: bytes) -> bytes:
    """rfc6858#2.1"""
    told, between = [], b""
    for one in correspondents.parsed(headers.value(raw)):
        if one.host is None:  # a group begins or ends
            told.append(b";" if one.mailbox is None else between + _phrase(one.mailbox) + b":")
            between = b",\r\n " if one.mailbox is None else b"\r\n "
            continue
        told.append(between + _address(one))
        between = b",\r\n "
    return b"%b: %b\r\n" % (raw.partition(b":")[0].rstrip(), b"".join(told))


def _address(one: Correspondent) -> bytes:
    address = (one.mailbox or b"") + (b"@" + one.host if one.host else b"")
    if address.isascii():
        return b"%b <%b>" % (_phrase(one.name), _written(one)) if one.name else b"<%b>" % _written(one)
    text = encoded_words.decoded(one.name) + " " if one.name else ""
    return b"%b <%b>" % (encoded_words.encoded(f"{text}<{address.decode('utf-8', 'replace')}>"), INVALID)


def _written(one: Correspondent) -> bytes:
    mailbox = one.mailbox or b""
    if not _ATOMS.fullmatch(mailbox.replace(b".", b"")) or b" " in mailbox:
        mailbox = b'"%b"' % _SPECIAL.sub(rb"\\\1", mailbox)
    return mailbox + (b"@" + one.host if one.host else b"")


def _phrase(name: bytes) -> bytes:
    if not name.isascii():
        return encoded_words.encoded(encoded_words.decoded(name))
    return name if _ATOMS.fullmatch(name) else b'"%b"' % _SPECIAL.sub(rb"\\\1", name)


def _subject(raw: bytes) -> bytes:
    """rfc6858#2.3"""
    return b"Subject: %b\r\n" % encoded_words.encoded(encoded_words.decoded(headers.value(raw)))


def _content_type(raw: bytes) -> bytes:
    """rfc6858#2.2"""
    said = content_fields.content_type(headers.value(raw))
    return b"" if said is None else _with(raw, said[0] + b"/" + said[1], said[2])


def _disposition(raw: bytes) -> bytes:
    """rfc6858#2.2"""
    said = content_fields.disposition(headers.value(raw))
    return b"" if said is None else _with(raw, said[0], said[1])


def _with(raw: bytes, word: bytes, parameters: content_fields.Parameters) -> bytes:
    kept = [
        b';\r\n %b="%b"' % (name, _SPECIAL.sub(rb"\\\1", value))
        for name, value in parameters
        if name.isascii() and value.isascii()
    ]
    told = b"%b: %b%b\r\n" % (raw.partition(b":")[0].rstrip(), word, b"".join(kept))
    return told if told.isascii() else b""


_FIELDS: Mapping[bytes, Callable[[bytes], bytes]] = {
    b"subject": _subject,
    b"content-type": _content_type,
    b"content-disposition": _disposition,
    **{
        prefix + name: _addresses
        for prefix in (b"", b"resent-")
        for name in (b"from", b"sender", b"reply-to", b"to", b"cc", b"bcc")
    },
}
