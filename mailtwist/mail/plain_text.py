"""The text in a message as it is read: encodings undone, what is no text left out.  rfc2045 rfc2047"""

import re
from codecs import IncrementalDecoder
from typing import Protocol

from mailtwist.mail import charsets, encoded_words, transfer
from mailtwist.mail.structure import Part
from mailtwist.mail.transfer import Decode

_FOLD = re.compile(rb"\r?\n(?=[ \t])")


class Reader(Protocol):
    """Who wants the text, in pieces."""

    def header(self, part: Part, text: str) -> None: ...

    def body(self, part: Part, text: str) -> None: ...


class PlainText:
    """A `structure.Watcher` that makes text of the octets it is shown."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._part: Part | None = None
        self._undo: Decode = transfer.decode(b"")
        self._decoder: IncrementalDecoder = charsets.decoder("")

    def header(self, part: Part, octets: bytes) -> None:
        self.end()
        self._reader.header(part, encoded_words.decoded(_FOLD.sub(b"", octets)))

    def body(self, part: Part, octets: bytes) -> None:
        if not readable(part):
            return
        if part is not self._part:
            self.end()
            charset = part.parameter(b"charset") or b"us-ascii"
            self._part = part
            self._undo = transfer.decode(part.encoding)
            self._decoder = charsets.decoder(charset.decode("ascii", "replace"))
        self._reader.body(part, self._decoder.decode(self._undo(octets)))

    def end(self) -> None:
        """What the last part has held back is shown."""
        if self._part is not None:
            self._reader.body(self._part, self._decoder.decode(self._undo(b""), True))
            self._part = None


def readable(part: Part) -> bool:
    """Its body is text: it says so, or it is at least no BASE64, which hides pictures and programs."""
    return part.type.lower() in (b"text", b"message") or part.encoding.lower() != b"base64"
