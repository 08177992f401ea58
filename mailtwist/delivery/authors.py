"""Who a message says it is from, as strictly as somebody has to be who stands for it.  rfc5322#3.6.2"""

import re

from mailtwist.auth.names import BadName, canonical_domain
from mailtwist.mail.address import Address
from mailtwist.mail.correspondents import Correspondent, parsed
from mailtwist.mail.headers import values
from mailtwist.mail.lexical import Words
from mailtwist.protocols.received import framed

MOST = 10
LONGEST = 4096  # octets of the field

_OTHER = re.compile(rb"[^\"(@ \t\r\n]++|[@(]")


def authors(header: bytes) -> list[Address] | None:
    """The addresses of the one From field; None when there are several fields or none, more in it than
    addresses, or other line ends than CRLF: another program might see somebody else there."""
    if not framed(header):
        return None
    found = values(header, [b"from"]).get(b"from", [])
    if len(found) != 1 or len(found[0]) > LONGEST:
        return None
    people = parsed(found[0])
    if not 0 < len(people) <= MOST or _ats(found[0]) != len(people):
        return None
    addresses = [_address(one) for one in people]
    return None if None in addresses else [one for one in addresses if one]


def _ats(value: bytes) -> int:
    """How many "@" stand outside of quotes and comments."""
    words, count = Words(value), 0
    while not words.ended:
        if words.quoted() is None:
            count += words.match(_OTHER) == b"@"
    return count


def _address(one: Correspondent) -> Address | None:
    if not one.mailbox or not one.host or one.route:
        return None
    try:
        return Address(one.mailbox.decode(), canonical_domain(one.host.decode()))
    except (UnicodeDecodeError, BadName):
        return None
