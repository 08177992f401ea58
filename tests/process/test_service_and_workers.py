"""Two workers ask one service about the same code at the same moment: one client gets in."""

from functools import partial

from twisted.trial.unittest import SynchronousTestCase

from tests.peers.remote import Remote, RemoteHost
from tests.process.knock import DOORS, REFUSED, at_once, door, good, imap_plain, knock, smtp_plain
from tests.process.test_workers import children

CLIENTS = 12


class ServiceAndWorkers(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.host = RemoteHost("workers = 2")
        self.addCleanup(self.host.end)

    def test_a_code_that_it_takes_twice_is_taken_once(self) -> None:
        """Each client is somewhere else, in a network of its own."""
        self.assertEqual(len(children(self.host.server.pid)), 2)
        for number in range(3):
            who = Remote(self.host, f"once{number}", "a pass w@rd")
            secret = who.secret.encode()
            ways = [(imap_plain, smtp_plain)[n % 2] for n in range(CLIENTS)]
            said = at_once(
                *(
                    partial(knock, self.host, way, who.address, secret, f"127.{100 + n}.{number}.1")
                    for n, way in enumerate(ways)
                )
            )
            let_in = [n for n, one in enumerate(said) if good(ways[n], one)]
            self.assertEqual(len(let_in), 1, said)
            for n, one in enumerate(said):
                if n not in let_in:
                    self.assertEqual(one, REFUSED[door(ways[n])])
            home = f"127.{100 + let_in[0]}.{number}.1"
            for way in DOORS:
                self.assertTrue(good(way, knock(self.host, way, who.address, secret, home)))
            for way in DOORS:
                said_elsewhere = knock(self.host, way, who.address, secret, f"127.99.{number}.1")
                self.assertEqual(said_elsewhere, REFUSED[door(way)])
        accepted = [line for line in self.host.server.lines if " login.accepted " in line]
        self.assertEqual(len([line for line in accepted if ": code " in line]), 3, accepted)

    def test_one_program_gets_in_with_all_its_connections(self) -> None:
        """They come from one address with one string, to whichever worker."""
        who = Remote(self.host, "program", "a pass w@rd")
        calls = (partial(knock, self.host, imap_plain, who.address, who.secret.encode()) for _ in range(16))
        said = at_once(*calls)
        self.assertEqual([one for one in said if not good(imap_plain, one)], [])
        self.assertLessEqual(len(self.host.service.heard(who.address)), 2)
