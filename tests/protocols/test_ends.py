"""What goes to the peer, and when its transport learns who it comes from."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.ends import MUCH, Output


class Silent:
    """A transport that does not say whether something is unsent."""

    def __init__(self):
        self.did = []

    def write(self, data):
        self.did.append(len(data))

    def registerProducer(self, producer, streaming):
        self.did.append("register")

    def unregisterProducer(self):
        self.did.append("unregister")


class Telling(Silent):
    unsent = False


class Wrapper(Silent):
    """Hands on what it does not know."""

    def __getattr__(self, name):
        return getattr(Telling(), name)


class Producer(SynchronousTestCase):
    def did(self, transport, *sizes):
        out = Output(transport, lambda: None, lambda octets: None)
        out.register()
        for size in sizes:
            out.write(b"x" * size)
            out.flush()
        out.unregister()
        return transport.did

    def test_short_answers_need_none(self):
        self.assertEqual(self.did(Telling(), 10, MUCH), [10, MUCH])

    def test_much_does(self):
        self.assertEqual(self.did(Telling(), 10, MUCH + 1), [10, "register", MUCH + 1, "unregister"])

    def test_so_does_what_comes_behind_something_unsent(self):
        transport = Telling()
        transport.unsent = True
        self.assertEqual(self.did(transport, 10), ["register", 10, "unregister"])

    def test_it_may_become_unsent_later(self):
        transport = Telling()
        out = Output(transport, lambda: None, lambda octets: None)
        out.register()
        transport.unsent = True
        out.write(b"x")
        out.flush()
        self.assertEqual(transport.did, ["register", 1])

    def test_who_does_not_tell_is_always_told(self):
        for transport in (Silent(), Wrapper()):
            self.assertEqual(self.did(transport, 10), ["register", 10, "unregister"])


class Unwatched(SynchronousTestCase):
    """What a transport took without a producer, and may still have, is known."""

    def after(self, transport, *sizes):
        out = Output(transport, lambda: None, lambda octets: None)
        for size in sizes:
            out.write(b"x" * size)
            out.flush()
        return out

    def test_it_adds_up_where_nobody_can_tell(self):
        self.assertEqual(self.after(Silent(), 10, 20, 30).unwatched, 60)

    def test_what_has_gone_does_not_count(self):
        self.assertEqual(self.after(Telling(), 10, 20, 30).unwatched, 30)

    def test_it_is_watched_with_a_producer(self):
        transport = Telling()
        transport.unsent = True
        out = self.after(transport, 10, 20)
        self.assertEqual(out.unwatched, 30)
        out.register()
        out.write(b"x")
        out.flush()
        self.assertEqual(out.unwatched, 0)
