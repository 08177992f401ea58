"""Messages as twisted.mail's interfaces describe them, by headers, parts and dates.  rfc3501#2.3"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import mktime_tz, parsedate_tz
from typing import Any

DEEPEST = 32
_BOUNDARY = re.compile(r'(?i);\s*boundary="?([^";]+)')
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def rebuilt(part: Any, depth: int = 0) -> bytes:
    """An `IMessageIMAPPart` in octets: headers and body, or headers and parts."""
    headers = dict(part.getHeaders(True))
    if not part.isMultipart() or depth > DEEPEST:
        body: bytes = part.getBodyFile().read()
        return _header(headers) + body
    content_type = text(headers.get("content-type", "multipart/mixed"))
    found = _BOUNDARY.search(content_type)
    boundary = found[1] if found else "=_mailtwist"
    if not found:
        headers["content-type"] = f'{content_type}; boundary="{boundary}"'
    mark = b"\r\n--" + boundary.encode("utf-8")
    parts = b"".join(mark + b"\r\n" + rebuilt(one, depth + 1) for one in _parts(part))
    return _header(headers) + parts + mark + b"--\r\n"


def date(stock: Any) -> tuple[float, int]:
    """Seconds since 1970 and minutes east of UTC of a `getInternalDate`; 1970 for what is no date."""
    known = parsedate_tz(text(stock))
    if known is None:
        return 0.0, 0
    return float(mktime_tz(known)), (known[9] or 0) // 60


def date_written(received: float, zone: int) -> bytes:
    """As `addMessage` gets it: `17-Jul-1996 02:44:25 -0700`."""
    when = datetime.fromtimestamp(received, timezone(timedelta(minutes=zone)))
    return f"{when:%d}-{_MONTHS[when.month - 1]}-{when:%Y %H:%M:%S %z}".encode("ascii")


def text(known: Any) -> str:
    """Names, flags and headers are sometimes bytes."""
    return known.decode("utf-8", "replace") if isinstance(known, bytes) else str(known)


def _parts(part: Any) -> Iterator[Any]:
    for number in range(10_000):
        try:
            one = part.getSubPart(number)
        except IndexError:
            return
        yield one


def _header(headers: dict[str, Any]) -> bytes:
    lines = (
        f"{text(name).title()}: " + "\r\n".join(text(value).splitlines()) for name, value in headers.items()
    )
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8") + b"\r\n"
