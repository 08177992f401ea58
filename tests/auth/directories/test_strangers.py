"""What somebody unknown costs."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.directories.strangers import MOST, Strangers


class StrangersTests(SynchronousTestCase):
    def test_a_name_has_one_hash_and_names_have_many(self) -> None:
        strangers = Strangers()
        self.assertIsNone(strangers.hash_for("ann"))
        for number in range(MOST):
            strangers.saw(f"hash {number}")
        given = {name: strangers.hash_for(name) for name in map(str, range(200))}
        self.assertEqual(given, {name: strangers.hash_for(name) for name in given})
        self.assertGreater(len(set(given.values())), 10)
        self.assertNotEqual(given, {name: self.like(strangers).hash_for(name) for name in given})

    def like(self, other: Strangers) -> Strangers:
        strangers = Strangers()
        for stored in other._hashes:
            strangers.saw(stored)
        return strangers

    def test_no_more_are_kept_than_are_needed_and_none_that_is_gone(self) -> None:
        strangers = Strangers()
        for number in range(10 * MOST):
            strangers.saw(f"hash {number}")
            strangers.saw("often")
        self.assertEqual(len(strangers._hashes), MOST)
        for stored in list(strangers._hashes):
            strangers.forget(stored)
            strangers.forget(stored)
        self.assertIsNone(strangers.hash_for("ann"))
