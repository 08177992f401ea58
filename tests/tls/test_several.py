"""Several sections as one: their certificates together, and their changes."""

from pathlib import Path

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.spawn import started
from mailtwist.testing.assembly import OnePart
from mailtwist.tls.certificates import BadCertificate
from mailtwist.tls.contexts import ServerContexts
from mailtwist.tls.hello import Hello
from mailtwist.tls.listener import Policy
from mailtwist.tls.sources.several import Sections, Settings, part
from tests.tls.made import Authority

ROOT = Authority()
A, B, C = (ROOT.bundle(f"{letter}.example") for letter in "abc")


class Together(SynchronousTestCase):
    def setUp(self) -> None:
        self.one, self.two = ServerContexts(), ServerContexts()
        self.house = OnePart(Path("."), parts={"tls": {"one": self.one, "two": self.two}})

    def built(self, **settings: object):
        return part.build(Settings(sections=Sections(["one", "two"]), **settings), self.house)

    def test_all_are_served_and_changes_followed(self) -> None:
        self.one.serve([A])
        self.two.serve([B])
        built = self.built()
        self.successResultOf(started(built.start()))
        self.assertEqual(built.bundles, (A, B))
        self.two.serve([C])
        self.assertEqual(built.bundles, (A, C))

    def test_nobody_waits_while_many_are_loaded(self) -> None:
        self.one.serve([A])
        built = self.built()
        self.successResultOf(started(built.start()))
        many = tuple(ROOT.bundle(f"n{number}.example") for number in range(20))
        self.two.serve(many)
        self.assertEqual(built.bundles, (A,))
        self.two.serve([B])  # overtakes it, if that is less work
        for _ in range(20):
            self.house.clock.advance(0)
        self.assertEqual(built.bundles, (A, B))
        self.two.serve(many)
        for _ in range(20):
            self.house.clock.advance(0)
        self.assertEqual(built.bundles, (A, *many))

    def test_nothing_is_loaded_twice(self) -> None:
        self.one.serve([A])
        self.two.serve([B, C])
        built = self.built()
        self.successResultOf(started(built.start()))
        self.assertIs(built.table.contexts["a.example"], self.one.table.contexts["a.example"])
        self.assertIs(built.table.contexts["c.example"], self.two.table.contexts["c.example"])

    def test_a_change_that_cannot_be_served_changes_nothing(self) -> None:
        self.one.serve([A])
        self.two.serve([B])
        built = self.built(default_name="b.example")
        self.successResultOf(started(built.start()))
        events: list[dict] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        self.two.serve([C])
        self.assertEqual(built.bundles, (A, B))
        self.assertEqual([e["event_id"] for e in events if "event_id" in e], ["tls.not_together"])

    def test_a_default_name_that_nobody_has_is_refused_at_the_start(self) -> None:
        self.one.serve([A])
        self.failureResultOf(started(self.built(default_name="z.example").start()), BadCertificate)

    def test_a_proof_of_one_of_them_is_shown(self) -> None:
        self.one.serve([A])
        built = self.built()
        listener = built.listener(Policy())
        hello = Hello(b"a.example", (b"acme-tls/1",))
        self.assertEqual((listener.listens, listener.proof(hello)), (False, None))
        for contexts in (self.two, built):
            contexts.prove("a.example", b"".join(ROOT.leaf("a.example")))
            self.assertIs(listener.proof(hello), contexts.proof(b"a.example"))
            self.assertTrue(listener.listens)
            contexts.proved("a.example")
            self.assertEqual((listener.listens, listener.proof(hello)), (False, None))

    def test_each_hears_of_names_that_are_asked_for(self) -> None:
        self.one.serve([A])
        built, asked = self.built(), []
        self.successResultOf(started(built.start()))
        self.two.asked = asked.append
        built.listener(Policy(unknown="reject")).refuses(Hello(b"New.example."), "")
        self.assertEqual(asked, ["new.example"])

    def test_sections_are_named(self) -> None:
        self.assertEqual(Sections.parse("one, two three,one"), ("one", "two", "three"))
        self.assertRaises(ValueError, Sections.parse, " , ")
