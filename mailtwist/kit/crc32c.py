"""CRC32C, the checksum of a PROXY header: for some hundred octets, not for files.  rfc3720#12.1"""

_POLYNOMIAL = 0x82F63B78


def _entry(octet: int) -> int:
    for _ in range(8):
        octet = octet >> 1 ^ (_POLYNOMIAL if octet & 1 else 0)
    return octet


_TABLE = tuple(map(_entry, range(256)))


def crc32c(data: bytes) -> int:
    """The checksum of `data`, an unsigned 32-bit number."""
    table = _TABLE
    crc = 0xFFFFFFFF
    for octet in data:
        crc = table[(crc ^ octet) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
