"""Names that come and go while certificates are renewed: of domains, and those that strangers ask for."""

from mailtwist.config.rate import Rate
from tests.tls.acme.world import DAY, HERE, HOST, HOUR, MINUTE, WithWorld, result


class NamesTests(WithWorld):
    def test_names_of_domains_come_when_they_point_here_and_go_when_they_do_not(self) -> None:
        world = self.world(prefixes=("mail", "imap"), domains=("example.com",))
        world.dns.addresses_of |= {"mail.example.com": (HERE,), "imap.example.com": ("198.51.100.1",)}
        world.pass_time(HOUR)
        self.assertIsNotNone(world.kept("mail.example.com"))
        self.assertIsNone(world.kept("imap.example.com"))
        self.assertIn("198.51.100.1", world.wanted.not_here["imap.example.com"])
        world.dns.addresses_of["imap.example.com"] = (HERE,)
        world.pass_time(2 * HOUR)
        self.assertIsNotNone(world.kept("imap.example.com"))
        del world.dns.addresses_of["mail.example.com"]
        tried = len(self.ca.tried)
        world.pass_time(89 * DAY, HOUR)
        self.assertEqual({names for when, names in self.ca.tried[tried:]}, {(HOST,), ("imap.example.com",)})
        self.assertIsNotNone(world.kept("mail.example.com"))
        world.pass_time(2 * DAY, HOUR)
        self.assertIsNone(world.kept("mail.example.com"))

    def test_while_dns_is_away_what_was_here_stays(self) -> None:
        world = self.world(prefixes=("mail",), domains=("example.com",))
        world.dns.addresses_of["mail.example.com"] = (HERE,)
        world.pass_time(HOUR)
        world.dns.away = True
        world.pass_time(88 * DAY, HOUR)
        kept = world.kept("mail.example.com")
        assert kept is not None
        self.assertGreater(kept.bundle.not_after, self.clock.now() + 20 * DAY)

    def test_a_stranger_gets_a_certificate_for_an_allowed_name_that_points_here(self) -> None:
        world = self.world(on_demand=("*.example.com",))
        world.pass_time(MINUTE)
        world.dns.addresses_of["a.example.com"] = (HERE,)
        for name in ("a.example.com", "b.example.com", "example.net", "x.y.example.com"):
            for _ in range(3):
                world.renewal.asked(name)
        self.assertEqual(len(self.ca.tried), 1)  # nothing in the handshake
        world.pass_time(MINUTE)
        self.assertEqual([names for _, names in self.ca.tried[1:]], [("a.example.com",)])
        again = self.world(on_demand=("*.example.com",), store=world.store)
        again.dns.addresses_of["a.example.com"] = (HERE,)
        result(world.renewal.stop())
        again.pass_time(80 * DAY, HOUR)
        self.assertEqual([names for _, names in self.ca.tried].count(("a.example.com",)), 2)

    def test_strangers_make_us_remember_only_so_much(self) -> None:
        world = self.world(on_demand=("*.example.com",))
        for number in range(5000):
            world.renewal.asked(f"n{number}.example.com")
        self.assertLessEqual(len(world.wanted._asked), 200)
        world.pass_time(HOUR)
        self.assertEqual(len(self.ca.tried), 1)

    def test_strangers_make_us_ask_dns_once_a_minute_and_for_their_names_alone(self) -> None:
        world = self.world(prefixes=("mail",), domains=("example.net",), on_demand=("*.example.com",))
        world.pass_time(MINUTE)
        questions: list[str] = []
        real = world.dns.addresses

        async def counted(name: str) -> object:
            questions.append(name)
            return await real(name)

        self.patch(world.dns, "addresses", counted)
        for number in range(590):  # ten minutes, in which a name that leads elsewhere is asked for again
            world.renewal.asked(f"n{number % 2}.example.com")
            world.pass_time(1)
        self.assertLessEqual(questions.count("n0.example.com"), 11)
        self.assertEqual(questions.count("mail.example.net"), 0)
        for number in range(590):
            world.renewal.asked(f"m{number}.example.com")
            world.pass_time(1)
        self.assertLessEqual(questions.count(HOST), 21)
        asked = [one for one in questions if one.startswith("m") and one != HOST]
        self.assertEqual(len(asked), len(set(asked)))
        self.assertGreater(len(asked), 500)

    def test_who_is_refused_by_dns_is_looked_at_again_an_hour_later(self) -> None:
        world = self.world(on_demand=("*.example.com",))
        world.pass_time(MINUTE)
        world.renewal.asked("a.example.com")
        world.pass_time(MINUTE)
        world.dns.addresses_of["a.example.com"] = (HERE,)
        world.pass_time(HOUR)
        world.renewal.asked("a.example.com")
        world.pass_time(2 * MINUTE)
        self.assertIsNotNone(world.kept("a.example.com"))

    def test_strangers_leave_half_of_what_is_issued_for_ourselves(self) -> None:
        rate = Rate(10, 7 * DAY)
        world = self.world(on_demand=("*.example.com", "*.example.net"), strangers=rate)
        world.pass_time(MINUTE)
        for number in range(50):
            for domain in ("example.com", "example.net"):
                world.dns.addresses_of[f"n{number}.{domain}"] = (HERE,)
                world.renewal.asked(f"n{number}.{domain}")
        world.pass_time(6 * DAY, HOUR)
        made = [names[0].partition(".")[2] for _, names, _ in self.ca.made]
        self.assertEqual((made.count("example.com"), made.count("example.net")), (5, 5))
        world.pass_time(2 * DAY, HOUR)
        for number in range(50):
            world.renewal.asked(f"n{number}.example.com")
        world.pass_time(DAY, HOUR)
        made = [names[0].partition(".")[2] for _, names, _ in self.ca.made]
        self.assertEqual((made.count("example.com"), made.count("example.net")), (10, 5))

    def test_strangers_wait_for_their_betters(self) -> None:
        world = self.world(names=["b.example.org"], on_demand=("a.example.com",))
        world.dns.addresses_of["a.example.com"] = (HERE,)
        world.renewal.asked("a.example.com")
        world.pass_time(HOUR)
        self.assertEqual(
            [names for _, names in self.ca.tried], [(HOST,), ("b.example.org",), ("a.example.com",)]
        )

    def test_a_thousand_names_all_come(self) -> None:
        world = self.world(names=[f"n{number}.example.com" for number in range(1000)])
        world.pass_time(MINUTE)
        self.assertEqual(len(self.ca.made), 1001)
        world.pass_time(HOUR)
        self.assertEqual(len(self.ca.tried), 1001)

    def test_a_name_that_is_added_to_a_certificate_makes_a_new_one(self) -> None:
        world = self.world(names=["example.com"])
        world.pass_time(HOUR)
        result(world.renewal.stop())
        wider = self.world(names=["example.com", "*.example.com"], store=world.store)
        wider.pass_time(HOUR)
        kept = wider.kept("example.com")
        assert kept is not None
        self.assertEqual(kept.bundle.names, ("example.com", "*.example.com"))
