"""How many parts a message of an LDAP server has, and whether LDAP has such.  rfc4511#5.1"""

DEEPEST = 8
"""Parts within parts: LDAP has six."""

_TOGETHER = frozenset((0x30, 0x31, 0xA0, 0xA3, *range(0x60, 0x80)))
"""Tags of what is made of parts: sequences, sets, controls, referrals and operations."""

_WORD = {0x01, 0x02, 0x0A}
"""A boolean, a number, a code: never empty, and short."""


def weight(octets: bytes) -> int:
    """The number of parts, in linear time.  ValueError for what LDAP forbids: lengths that are not told,
    strings in pieces; for parts that end behind what they are in; and for what is nested too deep."""
    at, count, ends = 0, 0, [len(octets)]
    while ends:
        if at == ends[-1]:
            ends.pop()
            continue
        tag, at, end = _head(octets, at, ends[-1])
        count += 1
        if not tag & 0x20:
            at = end
        elif tag in _TOGETHER and len(ends) <= DEEPEST:
            ends.append(end)
        else:
            raise ValueError("nested")
    return count


def _head(octets: bytes, at: int, within: int) -> tuple[int, int, int]:
    """The tag of the part that is there, where its content begins, and where it ends."""
    if within - at < 2:
        raise ValueError("half a part")
    tag, size = octets[at], octets[at + 1]
    at += 2
    if size >= 0x80:
        more = at + (size & 0x7F)
        size = int.from_bytes(octets[at:more]) if 0 < more - at <= 4 else within
        at = more
    if at + size > within or (tag in _WORD and not 0 < size <= 4):
        raise ValueError("a length that cannot be")
    return tag, at, at + size
