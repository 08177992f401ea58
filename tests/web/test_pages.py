"""The pages that mailtwist brings: proofs for authorities, from http to https, health, metrics."""

from pathlib import Path
from types import SimpleNamespace

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import TestCase

from mailtwist.config.network import Endpoints, Networks
from mailtwist.config.part import installed
from mailtwist.kit import metrics
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import StateAway
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import BEGIN
from mailtwist.web.api import Answer, Asked, Page
from mailtwist.web.choosing import page, site
from mailtwist.web.dates import DAYS_LEFT, NOT_AFTER, Dates
from mailtwist.web.site import Site, TwoPages

TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"
PROOF = f"{TOKEN}.nP1qzpXGymHBrUEepNY9HCsQk7K8KhOypzEt62jcerQ".encode()


class Source:
    """A `[tls:...]` part that proves names, and one with certificates for `names`."""

    def __init__(self, proofs=None, *names: str, ends: float = BEGIN + 86400 * 30) -> None:
        self.http_listen = Endpoints()
        self.proofs = proofs or {}
        self.bundles = [SimpleNamespace(names=names, not_after=ends)]
        self.asked: list[str] = []

    async def http_proof(self, token: str) -> bytes | None:
        self.asked.append(token)
        found = self.proofs.get(token)
        if isinstance(found, Exception):
            raise found
        return found


class State:
    """`[state:...]`: `trouble` is what it raises."""

    def __init__(self) -> None:
        self.trouble: Trouble | None = None
        self.asked = 0

    async def enrolled(self, account: str) -> bool:
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return False


class PagesCase(TestCase):
    def setUp(self) -> None:
        self.sources = {}
        self.one = OnePart(Path(self.mktemp()), parts={"tls": self.sources, "page": {}})
        self.addCleanup(self.one.stop)

    def page(self, name: str, **settings) -> Page:
        part = installed("mailtwist.page")[name].load()
        return part.build(part.settings(**settings), self.one)

    async def asked(self, its: Page, path: str, **facts) -> Answer:
        return await its.answer(Asked("GET", path, facts.pop("target", path), **facts))


class Proofs(PagesCase):
    async def challenge(self, path: str) -> Answer:
        return await self.asked(self.page("acme_challenge"), path)

    async def test_the_proof_is_what_is_said_and_nothing_else(self) -> None:
        self.sources |= {"a": Source(), "b": Source({TOKEN: PROOF})}
        found = await self.challenge(f"/.well-known/acme-challenge/{TOKEN}")
        self.assertEqual((found.status, found.body, found.kind), (200, PROOF, "application/octet-stream"))

    async def test_what_is_no_token_is_not_looked_up(self) -> None:
        self.sources["a"] = Source()
        for rest in ("", "a" * 300, "../keys", f"{TOKEN}/", f"{TOKEN}.x", f"{TOKEN} ", "ä" * 20):
            self.assertEqual((await self.challenge(f"/.well-known/acme-challenge/{rest}")).status, 404, rest)
        self.assertEqual(self.sources["a"].asked, [])
        self.assertEqual((await self.challenge(f"/.well-known/acme-challenge/{TOKEN}")).status, 404)

    async def test_a_store_that_is_away_hides_no_other(self) -> None:
        self.sources |= {"a": Source({TOKEN: StateAway("gone")}), "b": Source({TOKEN: PROOF})}
        self.assertEqual((await self.challenge(f"/.well-known/acme-challenge/{TOKEN}")).body, PROOF)
        del self.sources["b"]
        with self.assertRaises(StateAway):
            await self.challenge(f"/.well-known/acme-challenge/{TOKEN}")

    async def test_sources_of_other_kinds_are_not_asked(self) -> None:
        self.sources["files"] = SimpleNamespace(bundles=())
        self.assertEqual((await self.challenge(f"/.well-known/acme-challenge/{TOKEN}")).status, 404)


