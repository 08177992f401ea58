"""The messages that are sent and read: headers as mail has them, lines of base64."""

import base64
import random

KB, MB = 1024, 1024 * 1024
_HEADER = b"""From: Ann Example <ann@example.test>\r
To: Bob Example <bob@example.test>\r
Subject: figures of the week\r
Date: Mon, 06 Oct 2025 09:12:31 +0200\r
Message-ID: <%d.figures@example.test>\r
MIME-Version: 1.0\r
Content-Type: text/plain; charset=us-ascii\r
\r
"""


def message(size: int, number: int = 1) -> bytes:
    """About `size` octets, CRLF, no line that begins with a dot."""
    header = _HEADER % number
    octets = random.Random(number).randbytes((size - len(header)) * 3 // 4 * 76 // 78)
    return header + base64.encodebytes(octets).replace(b"\n", b"\r\n")
