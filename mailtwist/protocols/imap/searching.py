"""How messages are searched: no further than the question needs, their octets read once.  rfc3501#6.4.4"""

from collections.abc import Sequence

from mailtwist.kit.spawn import spawn
from mailtwist.mail import encoded_words, glance, headers
from mailtwist.mail.matching import Finder, folded
from mailtwist.mail.plain_text import PlainText
from mailtwist.mail.structure import Part, StructureParser
from mailtwist.protocols.imap.door import Session
from mailtwist.protocols.imap.reading import EACH as EACH_READ
from mailtwist.protocols.imap.reading import Pace, Reading
from mailtwist.protocols.imap.search_keys import Plan, Text
from mailtwist.protocols.imap.search_some import Some
from mailtwist.store.content import Octets
from mailtwist.store.facts import room_for

COMPARED = 4 * 1024 * 1024
"""Characters that the keys of one SEARCH, all together, are held against in one header; what is too long for
very many keys is cut."""

EACH = 50
"""What a field costs besides its characters."""

OPENED = 128
"""Messages that are opened together."""

ASKED_TOGETHER = 1_000
"""Messages whose facts are asked for at a time."""

GLANCED = 4
"""An octet that is looked at with all others costs so much less than one that is taken apart."""

FACT = "fields.1"
FIELDS = frozenset((b"bcc", b"cc", b"date", b"from", b"message-id", b"subject", b"to"))
"""Those that people search; the store keeps them as they stand in each message that was searched once."""


class Search:
    """The messages of one SEARCH that have to be looked into."""

    def __init__(self, session: Session, plan: Plan) -> None:
        self._plan = plan
        self._selected = session.selected
        self._pace = Pace(session.breathe)
        self._learns = bool(plan.fields) and plan.fields <= FIELDS

    async def fitting(self, some: Some, unsure: int) -> int:
        """Those of the `unsure` that fit."""
        found, places = list[int](), list(some.places(unsure))
        if self._learns:
            found, places = await self._out_of_facts(some, places)
        while places:
            count, fit = await self._in_opened(some, places)
            found += fit
            places = places[count:]
        return some.at([range(place, place + 1) for place in found])

    async def _in_opened(self, some: Some, places: Sequence[int]) -> tuple[int, list[int]]:
        """How many of them were looked into, the first, and those of them that fit."""
        found, facts, entries = list[int](), dict[int, bytes](), some.entries
        opened = await self._selected.mailbox.open_some([entries[place].uid for place in places[:OPENED]])
        try:
            for place, content in zip(places, opened, strict=False):
                if content is None:
                    continue
                reading = Reading(entries[place].uid, content, self._selected.structures, self._pace)
                octets = content.octets if isinstance(content, Octets) else b""
                if await fits(self._plan, some.one(place), reading, octets):
                    found.append(place)
                if self._learns:
                    facts[entries[place].uid] = await _kept(reading)
        finally:
            for content in filter(None, opened):
                content.close()
        self._keep(facts)
        return len(opened), found

    async def _out_of_facts(self, some: Some, places: Sequence[int]) -> tuple[list[int], list[int]]:
        """Those that fit, and those that have to be opened."""
        found: list[int] = []
        others: list[int] = []
        entries = some.entries
        for start in range(0, len(places), ASKED_TOGETHER):
            asked = places[start : start + ASKED_TOGETHER]
            known = await self._selected.mailbox.known(FACT, [entries[place].uid for place in asked])
            for place in asked:
                fact = known.get(entries[place].uid)
                decided = None if fact is None else _by_fields(self._plan, some.one(place), fact)
                if decided is None:
                    others.append(place)
                elif decided:
                    found.append(place)
                await self._pace.went(EACH_READ // 4 + len(fact or b""))
        return found, others

    def _keep(self, facts: dict[int, bytes]) -> None:
        """The store learns what is not too much; nobody waits for that."""
        mailbox = self._selected.mailbox
        kept = {
            uid: fact
            for uid, fact in facts.items()
            if (entry := mailbox.entry(uid)) is not None and len(fact) <= room_for(entry.size) // 2
        }
        if kept:
            spawn(mailbox.learn(FACT, kept), "keeping fields that were searched")


async def fits(plan: Plan, message: Some, reading: Reading, octets: bytes) -> bool:
    """The one `message` fits, after as much reading as that takes; `octets` if it is in memory."""
    if plan.fields and (known := _by_fields(plan, message, await reading.header())) is not None:
        return known
    if octets and glance.without(octets, [one.text for one in plan.texts]):
        message.missing = plan.texts
        await reading.pace.went(len(octets) // GLANCED)
    else:
        message.missing = await _missing(plan.texts, reading)
    found, _ = plan.key.sift(message)
    return bool(found)


def _by_fields(plan: Plan, message: Some, header: bytes) -> bool | None:
    """Whether it fits; None when more of it has to be read."""
    message.header = _folded_fields(header, plan)
    found, possible = plan.key.sift(message)
    return bool(found) if found == possible else None


async def _kept(reading: Reading) -> bytes:
    return b"".join([raw for _, raw in headers.named(await reading.header(), FIELDS)])


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
    search = _Heard(texts)
    text = PlainText(search)
    parser = StructureParser(text)
    async for _ in reading.fed(parser):
        if search.found_all:
            break
    else:
        parser.finish()
        text.end()
    return search.missing


class _Heard:
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
