"""From what a client has sent to what a page hears, or to why not.  rfc9112#3 rfc9110#7.2"""

import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import unquote_to_bytes

from mailtwist.web.api import Answer, said

HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{0,5})?")
ABSOLUTE = re.compile(r"https?://([^/?#]*)(/[^#]*|\?[^#]*|)", re.IGNORECASE)
ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")

BAD_TARGET = said(400, "The request's target cannot be understood.")
BAD_HOST = said(400, "The request does not say for which host it is, or says it twice.")
BAD_FRAMING = said(400, "How long the request's body is cannot be understood.")
BAD_REQUEST = said(400, "The request cannot be understood.")
TOO_MANY_HEADERS = said(431, "The request's header is too large.")
TOO_LARGE = said(413, "The request's body is too large.")
TOO_SLOW = said(408, "The request took too long.")


class Refused(Exception):
    """The request ends with this answer, and so does the connection."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def read_target(raw: bytes) -> tuple[str, str, str | None]:
    """The path decoded, path and query as they came, and the host if the target names one.  `Refused` for
    what is no place on a site."""
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError:
        raise Refused(BAD_TARGET) from None
    host = None
    if absolute := ABSOLUTE.fullmatch(text):  # rfc9112#3.2.2
        host, text = absolute[1], absolute[2]
        text = text if text.startswith("/") else f"/{text}"
    if not text.startswith("/") or not text.isprintable() or "#" in text:
        raise Refused(BAD_TARGET)
    return _decoded(text.partition("?")[0]), text, host


def _decoded(path: str) -> str:
    try:
        decoded = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(BAD_TARGET) from None
    strange = ESCAPE.search(path) or not decoded.isprintable()
    if strange or not {".", ".."}.isdisjoint(decoded.split("/")):
        raise Refused(BAD_TARGET)
    return decoded


def read_host(named: str | None, fields: tuple[str, ...], required: bool) -> str:
    """Without its port, in lower case.  `named` is what the target says, which counts for more.  `Refused`
    when there are two, or none where one is `required` (HTTP/1.1), or it is none.  rfc9112#3.2"""
    if len(fields) > 1 or (required and not fields):
        raise Refused(BAD_HOST)
    text = named if named is not None else "".join(fields)
    if not text and not required:
        return ""
    if not (found := HOST.fullmatch(text)):
        raise Refused(BAD_HOST)
    return found[1].lower().removesuffix(".")


def read_headers(fields: Iterable[tuple[bytes, Sequence[bytes]]]) -> Mapping[str, tuple[str, ...]]:
    """By name, in lower case; octets that are not ASCII stand as in Latin-1.  `Refused` when the way that the
    body is framed is not one that everybody understands alike."""
    headers = {
        name.decode("ascii").lower(): tuple(value.decode("latin-1") for value in values)
        for name, values in fields
    }
    coding = headers.get("transfer-encoding")
    if coding is not None and ([one.lower() for one in coding] != ["chunked"] or "content-length" in headers):
        raise Refused(BAD_FRAMING)
    return headers


def wants_to_close(headers: Mapping[str, tuple[str, ...]]) -> bool:
    """rfc9112#9.6"""
    words = ",".join(headers.get("connection", ())).split(",")
    return "close" in (word.strip().lower() for word in words)


def asks_first(headers: Mapping[str, tuple[str, ...]]) -> bool:
    """The client waits for a word before it sends the body.  rfc9110#10.1.1"""
    return "100-continue" in (value.strip().lower() for value in headers.get("expect", ()))
