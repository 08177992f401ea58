"""`[tls:...] type = acme`: what it serves while nothing is there, what it follows, what a check says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.config.authority import AuthoritySettings, HttpsUrl
from mailtwist.config.domain import DomainSettings
from mailtwist.config.load import BadConfig, load_text
from mailtwist.config.network import Networks
from mailtwist.config.secret import Secret
from mailtwist.config.values import File, Names
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.certificates import an_issued
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.threads import AtOnce
from mailtwist.tls.acme.folder import FolderStore
from mailtwist.tls.acme.settings import Prefixes, Settings, kinds_tried, troubles
from mailtwist.tls.names import ServerName, ServerNames
from mailtwist.tls.sources.acme import AcmeCertificates, part
from tests.hearing import heard
from tests.tls.acme.world import DAY, HOST, HOUR, Simulated, a_key, certified
from tests.tls.client import Asking, connected, listening

PRIVATE = AuthoritySettings(directory=HttpsUrl("https://ca.example.net/directory"))
INI = "[tls:main]\ntype = acme\n{}\n"


class WithSource(TestCase):
    def setUp(self) -> None:
        self.clock = ManualClock()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.ca = Simulated("first", self.clock)

    def source(self, serves: bool = True, first: bool = True, **settings: Any) -> AcmeCertificates:
        """It asks nobody: its authority is simulated, and DNS is never reached."""
        assembly = OnePart(
            self.folder,
            clock=self.clock,
            threads=AtOnce(),
            named={AuthoritySettings: {"ours": PRIVATE}, DomainSettings: {}},
        )
        assembly.first = first
        settings = {"addresses": Networks.parse("192.0.2.7"), "domain_names": Prefixes()} | settings
        written = Settings(authorities=Names(("ours",)), **settings)
        source = AcmeCertificates(written, assembly)
        source.authorities = [self.ca]  # type: ignore[list-item]
        self.ca.stop = _nothing  # type: ignore[attr-defined]
        if serves:
            source.bind()
        return source

    async def begun(self, source: AcmeCertificates) -> AcmeCertificates:
        self.addCleanup(source.stop)
        await source.start()
        return source

    def kept(self, name: str = HOST) -> Any:
        pem = certified([name], a_key(), self.clock.now(), 90 * DAY)
        return replace(an_issued(name), pem=pem)

    def shown(self, source: AcmeCertificates) -> tuple[str, ...]:
        return source.bundles[0].names


async def _nothing() -> None: ...


class ServingTests(WithSource):
    async def test_until_there_is_a_certificate_one_of_our_own_making_is_shown(self) -> None:
        self.ca.fails = _not_proven
        source = await self.begun(self.source())
        self.assertTrue(source.bootstrapping)
        self.assertEqual(self.shown(source), (HOST,))

    async def test_from_nothing_to_a_served_certificate(self) -> None:
        source = await self.begun(self.source())
        self.clock.advance(0)
        self.clock.advance(1)
        self.assertFalse(source.bootstrapping)
        self.assertEqual([bundle.names for bundle in source.bundles], [(HOST,)])
        self.assertEqual(len(self.ca.made), 1)

    async def test_a_restart_serves_at_once_and_orders_nothing(self) -> None:
        source = self.source()
        await source.start()
        self.clock.advance(0)
        self.clock.advance(1)
        leaf = source.bundles[0].leaf
        await source.stop()
        again = await self.begun(self.source())
        self.assertFalse(again.bootstrapping)
        self.assertEqual(again.bundles[0].leaf, leaf)
        self.clock.advance(1)
        self.assertEqual(len(self.ca.tried), 1)

    async def test_workers_follow_the_first_and_order_nothing(self) -> None:
        worker = await self.begun(self.source(first=False))
        self.clock.advance(DAY)
        self.assertEqual(self.ca.tried, [])
        self.assertTrue(worker.bootstrapping)
        other = FolderStore(worker.store.folder, worker._assembly.files, self.clock, AtOnce())
        await other.keep(self.kept())
        self.clock.advance(61)
        self.clock.advance(1)
        self.assertFalse(worker.bootstrapping)

    async def test_a_command_serves_what_is_there_and_does_only_what_it_is_told(self) -> None:
        command = await self.begun(self.source(serves=False))
        self.clock.advance(DAY)
        self.assertEqual(self.ca.tried, [])
        self.assertIsNone(command.asked)
        await command.renewal.ordering.ordered(command.renewal.items()[0])
        self.assertEqual(len(self.ca.made), 1)

    async def test_what_cannot_be_served_leaves_the_rest_as_it_is(self) -> None:
        source = await self.begun(self.source(first=False))
        await source.store.keep(self.kept())
        self.clock.advance(1)
        self.assertFalse(source.bootstrapping)
        events = heard(self)
        await source.store.keep(replace(an_issued("other.example.org"), pem=b"half a ke"))
        self.clock.advance(1)
        self.assertEqual([bundle.names for bundle in source.bundles], [(HOST,)])
        self.assertIn("acme.not_read", [one["event_id"] for one in events])

    async def test_a_certificate_that_does_not_change_is_not_served_anew(self) -> None:
        source = await self.begun(self.source(first=False))
        await source.store.keep(self.kept())
        self.clock.advance(1)
        changes: list[int] = []
        source.listen(lambda: changes.append(1))
        await source.store.show("http-01", "token", b"proof", self.clock.now() + 10)
        self.clock.advance(1)
        await source.reload()
        self.assertEqual(changes, [])

    async def test_a_reload_looks_for_names_anew(self) -> None:
        source = await self.begun(self.source())
        self.clock.advance(0)
        self.clock.advance(HOUR / 2)
        looks: list[int] = []

        async def look(had: object, strangers_alone: bool) -> None:
            looks.append(1)

        self.patch(source.renewal.wanted, "look", look)
        await source.reload()
        self.clock.advance(1)
        self.assertEqual(looks, [1])

    async def test_proofs_are_given_by_whoever_has_the_store(self) -> None:
        source = await self.begun(self.source(first=False))
        command = await self.begun(self.source(serves=False))
        token = "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"
        await command.store.show("http-01", token, b"proof", self.clock.now() + 10)
        self.assertEqual(await source.http_proof(token), b"proof")
        self.assertIsNone(await source.http_proof("../" + token))

    async def test_a_default_name_that_is_not_there_yet_is_shown_by_a_bootstrap(self) -> None:
        source = await self.begun(self.source(first=False, default_name=ServerName("mx.example.com")))
        await source.store.keep(self.kept())
        self.clock.advance(1)
        self.assertTrue(source.bootstrapping)
        names = [bundle.names for bundle in source.bundles if not bundle.bootstrap]
        self.assertEqual(names, [(HOST,)])

    async def test_a_handshake_tells_which_name_is_missing_and_waits_for_nothing(self) -> None:
        source = await self.begun(self.source(first=False, on_demand=ServerNames(("*.example.com",))))
        asked: list[str] = []
        source.asked = asked.append
        port = listening(self, source)
        for name in (b"a.example.com", None, HOST.encode(), b"bad\xff.example.com"):
            client = await connected(port, Asking(name))
            await client.shaken
            client.transport.loseConnection()
            await client.gone
        self.assertEqual(asked, ["a.example.com"])

    async def test_stopping_twice_or_before_the_start_is_nothing(self) -> None:
        source = self.source()
        await source.stop()
        await source.start()
        await source.stop()
        await source.stop()


def _not_proven(names: object) -> Any:
    from mailtwist.tls.acme.problem import NotIssued

    return NotIssued("connection", "nobody answers at port 80")


class SettingsTests(TestCase):
    def settings(self, text: str) -> Settings:
        [section] = load_text(INI.format(text)).sections
        settings = section.settings
        assert isinstance(settings, Settings)
        return settings

    def said(self, text: str, host: str = HOST) -> list[str]:
        found = troubles(self.settings(text), host, {"ours": PRIVATE})
        return [f"{setting}: {words}" for setting, words in found]

    def test_three_lines_are_enough(self) -> None:
        self.assertEqual(self.said("email = postmaster@example.org\nagree_to_terms = yes"), [])

    def test_what_is_wrong_is_told_without_asking_anybody(self) -> None:
        yes = "agree_to_terms = yes\n"
        for text, words in (
            ("", "agree_to_terms: letsencrypt issues nothing before"),
            (yes + "authorities = letsencrypd", 'authorities: there is no authority "letsencrypd"'),
            (yes + "names = *.example.com", "names: *.example.com is a wildcard, which is proved by dns-01"),
            (yes + "challenges = dns-01", "challenges: dns-01 needs a [dns:...] section"),
            (yes + "default_name = mx.example.net", "default_name: mx.example.net is not among the names"),
        ):
            [told] = self.said(text)
            self.assertIn(words, told)
        self.assertIn("hostname", self.said(yes, host="laptop")[0])

    def test_an_authority_of_our_own_needs_no_terms(self) -> None:
        self.assertEqual(self.said("authorities = ours"), [])

    def test_what_an_authority_needs_can_be_read(self) -> None:
        roots = Path(self.mktemp())
        key = Secret("not base64!")
        for known, words in (
            (replace(PRIVATE, roots=File(roots)), f"roots: {roots} cannot be read: No such file"),
            (replace(PRIVATE, roots=File("/")), "roots: / cannot be read: Is a directory"),
            (replace(PRIVATE, roots=File("/dev/null")), "roots: /dev/null: there is no certificate in PEM"),
            (replace(PRIVATE, eab_kid="kid-1", eab_key=key), "`eab_key` is not in base64; write it as the"),
        ):
            told = list(troubles(self.settings("authorities = ours"), HOST, {"ours": known}))
            self.assertEqual([setting for setting, _ in told], ["authorities"])
            self.assertIn(f"[authority:ours] {words}", told[0][1])

    def test_a_default_name_of_a_domain_may_come(self) -> None:
        self.assertEqual(self.said("agree_to_terms = yes\ndefault_name = mail.example.net"), [])

    def test_words_that_mean_nothing_are_told_with_their_line(self) -> None:
        for text in (
            "challenges = http-02",
            "challenges = http-01, http-01",
            "domain_names = mail, a b",
            "email = nobody",
        ):
            error = self.assertRaises(BadConfig, self.settings, text)
            self.assertIn(":3:", str(error))

    def test_none_is_none(self) -> None:
        settings = self.settings("domain_names = none\nhttp_listen = none")
        self.assertEqual((settings.domain_names, settings.http_listen), ((), ()))

    def test_challenges_that_are_tried(self) -> None:
        self.assertEqual(kinds_tried(Settings(), False), ("http-01",))
        self.assertEqual(kinds_tried(Settings(), True), ("http-01", "tls-alpn-01"))
        self.assertEqual(kinds_tried(Settings(dns="x"), True), ("http-01", "tls-alpn-01", "dns-01"))
        written = self.settings("challenges = dns-persist-01, http-01")
        self.assertEqual(kinds_tried(written, True), ("dns-persist-01", "http-01"))

    def test_names_as_an_operator_writes_them(self) -> None:
        written = self.settings("names = Mail.Example.com, *.example.net\n  example.net")
        self.assertEqual(written.names, ServerNames(("mail.example.com", "*.example.net", "example.net")))

    async def test_the_part_says_the_same(self) -> None:
        assembly = OnePart(Path(self.mktemp()), named={AuthoritySettings: {}})
        assert part.check is not None
        [(setting, words)] = await part.check(Settings(), assembly)
        self.assertEqual(setting, "agree_to_terms")
