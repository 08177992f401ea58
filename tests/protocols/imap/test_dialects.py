"""What is left out is neither told nor understood, nor what builds on it."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.imap.extension import Dialect, Extension, whole
from tests.protocols.imap.asking import Client
from tests.protocols.imap.scene import Scene, now


def without(*names: str) -> Client:
    scene = Scene()
    scene.factory.dialect = Dialect.installed(without=names)
    now(scene.account.create("Box"))
    return Client(scene=scene)


class Without(SynchronousTestCase):
    def test_all_of_rev2_or_none(self) -> None:
        for name in (
            whole().extensions[[part.name for part in whole().extensions].index("imap4rev2")].builds_on
        ):
            ann = without(name)
            self.assertNotIn(b"IMAP4rev2", ann.ask(b"CAPABILITY"), name)
            if name != "enable":
                self.assertIn(b"* ENABLED\r\n", ann.ask(b"ENABLE IMAP4rev2"))

    def test_what_builds_on_what_is_missing_is_missing_too(self) -> None:
        ann = without("esearch")
        told = ann.ask(b"CAPABILITY")
        self.assertNotIn(b"SEARCHRES", told)
        self.assertIn(b"CONDSTORE", told)
        self.assertIn(b" BAD ", ann.ask(b"SEARCH RETURN () ALL"))
        self.assertIn(b" BAD ", ann.ask(b"FETCH $ FLAGS"))

    def test_foundations_fall_one_after_the_other(self) -> None:
        parts = [Extension(name=name, rfc=0, builds_on=(below,)) for name, below in ("ba", "cb", "dc")]
        dialect = Dialect((Extension(name="a", rfc=0), *parts))
        self.assertEqual(dialect.fitting(Lacks("b")).extensions, (dialect.extensions[0],))


class Lacks:
    def __init__(self, *names: str) -> None:
        self.lacks = names


class Literals(SynchronousTestCase):
    def append(self, ann: Client, size: int, plus: bytes = b"+") -> bytes:
        return ann.ask(b"APPEND Box {%d%b}\r\n%b" % (size, plus, b"x" * size))

    def test_any_size_with_plus(self) -> None:
        self.assertIn(b" OK [APPENDUID ", self.append(without(), 100_000))

    def test_minus_is_told_alone_and_has_its_limit(self) -> None:
        ann = without("literal_plus")
        told = ann.ask(b"CAPABILITY")
        self.assertIn(b" LITERAL- ", told)
        self.assertNotIn(b"LITERAL+", told)
        self.assertIn(b"IMAP4rev2", told)
        self.assertIn(b" OK [APPENDUID ", self.append(ann, 4096))
        self.assertRegex(self.append(ann, 4097), rb"^t\d+ BAD \[TOOBIG\] ")
        self.assertIn(b" OK [APPENDUID ", self.append(ann, 4097, plus=b""))

    def test_without_both_every_literal_is_asked_for(self) -> None:
        ann = without("literal_plus", "literal_minus")
        self.assertNotIn(b"LITERAL", ann.ask(b"CAPABILITY"))
        self.assertRegex(self.append(ann, 1), rb"^t\d+ BAD \[TOOBIG\] ")
