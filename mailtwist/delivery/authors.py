"""Who a message says it is from, as strictly as somebody has to be who stands for it.  rfc5322#3.6.2"""

import re

from mailtwist.auth.names import BadName, canonical_domain
from mailtwist.mail.address import Address
from mailtwist.mail.correspondents import Correspondent, parsed
from mailtwist.mail.headers import values
from mailtwist.protocols.received import framed

MOST = 10
LONGEST = 4096  # octets of the field

_CFWS = rb"(?:[ \t]|\((?:[^()\\\x00-\x08\x0a-\x1f\x7f]|\\[ -~])*+\))*+"
_ATOM = rb"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\xff-]++"
_DOT_ATOM = rb"%b(?:\.%b)*+" % (_ATOM, _ATOM)
_QUOTED = rb'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[ -~])*+"'
_ADDRESS = rb"(?:%b|%b)%b@%b%b" % (_DOT_ATOM, _QUOTED, _CFWS, _CFWS, _DOT_ATOM)
_PHRASE = rb"(?:(?:%b|%b|\.)%b)*+" % (_ATOM, _QUOTED, _CFWS)
_MAILBOX = rb"%b(?:%b<%b%b%b>|%b)%b" % (_CFWS, _PHRASE, _CFWS, _ADDRESS, _CFWS, _ADDRESS, _CFWS)
_PLAIN = re.compile(rb"%b(?:,%b)*+" % (_MAILBOX, _MAILBOX))
"""Mailboxes of which nothing is obsolete, left open or nested (rfc5322#3.4), in linear time."""


def authors(header: bytes) -> list[Address] | None:
    """The addresses of the one From field; None when there are several fields or none, something else in it
    than plain mailboxes, or other line ends than CRLF: another program might see somebody else there."""
    if not framed(header):
        return None
    found = values(header, [b"from"]).get(b"from", [])
    if len(found) != 1 or len(found[0]) > LONGEST:
        return None
    if not _PLAIN.fullmatch(found[0]):
        return None
    people = parsed(found[0])
    if len(people) > MOST:
        return None
    addresses = [_address(one) for one in people]
    return None if None in addresses else [one for one in addresses if one]


def _address(one: Correspondent) -> Address | None:
    if not one.mailbox or not one.host or one.route:
        return None
    try:
        return Address(one.mailbox.decode(), canonical_domain(one.host.decode()))
    except (UnicodeDecodeError, BadName):
        return None
