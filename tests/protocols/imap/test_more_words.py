"""A part adds an item to FETCH and a key to SEARCH."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.imap.extension import Dialect, Extension, whole
from mailtwist.protocols.imap.fetch_items import FetchItem, Pieces, Read, known
from mailtwist.protocols.imap.reading import Reading
from mailtwist.protocols.imap.search_keys import Known
from mailtwist.protocols.imap.search_terms import SearchKey, Terms
from tests.protocols.imap.asking import Client
from tests.protocols.imap.scene import Scene, now


async def shout(reading: Reading) -> Pieces:
    return [b'"%b"' % (await reading.header()).strip().upper()]


def multiple(terms: Terms) -> Known:
    number = terms.number()
    return Known(lambda entry: entry.uid % number == 0)


more = Extension(
    name="more",
    rfc=3501,
    fetch_items=(
        known("X-TWICE", lambda selected, entry: b"%d" % (2 * entry.uid)),
        FetchItem("X-SHOUT", lambda arguments: Read(b"X-SHOUT", shout)),
    ),
    search_keys=(SearchKey("X-MULTIPLE", multiple),),
)


class MoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        scene = Scene()
        scene.factory.dialect = Dialect((*whole().extensions, more))
        now(scene.account.create("Box"))
        self.client = Client(scene=scene)
        for _ in range(6):
            self.client.ask(b"APPEND Box {4+}\r\nA: b")

    def test_its_items_are_fetched(self) -> None:
        heard = self.client.ask(b"FETCH 3 (x-twice X-SHOUT UID)")
        self.assertTrue(heard.startswith(b'* 3 FETCH (X-TWICE 6 X-SHOUT "A: B" UID 3)\r\n'), heard)

    def test_its_keys_are_searched_for(self) -> None:
        self.assertEqual(self.client.search(b"x-multiple 2 NOT X-MULTIPLE 3"), [2, 4])

    def test_others_do_not_know_them(self) -> None:
        client = Client()
        for command in (b"FETCH 1 X-TWICE", b"SEARCH X-MULTIPLE 2"):
            self.assertIn(b" BAD There is no such ", client.ask(command))
