"""From nothing to a certificate at every door, renewed in time, and under way when the power fails."""

import atexit
import json
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import count
from pathlib import Path

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from tests.process.certified import DOORS, Certified
from tests.process.site import eventually
from tests.tls.acme.pebble import Pebble, pebble, zones
from tests.whole_host import DOMAIN

DAY = 86400
CLIENTS = 200
HOURS = count()
STEPS = ("/sign-me-up", "/order-plz", "/authZ/", "/chalZ/", "/finalize-order/", "/certZ/")
"""What pebble is asked, in this order."""


def its_authority() -> Pebble:
    return pebble(whose="the one server's")


@cache
def site() -> Certified:
    """One for all tests that do it no harm; it was begun while its authority said nothing."""
    folder = Path(tempfile.mkdtemp(prefix="mailtwist-certified-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ca = its_authority()
    made = Certified(folder, [ca], "challenges = tls-alpn-01\ndomain_names = none", https=ca.tls_port)
    atexit.register(made.end)
    ca.freeze()
    try:
        made.start()
        for door in DOORS:
            leaf = made.shown(door)
            assert not is_issued(leaf), door
    finally:
        ca.thaw()
    assert eventually(lambda: is_issued(made.shown(DOORS[0]))), made.server.log
    return made


class OfOneServer(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.ca, self.site = its_authority(), site()

    def tearDown(self) -> None:
        self.assertEqual(self.site.complaints, [])

    def renewed(self, before: int) -> int:
        """The serial number of the next one, for which the clock goes on and back."""
        ahead = 70 * DAY + next(HOURS) * 7200  # not to be at the time of the last renewal
        self.site.advance(ahead)
        self.assertTrue(eventually(lambda: self.site.serial() != before), self.site.server.log[-5000:])
        self.site.advance(-ahead)
        return self.site.serial()

    def test_a_certificate_for_every_door(self) -> None:
        """There was nothing at first, and mail went on by a certificate of its own making."""
        self.assertEqual(len(self.site.verified()), 1, self.site.server.log)
        self.assertIn("tls.bootstrap", self.site.server.log)

    def test_who_is_there_stays_when_it_is_renewed(self) -> None:
        clients = [self.site.idle() for _ in range(CLIENTS)]
        for client in clients:
            self.addCleanup(client.close)
        before = self.site.serial()
        self.renewed(before)
        self.assertEqual(len(self.site.verified()), 1)
        for client in clients:
            client.send(b"DONE\r\n")
            answer = client.answer(b"i")[-1]
            self.assertTrue(answer.startswith(b"OK "), answer)
            self.assertTrue(client.imap(b"NOOP")[-1].startswith(b"OK "))
            held = x509.load_der_x509_certificate(client.certificate)
            self.assertEqual(held.serial_number, before)

    def test_a_server_that_begins_again_orders_nothing(self) -> None:
        before, ordered = self.site.verified(), orders(self.ca)
        self.site.server.stop()
        self.site.start()
        self.assertEqual(self.site.verified(), before)
        self.assertEqual(orders(self.ca), ordered)
        self.assertNotIn("tls.bootstrap", self.site.server.log)

    def test_by_command_while_it_runs(self) -> None:
        """A process beside the server orders; the server shows the proof, and then the certificate."""
        command, name = self.site.server.command, f"mail.{DOMAIN}"
        before = self.site.shown(DOORS[0])
        (row,) = json.loads(command("tls", "list", "--json"))
        self.assertIn(name, str(row))
        command("tls", "renew", name)
        self.assertEqual(self.site.serial(), before.serial_number)  # it is not due
        command("tls", "renew", name, "--force")
        self.assertTrue(eventually(lambda: self.site.serial() != before.serial_number))
        renewed = self.site.shown(DOORS[0])
        command("tls", "revoke", name, "--reason", "superseded", "--yes")
        self.assertEqual([self.ca.status(renewed)[word] for word in ("Status", "Reason")], ["Revoked", 4])
        self.assertTrue(eventually(lambda: self.site.serial() != renewed.serial_number))
        self.assertEqual(self.ca.status(self.site.shown(DOORS[0]))["Status"], "Valid")
        self.assertEqual(len(self.site.verified()), 1)

    def test_the_account_gets_another_key_while_it_runs(self) -> None:
        before = self.site.serial()
        command = self.site.server.command
        told = command("tls", "account", "show", "--json")
        command("tls", "account", "change-key")
        self.assertEqual(command("tls", "account", "show", "--json"), told)
        self.renewed(before)

    def test_nobody_else_reads_the_keys(self) -> None:
        for path in (self.site.store, *self.site.store.rglob("*")):
            mode = path.stat().st_mode & 0o777
            self.assertEqual(mode, 0o700 if path.is_dir() else 0o600, path)


class OfSeveral(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mailtwist-certified-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.ca = pebble()

    def begun(self, tls: str = "challenges = http-01", **how: int | str) -> Certified:
        made = Certified(self.folder, [self.ca], tls, **({"http": self.ca.http_port} | how))
        self.addCleanup(made.end)
        return made

    def test_two_workers_order_each_name_that_leads_here_once(self) -> None:
        """The host's, and those of the domain; one of these leads elsewhere, one nowhere."""
        zones().address(f"pop.{DOMAIN}", "192.0.2.1")
        zones().servfail(f"mta-sts.{DOMAIN}")
        self.addCleanup(zones().forget, f"pop.{DOMAIN}")
        self.addCleanup(zones().forget, f"mta-sts.{DOMAIN}")
        ordered = orders(self.ca)
        one = self.begun(server="workers = 2").start()
        names = [f"{word}.{DOMAIN}" for word in ("mail", "imap", "smtp", "autoconfig", "autodiscover")]
        for name in names:
            self.assertTrue(eventually(lambda: covers(one.shown(DOORS[4], name), name)), name)
        for _ in range(5):  # whichever worker it is
            for name in names:
                self.assertTrue(covers(one.shown(DOORS[4], name), name))
        self.assertEqual(orders(self.ca), ordered + len(names))
        self.assertTrue(covers(one.shown(DOORS[4], f"pop.{DOMAIN}"), names[0]))
        self.assertEqual(one.complaints, [])

    def test_the_proof_is_at_each_worker(self) -> None:
        """The authority may be let in by any of them, and only one orders."""
        self.ca = ca = pebble(chain_length=2)
        tls = "challenges = tls-alpn-01\ndomain_names = none"
        one = self.begun(tls, server="workers = 3", http=0, https=ca.tls_port).start()
        self.assertTrue(eventually(lambda: is_issued(one.shown(DOORS[4]))), one.server.log)
        self.assertEqual(one.events("acme.not_proven"), [])
        self.assertEqual(len(one.verified()), 1)

    def test_a_name_is_ordered_when_somebody_asks_for_it(self) -> None:
        """From the list, and if it leads here; meanwhile the default is shown."""
        zones().address("elsewhere.customers.test", "192.0.2.1")
        self.addCleanup(zones().forget, "elsewhere.customers.test")
        one = self.begun(
            "challenges = http-01\ndomain_names = none\non_demand = *.customers.test, own.test"
        ).start()
        self.assertTrue(eventually(lambda: is_issued(one.shown(DOORS[4]))), one.server.log)
        ordered = orders(self.ca)
        asked = ("shop.customers.test", "own.test")
        for name in (
            "elsewhere.customers.test",
            "a.b.customers.test",
            "customers.test",
            "x.own.test",
            *asked,
        ):
            for door in DOORS[:2]:
                self.assertTrue(covers(one.shown(door, name), f"mail.{DOMAIN}"), name)
        for name in asked:
            self.assertTrue(eventually(lambda: covers(one.shown(DOORS[0], name), name)), one.server.log)
        self.assertEqual(orders(self.ca), ordered + 2)
        self.assertEqual(one.complaints, [])

    def test_whichever_worker_is_asked_for_a_name_it_is_ordered(self) -> None:
        one = self.begun(
            "challenges = http-01\ndomain_names = none\non_demand = *.customers.test", server="workers = 2"
        ).start()
        self.assertTrue(eventually(lambda: is_issued(one.shown(DOORS[4]))), one.server.log)
        names = [f"w{number}.customers.test" for number in range(6)]
        for name in names:  # once each: by either worker
            one.shown(DOORS[0], name)
        for name in names:
            kept = one.store / "certificates" / f"{name}.EC.pem"
            self.assertTrue(eventually(kept.exists), f"{name}\n{one.server.log}")
        for name in names:
            self.assertTrue(eventually(lambda: covers(one.shown(DOORS[0], name), name)), name)
        self.assertEqual(one.complaints, [])

    def test_commands_at_once_order_once_and_a_server_finds_it_there(self) -> None:
        """By DNS nobody has to listen.  The authority is only for its customers; the certificate is for a
        domain and all below it."""
        self.ca = ca = pebble(eab=True)
        kid, key = next(iter(ca.eab.items()))
        one = self.begun(
            f"challenges = dns-01\ndns = hook\nnames = *.{DOMAIN}, {DOMAIN}\ndomain_names = none",
            http=0,
            authority=f"eab_kid = {kid}\neab_key = {key}\n",
            more=f"[dns:hook]\ntype = exec\ncommand = {zones().hook}\npropagation = resolver\n",
        )
        with ThreadPoolExecutor(3) as threads:
            said = list(threads.map(lambda _: one.renewed("--all"), range(3)))
        for status, words in said:
            self.assertEqual(status, int("another process is at it" in words), words)
        self.assertEqual(one.renewed("--all")[0], 0)
        self.assertEqual(orders(ca), 2)  # the host has one of its own
        one.start()
        self.assertNotIn("tls.bootstrap", one.server.log)
        self.assertEqual(len(one.verified()), 1)
        for name in (DOMAIN, f"any.{DOMAIN}"):
            self.assertTrue(covers(one.shown(DOORS[4], name), f"*.{DOMAIN}"), name)
        self.assertEqual(orders(ca), 2)
        self.assertEqual(one.complaints, [])

    def test_the_power_fails_at_each_step(self) -> None:
        """In the end there is a certificate; nothing half of it is on the disk, and no proof is shown."""
        one = self.begun()
        for step in STEPS:
            before = self.ca.count(step)
            one.server.begin("--config", str(one.server.config))
            found = eventually(lambda: self.ca.count(step) > before)
            one.server.kill()
            self.assertTrue(found, (step, one.server.log))
        one.start()
        self.assertTrue(eventually(lambda: is_issued(one.shown(DOORS[0]))), one.server.log)
        self.assertEqual(len(one.verified()), 1)
        self.assertEqual(one.complaints, [])
        names = [path.name for path in one.store.rglob("*") if path.is_file()]
        self.assertEqual([name for name in names if name.startswith(".") and "lock" not in name], [], names)


def is_issued(leaf: x509.Certificate) -> bool:
    """By an authority."""
    return leaf.issuer != leaf.subject


def covers(leaf: x509.Certificate, name: str) -> bool:
    said = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return is_issued(leaf) and name in said.get_values_for_type(x509.DNSName)


def orders(ca: Pebble) -> int:
    return ca.count("POST /order-plz")
