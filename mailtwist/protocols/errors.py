"""What grammar and engine raise: the peer's fault, or the end of the connection.  rfc5321 rfc3501 rfc1939"""


class Malformed(ValueError):
    """The peer's fault: 501, BAD, -ERR.  The words are for the peer: one line of printable ASCII."""


class Closed(Exception):
    """The connection is over."""
