"""The table in the config: the user's own line, the domain's, the nearest above it, the default."""

from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.config.fields import fields_of
from mailtwist.config.load import BadConfig, load_text
from mailtwist.gateway.routes.table import Domains, Settings, Table, Users, check
from mailtwist.testing.route import NAME, UPSTREAM, RouteContract
from tests.gateway.routes.upstreams import UPSTREAMS


def table(users: str = "", domains: str = "", default: str | None = None, own: str = "") -> Table:
    return Table(Settings(users=Users.parse(users), domains=Domains.parse(domains), default=default), own)


class TableTests(RouteContract, TestCase):
    async def make_route(self) -> Table:
        return table(f"{NAME} -> {UPSTREAM}", "example.com -> dovecot")

    async def found(self, route: Table, *names: str) -> list[str | None]:
        return [await route.upstream(name, "imap") for name in names]

    async def test_the_nearest_line_counts(self) -> None:
        route = table(
            "ann@a.example.org -> own",
            "a.example.org -> domain, *.example.org -> below, *.org -> far",
            "default",
        )
        names = ("ann@a.example.org", "bob@a.example.org", "bob@b.example.org", "bob@x.y.example.org")
        self.assertEqual(await self.found(route, *names), ["own", "domain", "below", "below"])
        self.assertEqual(
            await self.found(route, "x@example.org", "x@org", "x"), ["far", "default", "default"]
        )

    async def test_all_below_is_not_the_domain_itself(self) -> None:
        route = table(domains="*.example.org -> below")
        self.assertEqual(await self.found(route, "a@example.org", "a@badexample.org"), [None, None])

    async def test_spellings_are_one(self) -> None:
        route = table(
            "Ann@EXAMPLE.org -> a\nJörg@bücher.example -> j", "BÜCHER.example -> b, *.Ä.example -> c"
        )
        self.assertEqual(
            await self.found(
                route,
                "ann@example.org",
                "jörg@xn--bcher-kva.example",
                "x@xn--bcher-kva.example",
                "x@y.xn--4ca.example",
            ),
            ["a", "j", "b", "c"],
        )

    async def test_a_user_may_be_written_without_the_default_domain(self) -> None:
        route = table("ann -> one", own="example.org")
        self.assertEqual(await self.found(route, "ann@example.org", "ann@example.com"), ["one", None])
        self.assertEqual(await self.found(table("ann -> one"), "ann", "ann@example.org"), ["one", None])

    def test_one_user_in_two_spellings_is_refused(self) -> None:
        for users in ("ann -> a, ann@example.org -> b",):
            with self.assertRaisesRegex(ValueError, "is there twice, once without its domain"):
                table(users, own="example.org")


class Written(TestCase):
    def problems(self, *lines: str) -> list[str]:
        ini = f"{UPSTREAMS}[route:main]\ntype = table\n" + "\n".join(lines)
        return [str(one) for one in self.assertRaises(BadConfig, load_text, ini).problems]

    def test_an_upstream_that_is_not_there_is_a_problem_with_its_line(self) -> None:
        line = UPSTREAMS.count("\n") + 3
        for setting in (
            "users = ann@example.org -> exchang",
            "domains = example.org -> exchang",
            "default = exchang",
        ):
            (problem,) = (one for one in self.problems(setting) if "[route:" in one)
            name = setting.partition(" ")[0]
            self.assertEqual(
                problem,
                f"mailtwist.ini:{line}: [route:main] {name}: there is no section [upstream:exchang];"
                ' did you mean "exchange"?',
            )

    def test_lines_that_mean_nothing(self) -> None:
        for setting, words in (
            ("users = ann@example.org", 'write "ann@example.org -> exchange"'),
            ("users = -> exchange", "says not where to"),
            ("users = ann@example.org ->", "says not where to"),
            ("users = a@b@c@ -> exchange", "can be nobody's name"),
            ("users = a -> exchange, A -> dovecot", '"a" is there twice'),
            ("domains = a.*.b -> exchange", 'a "*" stands at the beginning'),
            ("domains = * -> exchange", 'a "*" stands at the beginning'),
            ("domains = *. -> exchange", 'a "*" stands at the beginning'),
            ("domains = exa mple -> exchange", "can be nobody's name"),
            ("domains = a.b -> exchange, A.b -> dovecot", '"a.b" is there twice'),
        ):
            self.assertIn(words, "\n".join(self.problems(setting)), setting)

    async def test_an_empty_table_is_told_by_check(self) -> None:
        assembly: Any = None
        self.assertEqual(await check(Settings(default="exchange"), assembly), [])
        ((_, words),) = await check(Settings(), assembly)
        self.assertIn("nobody is sent anywhere", words)

    def test_lines_of_their_own(self) -> None:
        users = Users.parse("ann@example.org -> exchange\nbob@example.org->dovecot")
        self.assertEqual(users, Users.parse(str(users)))
        self.assertEqual(users.named, ("exchange", "dovecot"))

    def test_the_manual_says_how_lines_are_written(self) -> None:
        kinds = {one.name: one.kind for one in fields_of(Settings)}
        self.assertEqual(kinds["users"], "lines `name -> upstream`")
        self.assertEqual(kinds["default"], "the name of a [upstream:...] section")
