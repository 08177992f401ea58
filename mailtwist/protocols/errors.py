"""What grammar and engine raise: the peer's fault, or the end of the connection.  rfc5321 rfc3501 rfc1939"""


class Malformed(ValueError):
    """The peer's fault: 501, BAD, -ERR.  The words are for the peer: one line of printable ASCII."""


class LineTooLong(Malformed):
    """A line over the limit; it was taken whole, so what follows it can be read."""


class Unframed(Malformed):
    """Where a line ends cannot be told: a CR or LF on its own, a line without end.  The connection ends."""


class Closed(Exception):
    """The connection is over."""
