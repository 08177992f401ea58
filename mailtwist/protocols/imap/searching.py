"""How a message is searched: no further than the question needs, its octets read once.  rfc3501#6.4.4"""

from mailtwist.mail import encoded_words, headers
from mailtwist.mail.matching import Finder, folded
from mailtwist.mail.plain_text import PlainText
from mailtwist.mail.structure import Part, StructureParser
from mailtwist.protocols.imap.reading import Reading
from mailtwist.protocols.imap.search_keys import Plan, Text
from mailtwist.protocols.imap.search_some import Some

COMPARED = 4 * 1024 * 1024
"""Characters that the keys of one SEARCH, all together, are held against in one header; what is too long for
very many keys is cut."""

EACH = 50
"""What a field costs besides its characters."""


async def fits(plan: Plan, message: Some, reading: Reading) -> bool:
    """The one `message` fits, after as much reading as that takes."""
    if plan.fields:
        message.header = _folded_fields(await reading.header(), plan)
        found, possible = plan.key.sift(message)
        if found == possible:
            return bool(found)
    message.missing = await _missing(plan.texts, reading)
    found, _ = plan.key.sift(message)
    return bool(found)


def _folded_fields(header: bytes, plan: Plan) -> dict[bytes, list[str]]:
    room = COMPARED // max(plan.headers, 1)
    found: dict[bytes, list[str]] = {}
    for name, values in headers.values(header, plan.fields).items():
        texts = found[name] = []
        for value in values:
            texts.append(folded(encoded_words.decoded(value))[: max(room, 0)])
            room -= len(texts[-1]) + EACH
            if room < 0:
                break
    return found


async def _missing(texts: frozenset[Text], reading: Reading) -> frozenset[Text]:
    search = _Search(texts)
    text = PlainText(search)
    parser = StructureParser(text)
    async for _ in reading.fed(parser):
        if search.found_all:
            break
    else:
        parser.finish()
        text.end()
    return search.missing


class _Search:
    """A `plain_text.Reader`.  The header of the message itself is of interest for TEXT alone; headers of its
    parts are part of its body."""

    def __init__(self, texts: frozenset[Text]) -> None:
        self._texts = texts
        self._in_all = Finder([one.text for one in texts if one.header])
        self._in_body = Finder([one.text for one in texts if not one.header])
        self._part: Part | None = None

    @property
    def found_all(self) -> bool:
        return not self._in_all.missing and not self._in_body.missing

    @property
    def missing(self) -> frozenset[Text]:
        return frozenset(
            one for one in self._texts if one.text in (self._in_all if one.header else self._in_body).missing
        )

    def header(self, part: Part, text: str) -> None:
        self._divide(part)
        self._in_all.feed(text)
        if part.start:
            self._in_body.feed(text)
        self._divide(part)

    def body(self, part: Part, text: str) -> None:
        if part is not self._part:
            self._divide(part)
        self._in_all.feed(text)
        self._in_body.feed(text)

    def _divide(self, part: Part) -> None:
        self._part = part
        self._in_all.divide()
        self._in_body.divide()
