"""After a change each listener is looked at as a client would; the log hears of what is not shown."""

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from twisted.trial.unittest import TestCase

from mailtwist.testing.clock import ManualClock
from mailtwist.tls.certificates import Bundle
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.listener import Policy
from mailtwist.tls.own_listeners import MOST, OwnListeners, shown
from mailtwist.tls.table import Table, new_context
from tests.hearing import heard
from tests.tls.made import Authority

ROOT = Authority()
MX = ROOT.bundle("mx.example.org")
WIDE = ROOT.bundle("*.example.net")


class WithListeners(TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.contexts = ServerContexts("mx.example.org")
        self.contexts.serve([MX, WIDE])
        self.open = self.contexts.listener(Policy(strict=True), "imaps")
        self.picky = self.contexts.listener(Policy("reject", "reject"), "submissions")
        self.events = heard(self)

    def told(self, *new: Bundle) -> list[str]:
        own = OwnListeners(self.contexts, "[tls:main]", self.clock)
        own.look(new)
        for _ in range(100):
            self.clock.advance(0)
        own.stop()
        lines = [one for one in self.events if one["event_id"] == "tls.not_shown"]
        return sorted(f"{one['service']} {one['asked']} {one['names']}" for one in lines)

    def is_wrong(self, name: str, bundle: Bundle) -> None:
        """Whoever asks for it sees another one, whatever the table says."""
        table = self.contexts.table
        object.__setattr__(
            table, "contexts", {**table.contexts, name: new_context((bundle,), lambda context: None)}
        )


class Looking(WithListeners):
    def test_all_is_well(self) -> None:
        self.assertEqual(self.told(MX, WIDE), [])

    def test_nobody_was_there(self) -> None:
        self.told(MX, WIDE)
        self.assertEqual(dict(self.contexts.found), {})
        self.assertEqual(self.contexts.nameless.networks, [])

    def test_an_old_one_is_told_for_each_listener(self) -> None:
        old = ROOT.bundle("mx.example.org", begins=ROOT.begins)
        self.is_wrong("mx.example.org", old)
        wrong = [f"{service} mx.example.org mx.example.org" for service in ("TLS", "imaps", "submissions")]
        self.assertEqual(self.told(MX), sorted(wrong))

    def test_a_default_that_is_not_shown_is_told_but_where_nobody_is_shown_it(self) -> None:
        wide, find = new_context((WIDE,), lambda context: None), Table.find
        self.patch(Table, "find", lambda table, raw: find(table, raw) if raw else (wide, "missing"))
        self.assertEqual(self.told(MX), [f"{service} no name mx.example.org" for service in ("TLS", "imaps")])

    def test_what_is_served_no_more_is_not_looked_for(self) -> None:
        self.contexts.serve([MX])
        self.assertEqual(self.told(WIDE), [])

    def test_of_thousands_some_are_looked_at(self) -> None:
        many = [MX, *(MX for _ in range(MOST))]
        self.is_wrong("mx.example.org", ROOT.bundle("mx.example.org", begins=ROOT.begins))
        self.assertEqual(len(self.told(*many)), 3 * MOST)

    def test_a_change_during_a_look_is_looked_at_too(self) -> None:
        self.is_wrong("mx.example.org", ROOT.bundle("mx.example.org", begins=ROOT.begins))
        own = OwnListeners(self.contexts, "[tls:main]", self.clock)
        own.look([WIDE])
        self.assertEqual(len(self.told(MX)), 3)
        self.clock.advance(0)
        own.look([MX])
        for _ in range(20):
            self.clock.advance(0)
        self.assertEqual(len(self.told()), 6)

    def test_who_stops_looks_no_more(self) -> None:
        self.is_wrong("mx.example.org", ROOT.bundle("mx.example.org", begins=ROOT.begins))
        own = OwnListeners(self.contexts, "[tls:main]", self.clock)
        own.look([MX])
        own.stop()
        self.clock.advance(1)
        self.assertEqual(self.events, [])


class Shown(WithListeners):
    def test_who_asks_sees_what_a_client_sees(self) -> None:
        self.assertEqual(shown(self.open, "mx.example.org", "EC"), MX.leaf)
        self.assertEqual(shown(self.open, "a.example.net", "EC"), WIDE.leaf)
        self.assertEqual(shown(self.open, "", "EC"), MX.leaf)

    def test_who_is_refused_sees_nothing(self) -> None:
        self.assertIsNone(shown(self.picky, "", "EC"))
        self.assertEqual(shown(self.picky, "mx.example.org", "EC"), MX.leaf)

    def test_each_kind_of_key_is_seen(self) -> None:
        both = [ROOT.bundle("mx.example.org", kind="RSA"), MX]
        self.contexts.serve(both)
        for bundle, kind in zip(both, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey), strict=True):
            leaf = shown(self.open, "mx.example.org", bundle.key_kind)
            assert leaf is not None
            self.assertIsInstance(leaf.public_key(), kind)
        self.assertEqual(self.told(*both), [])
