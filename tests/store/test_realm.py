"""A third party's realm is a store: found by its name, and told of in a sentence when it is none."""

from pathlib import Path

from twisted.cred.portal import IRealm
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailtwist.config.values import Dotted
from mailtwist.kit.spawn import started
from mailtwist.store.realm import Settings, part
from mailtwist.testing.assembly import OnePart


@implementer(IRealm)
class Realm:
    def requestAvatar(self, avatarId, mind, *interfaces):
        return interfaces[0], avatarId, lambda: None


made = Realm()


class Named(SynchronousTestCase):
    def settings(self, name):
        return Settings(realm=Dotted.parse(f"tests.store.test_realm:{name}"))

    def build(self, name):
        return part.build(self.settings(name), OnePart(Path(self.mktemp())))

    def check(self, name):
        return self.successResultOf(started(part.check(self.settings(name), OnePart(Path(self.mktemp())))))

    def test_an_object_is_the_store(self):
        self.assertIs(self.build("made"), made)
        self.assertEqual(self.check("made"), [])

    def test_a_class_is_called(self):
        self.assertIsInstance(self.build("Realm"), Realm)

    def test_what_is_no_realm_is_said_so(self):
        error = self.assertRaises(ValueError, self.build, "Path")
        self.assertEqual(
            str(error), "tests.store.test_realm:Path does not provide twisted.cred.portal.IRealm"
        )
        self.assertEqual(self.check("Path"), [("realm", str(error))])

    def test_what_is_not_there_is_said_so(self):
        self.assertIn("nothing", self.check("nothing")[0][1])
