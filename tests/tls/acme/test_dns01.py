"""Names are proven by a TXT record: whole, against a real bind9."""

from pathlib import Path

import dns.flags
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from mailtwist.config.resolver import DnsServers, ResolverSettings
from mailtwist.config.secret import Secret
from mailtwist.kit import dns as kit_dns
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import started, together
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.certificates import MemoryStore
from mailtwist.testing.clock import ManualClock
from mailtwist.tls.acme import dns01
from mailtwist.tls.acme.dns01 import LEFT_OVER, NO_PUBLISHER, NOT_REMOVED, Dns01, lacking, value_of
from mailtwist.tls.dns.api import NotPublished, Propagation
from mailtwist.tls.dns.rfc2136 import Settings, Updates, UpdateServer
from tests.hearing import heard
from tests.kit.dns_server import Told, dns_server
from tests.peers.programs import needs
from tests.tls.acme.challenges import challenge
from tests.tls.dns.named import KEY, asking, named

OTHER = "b" * 43


class AtBind(TestCase):
    def setUp(self) -> None:
        self.clock = SystemClock()
        self.store = MemoryStore(self.clock)
        once = (ResolverSettings(servers=DnsServers.parse("127.0.0.1"), port=named().port),)
        assembly = OnePart(Path(self.mktemp()), clock=self.clock, once=once)
        self.addCleanup(assembly.stop)
        server = UpdateServer("127.0.0.1", named().port)
        settings = Settings(server=server, key_name="mailtwist", key=Secret(KEY))
        self.updates = Updates(settings, assembly)
        self.solver = Dns01(self.updates, asking(self), self.store, self.clock)
        self.patch(dns01, "FIRST", 0.05)
        self.patch(kit_dns, "DIRECT", 0.5)

    async def shown(self) -> set[str]:
        return set(await self.store.showing("dns-01"))


