"""What [service:pop3] says reaches its connections."""

import math
from pathlib import Path
from typing import Any

from twisted.cred.portal import IRealm
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailtwist.config.values import Duration, Names
from mailtwist.services.pop3 import Server, Settings, part
from mailtwist.store.memory import MemoryStore
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock


@implementer(IRealm)
class TheirRealm:
    """A third party's."""


class Built(SynchronousTestCase):
    def served(self, store: Any = None, **settings: Any) -> Server:
        clock = ManualClock()
        folder = Path(self.mktemp())
        folder.mkdir()
        stores = {"store": {"mail": store or MemoryStore(clock)}}
        assembly = OnePart(folder, clock=clock, parts=stores)
        service = part.build(Settings(store="mail", **settings), assembly)
        return service.door.buildProtocol(None)

    def told(self, **settings: Any) -> list[bytes]:
        server = self.served(**settings)
        return [one for one in server.dialect.capabilities(server) if one.startswith(("EXPIRE", "LOGIN"))]

    def test_messages_are_kept_for_ever_unless_it_says_otherwise(self) -> None:
        self.assertEqual(self.served().retention, math.inf)
        self.assertEqual(self.told(), ["EXPIRE NEVER"])
        self.assertEqual(self.told(expire=Duration(30 * 86400)), ["EXPIRE 30"])

    def test_of_mailboxes_of_a_realm_nothing_is_said(self) -> None:
        self.assertEqual(self.told(store=TheirRealm()), [])
        self.assertRaises(ValueError, self.served, TheirRealm(), expire=Duration(86400))

    def test_the_delay_is_one_for_all_connections(self) -> None:
        server = self.served(login_delay=Duration(90))
        self.assertIs(server.door._make().delays, server.delays)
        self.assertEqual(self.told(login_delay=Duration(90)), ["EXPIRE NEVER", "LOGIN-DELAY 90"])

    def test_any_language_is_the_operators_choice(self) -> None:
        self.assertEqual(self.served().preferred_language.tag, "en")
        self.assertEqual(self.served(language="de").preferred_language.name, "Deutsch")
        error = self.assertRaises(ValueError, self.served, language="dee")
        self.assertIn('no language "dee" is installed', str(error))

    def test_without_lang_there_is_still_english(self) -> None:
        server = self.served(without=Names(["lang", "lang_de"]))
        self.assertEqual(server.preferred_language.tag, "en")
        self.assertNotIn("LANG", server.dialect.capabilities(server))

    def test_headers_in_utf8_are_as_it_says(self) -> None:
        for how in ("downgrade", "refuse", "as_is"):
            self.assertEqual(self.served(utf8_headers=how).utf8_headers, how)
