"""A directory that asks a server behind: a real Dovecot judges, and the login stays open."""

from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Accepted, AccountUnavailable, Directory, LoginRequest, LoginUnavailable, Person
from mailtwist.config.part import SupportsStart
from mailtwist.config.values import Hostname, Hostnames, Secret
from mailtwist.gateway.dial import Way
from mailtwist.gateway.directory import Judged, Settings, UpstreamDirectory, part
from mailtwist.gateway.upstream.server import Server
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.directory import HOSTILE, NAME, PASSWORD, DirectoryContract
from tests.backends.shared import dovecot
from tests.gateway.behind import assembly, begun, request


async def asking(test: TestCase, there: Server, **settings: Any) -> UpstreamDirectory:
    made: OnePart = assembly(test, parts={"upstream": {"there": there}, "route": settings.pop("routes", {})})
    given = {"upstream": "there", **settings}
    directory: UpstreamDirectory = part.build(Settings(**given), made)
    assert not isinstance(directory, SupportsStart)
    return directory


class ContractTests(DirectoryContract, TestCase):
    guesses = True
    timeout = 240

    async def make_directory(self) -> Directory:
        dovecot().add(NAME, PASSWORD)
        self.upstream = await begun(self, dovecot())
        return await asking(self, self.upstream)

    async def test_hostile_names_are_nobody(self) -> None:
        """This Dovecot looks for a file with the name of the user."""
        directory = await self.make_directory()
        for name in HOSTILE:
            person = await directory.find(name) or Person("?", name)
            try:
                self.assertIs(await directory.accepts(person, PASSWORD), False, name)
            except LoginUnavailable:
                self.assertIn(name, ("..", "_" * 300))

    async def take_away(self, directory: Directory) -> None:
        pool: Any = self.upstream._pool
        pool.ways = {kind: Way.parse("1 plain") for kind in pool.ways}


class Behind:
    """`auth.api.Behind`; `asked` is what came."""

    def __init__(self, answer: Any = "opened") -> None:
        self.asked: list[Accepted] = []
        self._answer = answer

    async def open(self, accepted: Accepted, request: LoginRequest) -> Any:
        self.asked.append(accepted)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class OpeningTests(TestCase):
    timeout = 120

    async def test_each_door_gets_a_session_of_its_own_protocol(self) -> None:
        directory = await self.directory()
        person = await directory.find(NAME)
        for protocol, kind in (
            ("imap", "imap"),
            ("pop3", "pop3"),
            ("smtp", "submission"),
            ("sieve", "sieve"),
        ):
            session = await directory.open(person, PASSWORD, request(protocol))
            self.assertEqual(session.kind, kind)
            await session.close()
            self.assertIsNone(await directory.open(person, b"wrong", request(protocol)))

    async def test_a_web_page_is_judged_by_imap_and_nothing_stays_open(self) -> None:
        directory = await self.directory()
        person = await directory.find(NAME)
        self.assertIsInstance(await directory.open(person, PASSWORD, request("http")), Judged)
        self.assertIsNone(await directory.open(person, b"wrong", request("http")))

    async def test_what_is_not_served_there_goes_on_elsewhere_once_it_is_judged(self) -> None:
        directory = await self.directory(submission=None)
        person = await directory.find(NAME)
        behind = Behind()
        self.assertEqual(await directory.open(person, PASSWORD, request("smtp", behind=behind)), "opened")
        self.assertEqual([(one.name, one.password) for one in behind.asked], [(NAME, PASSWORD)])
        self.assertIsNone(await directory.open(person, b"wrong", request("smtp", behind=behind)))
        self.assertEqual(len(behind.asked), 1)

    async def test_what_cannot_be_judged_is_unavailable(self) -> None:
        directory = await self.directory(imap=None)
        person = await directory.find(NAME)
        with self.assertRaises(LoginUnavailable):
            await directory.open(person, PASSWORD, request("http"))

    async def test_a_name_for_two_is_nobodys(self) -> None:
        dovecot().add_master("ann@example.org", b"master")
        directory = await self.directory()
        self.assertIsNone(await directory.find(f"bob@example.org*{NAME}"))
        person = await directory.find(NAME)
        typed = request(name=f"bob@example.org*{NAME}")
        self.assertIsNone(await directory.open(person, b"master", typed))

    async def test_only_its_domains_are_asked_about(self) -> None:
        directory = await self.directory(domains=Hostnames.parse("example.net"))
        self.assertIsNone(await directory.find(NAME))
        self.assertIsNone(await directory.recipient(NAME))
        self.assertEqual((await directory.find("ann@example.net")).addresses, ("ann@example.net",))
        self.assertEqual(await directory.domains(), {"example.net"})

    async def test_nobody_knows_whose_it_is_and_then_it_is_refused(self) -> None:
        upstream = await begun(self, dovecot())
        directory = await asking(self, upstream, upstream=None, route="r", routes={"r": Route({})})
        person = await directory.find(NAME)
        self.assertIsNone(await directory.open(person, PASSWORD, request()))

    async def test_by_a_route(self) -> None:
        dovecot().add(NAME, PASSWORD)
        upstream = await begun(self, dovecot())
        routes = {"r": Route({NAME: "there"})}
        directory = await asking(self, upstream, upstream=None, route="r", routes=routes)
        person = await directory.find(NAME)
        session = await directory.open(person, PASSWORD, request())
        await session.close()

    async def test_who_does_not_look_at_passwords_does_not_judge(self) -> None:
        dovecot().add(NAME, PASSWORD)
        dovecot().add_master("gateway", b"master")
        given = {"login": "master", "master_user": "gateway", "master_password": Secret("master")}
        upstream = await begun(self, dovecot(), **given)
        with self.assertRaises(ValueError):
            await asking(self, upstream)
        routes = {"r": Route({NAME: "there"})}
        directory = await asking(self, upstream, upstream=None, route="r", routes=routes)
        person = await directory.find(NAME)
        with self.assertRaises(AccountUnavailable):
            await directory.open(person, b"wrong", request())
        with self.assertRaises(AccountUnavailable):
            await directory.accepts(person, b"wrong")

    async def test_people_that_are_one_there_are_of_one_domain_here(self) -> None:
        dovecot().add("otto", PASSWORD)
        upstream = await begun(self, dovecot(), user_name="local", domain=Hostname("example.org"))
        for domains in ("", "example.org, example.net"):
            with self.assertRaises(ValueError):
                await asking(self, upstream, domains=Hostnames.parse(domains) if domains else Hostnames())
        directory = await asking(self, upstream, domains=Hostnames.parse("example.org"))
        session: Any = await directory.open(await directory.find("otto@example.org"), PASSWORD, request())
        await session.close()

    def test_one_of_two_has_to_be_said(self) -> None:
        self.assertRaises(ValueError, Settings, upstream="a", route="b")
        self.assertRaises(ValueError, part.build, Settings(), assembly(self))

    async def directory(self, domains: Hostnames = Hostnames(), **more: Any) -> Any:
        dovecot().add(NAME, PASSWORD)
        return await asking(self, await begun(self, dovecot(), **more), domains=domains)


class Route:
    """`gateway.api.Route` by hand."""

    def __init__(self, names: dict[str, str]) -> None:
        self._names = names

    async def upstream(self, name: str, kind: str) -> str | None:
        return self._names.get(name)
