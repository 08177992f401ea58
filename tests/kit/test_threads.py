"""Work in threads."""

import threading

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import TestCase

from mailtwist.kit.spawn import started, together
from mailtwist.kit.threads import Threads


class ThreadsTests(TestCase):
    def setUp(self):
        self.threads = Threads("tested", 2)
        self.addCleanup(self.threads.stop)

    async def test_what_is_returned_comes_back_and_was_done_elsewhere(self):
        here = threading.get_ident()
        self.assertEqual(await self.threads.run(divmod, 7, 2), (3, 1))
        self.assertNotEqual(await self.threads.run(threading.get_ident), here)

    async def test_what_is_raised_comes_back(self):
        with self.assertRaises(ZeroDivisionError):
            await self.threads.run(divmod, 1, 0)
        self.assertEqual(await self.threads.run(int), 0)

    async def test_a_system_that_has_no_more_threads_leaves_those_that_are_there(self):
        def start(thread):
            raise RuntimeError("can't start new thread")

        self.assertEqual(await self.threads.run(int), 0)
        self.patch(threading.Thread, "start", start)
        self.assertEqual(await together(*(self.threads.run(int) for _ in range(3))), [0, 0, 0])
        with self.assertRaises(RuntimeError):
            await Threads("none", 2).run(int)

    async def test_so_many_at_a_time_and_no_more(self):
        now, most, lock = [0], [0], threading.Lock()
        both = threading.Barrier(2)

        def work():
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            both.wait(30)
            with lock:
                now[0] -= 1

        await together(*(self.threads.run(work) for _ in range(6)))
        self.assertEqual(most, [2])

    async def test_one_after_the_other_needs_one_thread(self):
        names = {await self.threads.run(lambda: threading.current_thread().name) for _ in range(5)}
        self.assertEqual(names, {"tested-0"})

    async def test_who_stops_waiting_leaves_the_work_to_its_end(self):
        go = threading.Event()

        def work():
            go.wait(30)
            return 1

        waiting = started(self.threads.run(work))
        waiting.cancel()
        await self.assertFailure(waiting, CancelledError)
        go.set()
        self.assertEqual(await self.threads.run(lambda: 2), 2)

    async def test_stopping_waits_and_one_may_ask_again(self):
        done = []
        started(self.threads.run(done.append, 1))
        self.threads.stop()
        self.assertEqual(done, [1])
        self.assertEqual(await self.threads.run(int), 0)
