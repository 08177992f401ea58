"""Addresses of host names, remembered."""

import socket
import threading

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import TestCase

from mailtwist.kit.resolver import (
    FRESH,
    HASTE,
    MOST,
    NO_SUCH,
    PATIENCE,
    STALE,
    STALE_SERVED,
    Resolver,
    Unresolved,
    of_the_system,
)
from mailtwist.kit.spawn import started, together
from mailtwist.kit.threads import Threads
from mailtwist.testing.clock import ManualClock
from tests.hearing import heard


class Dns:
    """Answers from a table; an exception is raised; while `away`, nothing comes."""

    def __init__(self):
        self.table = {"mail.example.org": ["192.0.2.1", "2001:db8::1", "192.0.2.1"]}
        self.asked = []
        self.goes_on = threading.Event()
        self.goes_on.set()

    def __call__(self, name):
        self.asked.append(name)
        self.goes_on.wait(30)
        answer = self.table[name]
        if isinstance(answer, Exception):
            raise answer
        return answer


class ResolverTests(TestCase):
    def setUp(self):
        self.clock = ManualClock()
        self.dns = Dns()
        threads = Threads("names", 4)
        self.resolver = Resolver(self.clock, self.dns, threads)
        self.addCleanup(threads.stop)
        self.addCleanup(self.dns.goes_on.set)

    async def addresses(self, name="mail.example.org"):
        return await self.resolver.addresses(name)

    async def test_all_addresses_come_once_in_the_systems_order(self):
        self.assertEqual(await self.addresses(), ("192.0.2.1", "2001:db8::1"))

    async def test_an_address_is_its_own_answer(self):
        for written, meant in [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:DB8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("fe80::1%eth0", "fe80::1%eth0"),
        ]:
            self.assertEqual(await self.addresses(written), (meant,))
        self.assertEqual(self.dns.asked, [])

    async def test_an_answer_is_good_for_a_minute(self):
        await self.addresses()
        self.clock.advance(FRESH - 1)
        await self.addresses()
        self.assertEqual(len(self.dns.asked), 1)
        self.clock.advance(1)
        self.dns.table["mail.example.org"] = ["192.0.2.2"]
        self.assertEqual(await self.addresses(), ("192.0.2.2",))

    async def test_many_who_ask_are_one_question(self):
        answers = await together(*(self.addresses() for _ in range(50)))
        self.assertEqual({*answers}, {("192.0.2.1", "2001:db8::1")})
        self.assertEqual(len(self.dns.asked), 1)

    async def test_who_does_not_wait_any_more_leaves_the_others_their_answer(self):
        self.dns.goes_on.clear()
        one, other = started(self.addresses()), started(self.addresses())
        one.cancel()
        self.failureResultOf(one, CancelledError)
        self.dns.goes_on.set()
        self.assertEqual((await other)[0], "192.0.2.1")
        self.assertEqual(self.clock.reactor.getDelayedCalls(), [])

    async def test_a_name_that_is_not_there_is_not_looked_for_again_at_once(self):
        self.dns.table["nobody.example.org"] = Unresolved("nobody.example.org", "no such name", known=True)
        for _ in range(3):
            with self.assertRaises(Unresolved) as caught:
                await self.addresses("nobody.example.org")
            self.assertTrue(caught.exception.known)
            self.assertEqual(caught.exception.detail, "nobody.example.org: no such name")
        self.assertEqual(len(self.dns.asked), 1)
        self.clock.advance(NO_SUCH)
        self.dns.table["nobody.example.org"] = ["192.0.2.9"]
        self.assertEqual(await self.addresses("nobody.example.org"), ("192.0.2.9",))

    async def test_while_dns_is_away_old_answers_are_used(self):
        await self.addresses()
        self.dns.table["mail.example.org"] = OSError(-3, "Temporary failure in name resolution")
        self.clock.advance(FRESH)
        events = heard(self)
        self.assertEqual((await self.addresses())[0], "192.0.2.1")
        await self.addresses()
        self.assertEqual(len(self.dns.asked), 2, "asked again only after a while")
        self.assertEqual([one["event_id"] for one in events], [STALE_SERVED.id])
        self.clock.advance(STALE)
        with self.assertRaises(Unresolved) as caught:
            await self.addresses()
        self.assertFalse(caught.exception.known)
        self.assertIn("Temporary failure", caught.exception.detail)
        self.assertEqual(caught.exception.status, "4.4.3")

    async def test_dns_that_says_nothing_holds_nobody_up_who_has_an_old_answer(self):
        await self.addresses()
        self.clock.advance(FRESH)
        self.dns.goes_on.clear()
        waits = started(self.addresses())
        self.clock.advance(HASTE - 0.1)
        self.assertNoResult(waits)
        self.clock.advance(0.1)
        self.assertEqual(self.successResultOf(waits)[0], "192.0.2.1")
        self.assertEqual(self.successResultOf(started(self.addresses()))[0], "192.0.2.1", "and nobody else")

    async def test_dns_that_says_nothing_is_waited_for_so_long_and_no_longer(self):
        self.dns.goes_on.clear()
        waits = started(self.addresses())
        self.clock.advance(PATIENCE)
        error = self.failureResultOf(waits, Unresolved).value
        self.assertIn("no answer from DNS", error.detail)
        self.dns.goes_on.set()
        self.assertEqual((await self.addresses())[0], "192.0.2.1", "a late answer is one")

    async def test_so_many_names_are_remembered(self):
        names = [f"host{number}.example.org" for number in range(MOST + 1)]
        self.dns.table.update((name, ["192.0.2.1"]) for name in names)
        for name in names:
            await self.addresses(name)
        await self.addresses(names[-1])
        self.assertEqual(len(self.dns.asked), MOST + 1)
        await self.addresses(names[0])
        self.assertEqual(self.dns.asked[-1], names[0])


class SystemTests(TestCase):
    def test_the_machine_knows_itself(self):
        self.assertIn("127.0.0.1", of_the_system("localhost"))

    def test_what_cannot_be_a_name_is_none(self):
        for name in ("a" * 300, "x..y", "name with blanks", "\udcff"):
            with self.assertRaises(Unresolved, msg=name) as caught:
                of_the_system(name)
            self.assertTrue(caught.exception.known, caught.exception)

    def test_dns_that_is_away_is_told_from_a_name_that_is_not_there(self):
        for number, known in [(socket.EAI_NONAME, True), (socket.EAI_AGAIN, False), (socket.EAI_FAIL, False)]:

            def getaddrinfo(*args, number=number, **more):
                raise socket.gaierror(number, "words")

            self.patch(socket, "getaddrinfo", getaddrinfo)
            with self.assertRaises(Unresolved) as caught:
                of_the_system("mail.example.org")
            self.assertEqual((caught.exception.known, caught.exception.why), (known, "words"))
