"""The corpus is what its users rely on."""

from twisted.trial.unittest import TestCase

from mailtwist.testing.corpus import SHAPES, long_lined, messages, seven_bit, smtp_exact


class CorpusTests(TestCase):
    def test_the_same_messages_come_every_time(self):
        self.assertEqual(messages(), messages())
        self.assertEqual(len(messages(7)), 7)

    def test_another_seed_makes_other_messages(self):
        self.assertNotEqual(messages(), messages(seed=1))

    def test_no_message_has_what_smtp_refuses(self):
        for message in messages():
            self.assertEqual(message.count(b"\r\n"), message.count(b"\r"))
            self.assertEqual(message.count(b"\r\n"), message.count(b"\n"))
            self.assertNotIn(b"\0", message)

    def test_two_hundred_hold_every_shape_and_every_kind(self):
        self.assertGreater(200, 5 * len(SHAPES))
        for kind in (seven_bit, smtp_exact, long_lined):
            self.assertEqual({kind(message) for message in messages()}, {True, False}, kind)
