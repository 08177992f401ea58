"""The character sets mail comes in; names are strangers' words, so only known ones are looked up.  rfc2978"""

import codecs
import encodings
from codecs import IncrementalDecoder
from encodings.aliases import aliases
from functools import lru_cache
from typing import Any

# Python's aliases lead to codecs that are no character sets, too; of the latter some are slow on purpose.
_NO_CHARSETS = {
    "base64_codec",
    "bz2_codec",
    "hex_codec",
    "quopri_codec",
    "rot_13",
    "uu_codec",
    "zlib_codec",
    "mbcs",
}
_WITHOUT_ALIAS = {"koi8_u", "koi8_t", "utf_8_sig", "cp720", "cp737", "cp856", "cp874", "cp875", "mac_arabic"}
_KNOWN = (frozenset(aliases.values()) | _WITHOUT_ALIAS) - _NO_CHARSETS
_ALSO = {"x_sjis": "shift_jis", "x_gbk": "gbk", "iso_8859_8_i": "iso8859_8", "windows_874": "cp874"}
_WIDER = {  # what such mail is really written in
    "ascii": "utf_8",
    "latin_1": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}


def known(name: str) -> str | None:
    """Python's name of a character set; None when there is none that we know."""
    return _known(name) if len(name) <= 40 else None


@lru_cache(maxsize=256)
def _known(name: str) -> str | None:
    plain = encodings.normalize_encoding(name).lower()
    found = aliases.get(plain) or _ALSO.get(plain, plain)
    return found if found in _KNOWN else None


def decoder(name: str) -> IncrementalDecoder:
    """One that never fails: what cannot be read becomes U+FFFD, and an unknown set is read as UTF-8."""
    found = known(name) or "utf_8"
    if found in ("utf_16", "utf_32"):
        return _ByteOrder(found)
    if found == "utf_7":
        return _Shifted()
    return codecs.getincrementaldecoder(_WIDER.get(found, found))(errors="replace")


def decoded(octets: bytes, name: str) -> str:
    """All of `octets` in one piece."""
    return decoder(name).decode(octets, True)


def strictly_decoded(octets: bytes, name: str) -> str:
    """The same, but UnicodeError where that cannot be read, and LookupError for an unknown set."""
    found = known(name)
    if found is None:
        raise LookupError(name)
    return octets.decode(_WIDER.get(found, found))


class _ByteOrder(IncrementalDecoder):
    """Without a byte order mark it is big-endian (rfc2781#4.3); Python's own would fail."""

    def __init__(self, name: str) -> None:
        super().__init__("replace")
        self._name = name
        self._inner = codecs.getincrementaldecoder(name)("replace")

    def decode(self, input: Any, final: bool = False) -> str:
        waiting = self._inner.getstate()[0]
        try:
            return self._inner.decode(input, final)
        except UnicodeError:
            self._inner = codecs.getincrementaldecoder(f"{self._name}_be")("replace")
            return self._inner.decode(waiting + input, final)


class _Shifted(IncrementalDecoder):
    """UTF-7.  Python's own keeps a shifted run until its end and reads all of it anew with every block; a run
    that is longer than any text is ended here."""

    LONGEST = 4096

    def __init__(self) -> None:
        super().__init__("replace")
        self._inner = codecs.getincrementaldecoder("utf_7")("replace")

    def decode(self, input: Any, final: bool = False) -> str:
        text: list[str] = []
        for start in range(0, len(input), self.LONGEST):
            text.append(self._inner.decode(input[start : start + self.LONGEST]))
            if len(self._inner.getstate()[0]) > self.LONGEST:
                text.append(self._end())
        return "".join(text) + (self._end() if final else "")

    def _end(self) -> str:
        text = self._inner.decode(b"", True)
        self._inner.reset()
        return text
