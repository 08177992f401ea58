"""What is found out about real servers."""

from twisted.trial.unittest import TestCase

from mailtwist.gateway.probe.choice import chosen
from mailtwist.gateway.probe.host import probed, tried_login
from mailtwist.gateway.probe.quirks import quirks
from tests.backends import shared
from tests.gateway.probe.looking import doors, plan, report_of
from tests.peers.programs import needs


@needs("dovecot")
class Dovecot(TestCase):
    timeout = 120

    async def test_every_door_is_found_with_its_tls(self) -> None:
        server = shared.dovecot()
        report = await report_of(server)
        found = {port.number: (port.kind, port.security) for port in report.ports}
        self.assertEqual(found[server.ports["imap"]], ("imap", "starttls"))
        self.assertEqual(found[server.ports["imaps"]], ("imap", "implicit"))
        self.assertEqual(found[server.ports["pop3"]], ("pop3", "starttls"))
        self.assertEqual(found[server.ports["pop3s"]], ("pop3", "implicit"))
        self.assertEqual(found[server.ports["submission"]], ("submission", "starttls"))
        self.assertEqual(found[server.ports["submissions"]], ("submission", "implicit"))
        self.assertEqual(found[server.ports["sieve"]], ("sieve", "starttls"))
        self.assertTrue(all(port.right and port.greeting for port in report.ports if port.kind != "lmtp"))
        ways = {kind: f"{port.number} {port.security}" for kind, port in chosen(report).ways.items()}
        self.assertEqual(ways["imap"], f"{server.ports['imaps']} implicit")
        self.assertEqual(ways["sieve"], f"{server.ports['sieve']} starttls")

    async def test_a_certificate_that_nobody_vouches_for_is_known_by_its_key(self) -> None:
        report = await probed(plan(), doors(shared.dovecot(), "imaps", "pop3s"))
        choice = chosen(report)
        (pin,) = choice.pins
        self.assertTrue(choice.possible)
        self.assertEqual({port.certificate and port.certificate.pin for port in report.ports}, {pin})
        self.assertFalse(any(port.right for port in report.ports))

    async def test_no_password_is_said_to_who_may_be_somebody_else(self) -> None:
        server = shared.dovecot()
        server.add("unsaid@inside.test", "right")
        before = len(server.logins("unsaid@inside.test"))
        report = await probed(plan(), doors(server, "imaps", "imap"))
        choice = await tried_login(plan(), report, b"unsaid@inside.test", b"right")
        self.assertRegex(choice.ways["imap"].login, "^not tried: .*trusted")
        self.assertEqual(len(server.logins("unsaid@inside.test")), before)
        compared = plan(pins=tuple(choice.pins))
        again = await tried_login(compared, report, b"unsaid@inside.test", b"right")
        self.assertEqual(again.ways["imap"].mechanism, "LOGIN")

    async def test_a_login_says_what_is_offered_then_and_a_wrong_one_is_tried_once(self) -> None:
        server = shared.dovecot()
        server.add("probed@inside.test", "right")
        report = await report_of(server)
        choice = await tried_login(plan(server.root), report, b"probed@inside.test", b"right")
        self.assertEqual({kind: choice.ways[kind].mechanism for kind in choice.doors}["pop3"], "USER/PASS")
        late = choice.ways["imap"].late
        assert late is not None
        self.assertTrue(late.has("IDLE"))
        wrong = await tried_login(plan(server.root), await report_of(server), b"probed@inside.test", b"wrong")
        self.assertEqual(
            [wrong.ways[kind].login for kind in wrong.doors],
            ["refused: name or password are wrong", "", "", ""],
        )

    async def test_a_proxy_header_is_tried_only_when_it_is_asked_for(self) -> None:
        server = shared.dovecot()
        wanted = doors(server, "imap-proxied")
        silent = await probed(plan(server.root, seconds=1.0), wanted)
        self.assertEqual([port.served for port in silent.ports], [False])
        self.assertIn("--try-proxy", quirks(silent)[0])
        self.assertFalse(chosen(silent).possible)
        found = await probed(plan(server.root, seconds=1.0, try_proxy=True), wanted)
        self.assertEqual([(port.served, port.proxy) for port in found.ports], [(True, "v2")])
        self.assertEqual(chosen(found).proxy, "v2")


@needs("dovecot")
class LikeExchange(TestCase):
    timeout = 120

    async def test_login_where_there_is_no_plain(self) -> None:
        server = shared.login_only()
        server.add("probed@inside.test", "right")
        report = await report_of(server)
        self.assertTrue(any("no AUTH PLAIN, but LOGIN" in words for words in quirks(report)))
        self.assertTrue(any("LOGINDISABLED" in words for words in quirks(report)))
        choice = await tried_login(plan(server.root), report, b"probed@inside.test", b"right")
        self.assertEqual({choice.ways[kind].mechanism for kind in choice.doors}, {"AUTHENTICATE LOGIN"})


@needs("dovecot")
class LikeGmail(TestCase):
    timeout = 120

    async def test_another_certificate_without_a_name(self) -> None:
        report = await report_of(shared.named_only(), "imaps", "imap", "submissions")
        for port in report.ports:
            assert port.certificate is not None and port.nameless is not None
            self.assertTrue(port.right, port)
            self.assertNotEqual(port.certificate.pin, port.nameless.pin)
        self.assertTrue(any("who does not ask by name" in words for words in quirks(report)))


@needs("postfix")
class Postfix(TestCase):
    timeout = 120

    async def test_submission_and_port_25(self) -> None:
        report = await report_of(shared.postfix())
        choice = chosen(report)
        self.assertEqual(choice.doors, ["submission"])
        self.assertEqual(choice.judge, "submission")
        self.assertTrue(any("takes XCLIENT" in words for words in quirks(report)))


class Cyrus(TestCase):
    timeout = 120

    async def test_unauthenticate_is_told(self) -> None:
        server = shared.cyrus()
        server.add("probed", "right")
        report = await report_of(server)
        await tried_login(plan(server.root), report, b"probed", b"right")
        self.assertTrue(any("UNAUTHENTICATE" in words for words in quirks(report)))