@needs("named")
class Dns01Tests(AtBind):
    async def test_a_record_comes_and_goes(self) -> None:
        asked = challenge("dns-01", "one.example.test")
        self.assertEqual(await self.solver.can(asked), "")
        await self.solver.present(asked)
        self.assertEqual(
            named().texts("_acme-challenge.one.example.test"), [value_of(asked.key_authorization)]
        )
        await self.solver.withdraw(asked)
        await self.solver.withdraw(asked)
        self.assertEqual(named().texts("_acme-challenge.one.example.test"), [])
        self.assertEqual(await self.shown(), set())

    async def test_a_domain_and_its_wildcard_stand_beside_each_other_and_go_by_value(self) -> None:
        one = challenge("dns-01", "two.example.test")
        two = challenge("dns-01", "two.example.test", wildcard=True, token=OTHER)
        await together(self.solver.present(one), self.solver.present(two))
        both = sorted(value_of(each.key_authorization) for each in (one, two))
        self.assertEqual(named().texts("_acme-challenge.two.example.test"), both)
        await self.solver.withdraw(one)
        self.assertEqual(named().texts("_acme-challenge.two.example.test"), [value_of(two.key_authorization)])
        await self.solver.withdraw(two)
        self.assertEqual(named().texts("_acme-challenge.two.example.test"), [])

    async def test_two_orders_with_the_same_challenge_share_its_record(self) -> None:
        asked = challenge("dns-01", "shared.example.test")
        await together(self.solver.present(asked), self.solver.present(asked))
        await self.solver.withdraw(asked)
        self.assertEqual(len(named().texts("_acme-challenge.shared.example.test")), 1)
        await self.solver.withdraw(asked)
        self.assertEqual(named().texts("_acme-challenge.shared.example.test"), [])

    async def test_the_record_goes_where_a_cname_leads(self) -> None:
        asked = challenge("dns-01", "delegated.example.test")
        await self.solver.present(asked)
        value = value_of(asked.key_authorization)
        self.assertEqual(named().texts("delegated.challenges.test"), [value])
        self.assertEqual((await asking(self).txt("_acme-challenge.delegated.example.test")).records, (value,))
        await self.solver.withdraw(asked)
        self.assertEqual(named().texts("delegated.challenges.test"), [])

    async def test_a_cname_for_all_names_is_no_delegation(self) -> None:
        asked = challenge("dns-01", "wild.example.test")
        await self.solver.present(asked)
        self.assertEqual(len(named().texts("_acme-challenge.wild.example.test")), 1)
        self.assertEqual(named().texts("elsewhere.challenges.test"), [])
        await self.solver.withdraw(asked)

    async def test_who_cannot_write_says_so_and_leaves_nothing(self) -> None:
        asked = challenge("dns-01", "refused.test")
        with self.assertRaises(NotPublished) as caught:
            await self.solver.present(asked)
        self.assertIn("does not let", caught.exception.words)
        events = heard(self)
        await self.solver.withdraw(asked)
        self.assertEqual((await self.shown(), events), (set(), []))

    async def test_a_removal_that_fails_is_told_with_the_record_and_can_be_tried_again(self) -> None:
        asked = challenge("dns-01", "again.example.test")
        await self.solver.present(asked)
        events, remove = heard(self), self.updates.remove

        async def away(name: str, value: str) -> None:
            raise NotPublished("no server")

        self.updates.remove = away  # type: ignore[method-assign]
        with self.assertRaises(NotPublished):
            await self.solver.withdraw(asked)
        (event,) = [one for one in events if one["event_id"] == NOT_REMOVED.id]
        self.assertEqual(event["name"], "_acme-challenge.again.example.test")
        self.updates.remove = remove  # type: ignore[method-assign]
        await self.solver.withdraw(asked)
        self.assertEqual(named().texts("_acme-challenge.again.example.test"), [])

    async def test_what_a_process_that_died_has_left_goes(self) -> None:
        died = challenge("dns-01", "left.example.test", token=OTHER)
        store = MemoryStore(ManualClock(self.clock.now() - LEFT_OVER - 60))
        dead = Dns01(self.updates, asking(self), store, store._clock)
        await dead.present(died)
        self.solver._store = store
        asked = challenge("dns-01", "left.example.test")
        await self.solver.present(asked)
        self.assertEqual(
            named().texts("_acme-challenge.left.example.test"), [value_of(asked.key_authorization)]
        )
        await self.solver.withdraw(asked)

    async def test_a_damaged_note_of_what_was_left_stops_no_order(self) -> None:
        asked = challenge("dns-01", "odd.example.test")
        name, value = "_acme-challenge.odd.example.test", value_of(asked.key_authorization)
        for number, written in enumerate((b"", b"x", b"\xff", b"nan", b"-1")):
            noted = f"{name} {'v' * 40}{number}"
            await self.store.show("dns-01", noted, written, self.clock.now() + 1e6)
        await self.solver.present(asked)
        self.assertEqual(named().texts(name), [value])
        self.assertEqual(await self.shown(), {f"{name} {value}"})
        await self.solver.withdraw(asked)

    async def test_what_another_process_needs_now_stays(self) -> None:
        others = challenge("dns-01", "busy.example.test", token=OTHER)
        other = Dns01(self.updates, asking(self), self.store, self.clock)
        await other.present(others)
        asked = challenge("dns-01", "busy.example.test")
        await self.solver.present(asked)
        self.assertEqual(len(named().texts("_acme-challenge.busy.example.test")), 2)
        await together(self.solver.withdraw(asked), other.withdraw(others))
        self.assertEqual(named().texts("_acme-challenge.busy.example.test"), [])


@needs("named")
class Propagating(AtBind):
    def secondary(self) -> Told:
        """The second server of slow.test."""
        told = Told()
        dns_server(self, told, "127.0.0.2", named().port)
        told.records["slow.test", "SOA"] = ["ns.test. a.test. 1 2 3 4 5"]
        return told

    async def test_it_is_waited_for_until_all_servers_have_it(self) -> None:
        told = self.secondary()
        asked = challenge("dns-01", "slow.test")
        name, value = "_acme-challenge.slow.test", value_of(asked.key_authorization)
        presenting = started(self.solver.present(asked))
        await until(lambda: told.asked.count((name, "TXT")) >= 3)
        self.assertNoResult(presenting)
        self.assertEqual(named().texts(name), [value])
        told.records[name, "TXT"] = ["other"]
        await until(lambda: told.asked.count((name, "TXT")) >= 5)
        self.assertNoResult(presenting)
        told.records[name, "TXT"] = ["other", value]
        await presenting
        await self.solver.withdraw(asked)

    async def test_not_for_ever(self) -> None:
        self.secondary()
        self.updates.propagation = Propagation("servers", 0.3)
        asked = challenge("dns-01", "slow.test")
        with self.assertRaises(NotPublished) as caught:
            await self.solver.present(asked)
        self.assertIn("is not there after 0 s: not at slow-ns.test [127.0.0.2]", caught.exception.words)
        await self.solver.withdraw(asked)
        self.assertEqual(named().texts("_acme-challenge.slow.test"), [])

    async def test_a_server_that_is_dead_or_lame_holds_nothing_up(self) -> None:
        asked = challenge("dns-01", "dead.test")
        await self.solver.present(asked)
        await self.solver.withdraw(asked)
        told = self.secondary()
        told.flags = dns.flags.Flag(0)
        lame = challenge("dns-01", "slow.test")
        await self.solver.present(lame)
        await self.solver.withdraw(lame)

    async def test_it_is_enough_that_the_resolver_sees_it_where_that_was_said(self) -> None:
        self.secondary()
        self.updates.propagation = Propagation("resolver", 5)
        asked = challenge("dns-01", "slow.test")
        await self.solver.present(asked)
        await self.solver.withdraw(asked)

    async def test_nobody_looks_where_that_was_said(self) -> None:
        told = self.secondary()
        self.updates.propagation = Propagation("none", 5)
        asked = challenge("dns-01", "slow.test")
        await self.solver.present(asked)
        self.assertEqual(told.asked, [])
        await self.solver.withdraw(asked)

    async def test_an_order_that_is_called_off_waits_no_longer_and_leaves_nothing(self) -> None:
        told = self.secondary()
        asked = challenge("dns-01", "slow.test")
        presenting = started(self.solver.present(asked))
        await until(lambda: told.asked)
        presenting.cancel()
        self.failureResultOf(presenting)
        await self.solver.withdraw(asked)
        self.assertEqual(named().texts("_acme-challenge.slow.test"), [])


