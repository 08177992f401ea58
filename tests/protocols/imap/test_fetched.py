"""What FETCH answers without reading a message piece by piece is what it would have read."""

from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.reading import Pace, Reading, Structures
from mailtwist.protocols.imap.sections import Section, Span
from mailtwist.store.content import Octets
from mailtwist.testing.corpus import messages
from tests.protocols.imap.asking import Client
from tests.protocols.imap.scene import now
from tests.protocols.imap.test_fetch import TWO, FetchCase

HEADED = b"FETCH 1:* (UID ENVELOPE BODY BODYSTRUCTURE)"


async def breathe():
    pass


class FactTests(FetchCase):
    def no_opening(self, client):
        async def open_some(uids):
            raise AssertionError("a message is opened")

        client.mailbox.open_some = open_some

    def answers(self, heard):
        """However they are ordered."""
        return sorted(heard.rpartition(b"\r\nt")[0].split(b"\r\n* "))

    def test_what_was_worked_out_once_needs_no_message(self):
        client = Client(messages())
        first = client.ask(HEADED)
        self.no_opening(client)
        second = client.ask(HEADED)
        self.assertEqual(self.answers(first), self.answers(second))
        self.assertIn(b"(ENVELOPE (", client.ask(b"FETCH 1 ENVELOPE"))

    def test_one_of_several_is_not_enough(self):
        client = Client(TWO)
        client.ask(b"FETCH 1 ENVELOPE")
        self.assertEqual(client.ask(b"FETCH 1:2 (ENVELOPE BODY)").count(b" BODY ("), 2)

    def test_flags_are_those_of_now(self):
        client = Client(TWO)
        client.ask(b"FETCH 1 (FLAGS ENVELOPE)")
        client.ask(b"STORE 1 FLAGS.SILENT (\\Flagged)")
        self.assertIn(b"FLAGS (\\Flagged \\Recent)", client.ask(b"FETCH 1 (FLAGS ENVELOPE)"))

    def test_a_message_that_has_gone_is_not_told_from_memory(self):
        client = Client(TWO)
        client.ask(b"FETCH 1:2 ENVELOPE")
        other = Client(select=b"SELECT", scene=client.scene)
        other.ask(b"STORE 1 FLAGS (\\Deleted)")
        other.ask(b"EXPUNGE")
        heard = client.ask(b"FETCH 1:2 ENVELOPE")
        self.assertEqual(heard.count(b"ENVELOPE ("), 1)
        self.assertIn(b"OK [EXPUNGEISSUED]", heard)


class SectionTests(FetchCase):
    def test_a_simple_section_of_octets_is_what_reading_finds(self):
        whole = [
            *messages(),
            b"",
            b"\r\n",
            b"\r\nbody",
            b"A: b",
            b"A: b\r\n",
            b"A: b\r\n\r\n",
            b"A: b\n\nbody\n",
        ]
        for octets in whole:
            for words in (
                b"[]",
                b"[TEXT]",
                b"[HEADER]",
                b"[]<1.7>",
                b"[TEXT]<2.900000>",
                b"[HEADER]<90000.1>",
            ):
                section = Section.parse(Arguments(words))
                self.assertTrue(section.simple)
                reading = Reading(1, Octets(octets), Structures(), Pace(breathe))
                found = now(section.find(reading))
                assert isinstance(found, Span)
                self.assertEqual(
                    section.cut_of(octets), octets[found.start : found.end], (words, octets[:99])
                )

    def test_parts_and_fields_are_not_simple(self):
        for words in (b"[1]", b"[1.MIME]", b"[HEADER.FIELDS (To)]"):
            self.assertFalse(Section.parse(Arguments(words)).simple)
