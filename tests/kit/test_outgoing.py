"""A connection of our own is known when it comes back, also to another worker."""

import os

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit import outgoing

HERE, THERE, PORT = "192.0.2.1", "192.0.2.2", 40_001


def asked_in_a_child(address: str, port: int) -> int:
    child = os.fork()
    if not child:
        os._exit(outgoing.hops(address, port))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class OutgoingTests(SynchronousTestCase):
    def test_it_is_known_while_it_is_there(self) -> None:
        over = outgoing.made(HERE, PORT, 2)
        self.assertEqual((outgoing.hops(HERE, PORT), outgoing.hops(THERE, PORT)), (2, 0))
        over()
        self.assertEqual(outgoing.hops(HERE, PORT), 0)

    def test_other_workers_know_it(self) -> None:
        child = os.fork()
        if not child:  # it ends without a word, as one that is killed
            outgoing.made(HERE, PORT, 3)
            os._exit(0)
        os.waitpid(child, 0)
        self.assertEqual((outgoing.hops(HERE, PORT), outgoing.hops(THERE, PORT)), (3, 0))
        over = outgoing.made(HERE, PORT, 1)
        self.assertEqual(outgoing.hops(HERE, PORT), 1)
        over()
        self.assertEqual(asked_in_a_child(HERE, PORT), 0)

    def test_one_that_ends_does_not_end_another_at_its_port(self) -> None:
        first, second = outgoing.made(HERE, PORT, 2), outgoing.made(THERE, PORT, 3)
        first()
        self.assertEqual((outgoing.hops(HERE, PORT), outgoing.hops(THERE, PORT)), (0, 3))
        self.assertEqual(asked_in_a_child(THERE, PORT), 3)
        second()

    def test_ports_that_cannot_be_are_nobodys(self) -> None:
        for port in (0, 65535, 65536, -1):
            self.assertEqual(outgoing.hops(HERE, port), 0)