class Slow:
    """A publisher whose changes end when the test says so."""

    propagation = Propagation("none", 60, 0)

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []
        self.waiting: list[Deferred[None]] = []

    async def add(self, name: str, value: str) -> None:
        await self._change("add", value)

    async def remove(self, name: str, value: str) -> None:
        await self._change("remove", value)

    async def _change(self, what: str, value: str) -> None:
        mine: Deferred[None] = Deferred()
        self.waiting.append(mine)
        await mine
        self.done.append((what, value))


class NoDns:
    async def txt(self, name: str) -> kit_dns.Answer[str]:
        return kit_dns.Answer(name, "TXT")


class InOrder(TestCase):
    def setUp(self) -> None:
        self.clock, self.slow = ManualClock(), Slow()
        self.solver = Dns01(self.slow, NoDns(), MemoryStore(self.clock), self.clock)  # type: ignore[arg-type]
        self.asked = challenge("dns-01")
        self.value = value_of(self.asked.key_authorization)

    def test_a_record_that_is_still_being_made_is_removed_when_it_has_been(self) -> None:
        presenting = started(self.solver.present(self.asked))
        presenting.cancel()
        self.failureResultOf(presenting)
        withdrawing = started(self.solver.withdraw(self.asked))
        self.assertEqual(len(self.slow.waiting), 1)
        self.slow.waiting[0].callback(None)
        self.slow.waiting[1].callback(None)
        self.successResultOf(withdrawing)
        self.assertEqual(self.slow.done, [("add", self.value), ("remove", self.value)])

    def test_the_wait_that_was_asked_for_besides_is_waited(self) -> None:
        self.slow.propagation = Propagation("none", 60, 120)
        presenting = started(self.solver.present(self.asked))
        self.slow.waiting[0].callback(None)
        self.clock.advance(119)
        self.assertNoResult(presenting)
        self.clock.advance(1)
        self.successResultOf(presenting)

    def test_a_failure_that_nobody_waits_for_is_no_bug(self) -> None:
        presenting = started(self.solver.present(self.asked))
        presenting.cancel()
        self.failureResultOf(presenting)
        self.slow.waiting[0].errback(NotPublished("no server"))
        self.assertEqual(self.flushLoggedErrors(), [])


class Without(TestCase):
    async def test_without_a_section_it_says_which_one_to_make(self) -> None:
        solver = Dns01(None, NoDns(), MemoryStore(ManualClock()), ManualClock())  # type: ignore[arg-type]
        self.assertEqual(await solver.can(challenge("dns-01")), NO_PUBLISHER)
        with self.assertRaises(NotPublished):
            await solver.present(challenge("dns-01"))
        await solver.withdraw(challenge("dns-01"))

    def test_the_value_is_that_of_the_rfc(self) -> None:
        self.assertEqual(value_of("x"), "LXEWQrcmsEQBYnyp-6wy9chTD7GQPMTbAiWHF5IaSIE")

    def test_servers_that_are_all_silent_have_nothing(self) -> None:
        silent = kit_dns.Served("ns.test", kit_dns.Server("192.0.2.1"), why="does not answer")
        self.assertEqual(lacking((silent,), "x"), "ns.test [192.0.2.1]: does not answer")


async def until(true) -> None:
    while not true():
        await dns01.pause(SystemClock(), 0.01)