class Redirects(PagesCase):
    async def sent(self, host: str, target: str = "/a?b=c") -> Answer:
        return await self.asked(self.page("redirect"), "/a", target=target, host=host)

    async def test_our_names_are_sent_to_https_with_path_and_query(self) -> None:
        self.sources["a"] = Source(None, "imap.example.net", "*.example.com")
        for host in ("mail.example.org", "imap.example.net", "x.example.com"):
            found = await self.sent(host)
            self.assertEqual((found.status, found.headers["Location"]), (301, f"https://{host}/a?b=c"))

    async def test_nobody_is_sent_elsewhere(self) -> None:
        self.sources["a"] = Source(None, "imap.example.net", "*.example.com")
        self.sources["theirs"] = object()  # a context factory of whatever kind
        for host in (
            "",
            "evil.example",
            "a.b.example.com",
            "example.com",
            "mail.example.org.evil.example",
            "[::1]",
        ):
            found = await self.sent(host)
            self.assertEqual((found.status, dict(found.headers)), (404, {}), host)

    async def test_the_names_are_read_when_they_have_changed(self) -> None:
        read = []

        class Bundle:
            not_after = BEGIN

            @property
            def names(self) -> tuple[str, ...]:
                read.append(self)
                return ("many.example",)

        self.sources["a"] = source = Source()
        source.bundles = tuple(Bundle() for _ in range(100))
        dates = Dates(self.sources, self.one.clock)
        page = self.page("redirect")
        for _ in range(5):
            found = await self.asked(page, "/a", target="/a", host="strange.example")
            self.assertEqual(found.status, 404)
            dates.look()
        self.assertEqual(len(read), 200)
        source.bundles = (SimpleNamespace(names=("strange.example",), not_after=BEGIN),)
        dates.look()
        self.assertEqual(NOT_AFTER.values, {("a", "strange.example"): BEGIN})
        found = await self.asked(page, "/a", target="/a", host="strange.example")
        self.assertEqual(found.status, 301)
        self.sources.clear()
        dates.look()

    async def test_a_target_cannot_become_a_host(self) -> None:
        found = await self.sent("mail.example.org", "//evil.example/")
        self.assertEqual(found.headers["Location"], "https://mail.example.org//evil.example/")


class Healths(PagesCase):
    def setUp(self) -> None:
        super().setUp()
        self.state = State()
        part = installed("mailtwist.page")["health"].load()
        module = __import__(part.build.__module__, fromlist=["Health"])
        self.health = Page("health", ("/health",), module.Health(self.state, self.one.clock).answer)

    async def test_it_is_well_while_the_state_answers(self) -> None:
        self.assertEqual((await self.asked(self.health, "/health")).body, b"ok\n")

    async def test_it_is_ill_while_the_state_is_away(self) -> None:
        self.state.trouble = StateAway("the disk is gone")
        found = await self.asked(self.health, "/health")
        self.assertEqual((found.status, found.body), (503, b"unavailable\n"))
        self.state.trouble = None
        self.one.clock.advance(1)
        self.assertEqual((await self.asked(self.health, "/health")).status, 200)

    async def test_many_who_ask_are_one_question(self) -> None:
        for _ in range(50):
            await self.asked(self.health, "/health")
        self.assertEqual(self.state.asked, 1)

    async def test_they_are_while_it_does_not_answer_and_whoever_of_them_goes(self) -> None:
        slow: Deferred[None] = Deferred()

        async def enrolled(account: str) -> bool:
            self.state.asked += 1
            await slow
            return False

        self.state.enrolled = enrolled
        waiting = [started(self.asked(self.health, "/health")) for _ in range(50)]
        waiting[0].addErrback(lambda failure: failure.trap(CancelledError))
        waiting[0].cancel()
        slow.callback(None)
        self.assertEqual([(await one).status for one in waiting[1:]], [200] * 49)
        self.assertEqual(self.state.asked, 1)
        self.one.clock.advance(1)
        self.assertEqual((await self.asked(self.health, "/health")).status, 200)
        self.assertEqual(self.state.asked, 2)


