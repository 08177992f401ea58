"""How many password hashes are made at the same time."""

import os

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.directories.passwords import AT_ONCE, at_once


class AtOnceTests(SynchronousTestCase):
    def test_one_processor_is_left_to_everybody_else(self):
        for processors, hashes in ((1, 1), (2, 1), (3, 2), (64, AT_ONCE)):
            self.patch(os, "sched_getaffinity", lambda process, count=processors: set(range(count)))
            self.assertEqual(at_once(), hashes, processors)