class MetricsPage(PagesCase):
    async def test_it_is_for_its_networks_only(self) -> None:
        its = self.page("metrics", clients=Networks.parse("192.0.2.0/24"))
        for address, status in (("192.0.2.7", 200), ("", 200), ("127.0.0.1", 403), ("2001:db8::1", 403)):
            self.assertEqual((await self.asked(its, "/metrics", address=address)).status, status, address)

    async def test_by_default_it_is_for_this_machine(self) -> None:
        its = self.page("metrics")
        for address, status in (("127.0.0.1", 200), ("::1", 200), ("192.0.2.7", 403)):
            self.assertEqual((await self.asked(its, "/metrics", address=address)).status, status, address)

    async def test_prometheus_can_read_it(self) -> None:
        from prometheus_client.parser import text_string_to_metric_families

        its = self.page("metrics")
        found = await self.asked(its, "/metrics", address="127.0.0.1")
        families = {one.name: one for one in text_string_to_metric_families(found.body.decode())}
        for metric in metrics.METRICS.values():
            family = families[f"mailtwist_{metric.id}"]
            self.assertEqual((family.type, family.documentation), (metric.kind, metric.words))
        self.assertTrue(found.kind.startswith("text/plain; version=0.0.4"))

    async def test_nobody_else_waits_while_it_is_written(self) -> None:
        real, ran = self.one.threads.run, []

        def run(work, *words):
            ran.append(work)
            return real(work, *words)

        self.patch(self.one.threads, "run", run)
        await self.asked(self.page("metrics"), "/metrics", address="127.0.0.1")
        self.assertEqual(len(ran), 1)

    async def test_certificates_tell_when_they_end(self) -> None:
        sources = {"main": Source(None, "a.example", "b.example"), "x": Source(None, "a.example", ends=BEGIN)}
        sources["theirs"] = object()
        dates = Dates(sources, self.one.clock)
        self.addCleanup(dates.look)
        self.addCleanup(sources.clear)
        dates.look()
        self.assertEqual(NOT_AFTER.value("main", "a.example"), BEGIN + 30 * 86400)
        self.assertEqual(
            (DAYS_LEFT.value("main", "b.example"), DAYS_LEFT.value("x", "a.example")), (30.0, 0.0)
        )
        del sources["x"]
        self.one.clock.advance(86400)
        dates.look()
        self.assertEqual(DAYS_LEFT.values, {("main", "a.example"): 29.0, ("main", "b.example"): 29.0})

    async def test_of_too_many_names_those_that_end_first_are_told(self) -> None:
        many = [Source(None, f"n{n}.example", ends=BEGIN + n) for n in range(metrics.MOST + 50)]
        sources = {f"s{n}": source for n, source in enumerate(many)}
        dates = Dates(sources, self.one.clock)
        self.addCleanup(dates.look)
        self.addCleanup(sources.clear)
        dates.look()
        self.assertEqual(len(NOT_AFTER.values), metrics.MOST)
        self.assertEqual(max(NOT_AFTER.values.values()), BEGIN + metrics.MOST - 1)

    async def test_dates_are_looked_at_while_the_part_runs(self) -> None:
        dates = Dates({"main": Source(None, "a.example")}, self.one.clock)
        await dates.start()
        list(metrics.read())
        self.assertEqual(NOT_AFTER.value("main", "a.example"), BEGIN + 30 * 86400)
        await dates.stop()
        NOT_AFTER.forget()
        list(metrics.read())
        self.assertEqual(NOT_AFTER.values, {})


class Choosing(PagesCase):
    async def nothing(self, asked: Asked) -> Answer:
        return Answer()

    def test_a_section_wins_over_a_kind_of_its_name(self) -> None:
        mine = Page("health", ("/alive",), self.nothing)
        one = OnePart(Path(self.mktemp()), parts={"tls": {}, "page": {"health": mine}})
        self.addCleanup(one.stop)
        self.assertIs(page("health", one), mine)

    def test_two_sites_show_the_same_page(self) -> None:
        self.assertIs(page("redirect", self.one), page("redirect", self.one))

    def test_a_page_that_is_not_there_is_a_sentence(self) -> None:
        with self.assertRaisesRegex(ValueError, '^pages: there is no "helth"; did you mean "health"'):
            site(["helth"], self.one)

    def test_two_pages_at_one_path_are_a_sentence(self) -> None:
        two = [Page("a", ("/x",), self.nothing, clear_only=True), Page("b", ("/y", "/x"), self.nothing)]
        with self.assertRaisesRegex(TwoPages, 'the pages "a" and "b" are both at /x'):
            Site(two)

    def test_an_answer_has_no_second_header_in_a_header(self) -> None:
        for text in ("a\r\nb: c", "ä", "a\n", "\0"):
            with self.assertRaises(ValueError):
                Answer(301, headers={"Location": text})

    async def test_who_calls_a_page_off_is_told(self) -> None:
        async def waits(asked: Asked) -> Answer:
            return await Deferred()

        slow = Page("slow", ("/slow",), waits)
        work = started(Site([slow]).answer(slow, Asked("GET", "/slow", "/slow")))
        work.cancel()
        self.assertEqual(self.failureResultOf(work).type.__name__, "CancelledError")
