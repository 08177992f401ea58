"""`mailtwist tls` beside a whole server of two workers with a port 80 of its own, and without one."""

import json
import os
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from subprocess import CalledProcessError
from textwrap import dedent
from unittest import SkipTest

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.server import RunningServer
from tests.process.certified import NAME, Certified
from tests.process.site import eventually
from tests.tls.acme.pebble import pebble


class TlsCommand(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.ca = pebble()
        self.site = Certified(
            Path(self.mktemp()).resolve(),
            [self.ca],
            "challenges = http-01\ndomain_names = none",
            http=self.ca.http_port,
            server="workers = 2",
        )
        self.addCleanup(self.site.end)
        self.site.start()

    def tls(self, *words: str):
        return json.loads(self.site.server.command("tls", *words, "--json"))

    def kept(self) -> x509.Certificate:
        (file,) = (self.site.store / "certificates").glob("*.pem")
        return x509.load_pem_x509_certificates(file.read_bytes().partition(b"PRIVATE KEY-----\n")[2])[0]

    def row(self):
        (row,) = [row for row in self.tls("list") if row["name"] == NAME]
        return row

    def test_all_of_its_words(self) -> None:
        self.assertTrue(eventually(lambda: self.row()["state"] == "valid"), self.site.server.log)
        first = self.kept()
        self.assertEqual((self.row()["issuer"], self.row()["key"], self.row()["error"]), ("ca0", "EC", ""))
        with self.assertRaises(urllib.error.HTTPError) as elsewhere:  # nobody else is sent anywhere
            urllib.request.urlopen(f"http://127.0.0.1:{self.ca.http_port}/x", timeout=30)
        self.assertEqual(elsewhere.exception.code, 404)

        (row,) = self.tls("renew", NAME, "--force")
        second = self.kept()
        self.assertEqual(row["names"], [NAME])
        self.assertNotEqual(second, first)
        for _ in range(6):  # whichever worker is asked
            shown = eventually(lambda: self.site.serial() == second.serial_number)
            self.assertTrue(shown, self.site.server.log)

        self.tls("revoke", NAME, "--yes", "--reason", "superseded")
        self.assertEqual(self.ca.status(second)["Status"], "Revoked")
        third = self.kept().serial_number
        self.assertNotEqual(third, second.serial_number)
        self.assertTrue(eventually(lambda: self.site.serial() == third), self.site.server.log)

        (account,) = self.tls("account", "show", "--ask")
        self.assertEqual((account["state"], account["authority"]), ("valid", "ca0"))
        self.tls("account", "change-key")
        self.assertEqual(self.tls("account", "show", "--ask"), [account])
        self.assertEqual(self.site.complaints, [])

        self.site.end()
        self.tls("renew", NAME, "--force")  # now it answers the authority itself
        self.assertNotEqual(self.kept().serial_number, third)
        with self.assertRaises(CalledProcessError) as wrong:
            self.tls("renew", "else.example.test")
        self.assertIn("else.example.test is not wanted by the config", wrong.exception.stdout)


class AsRoot(SynchronousTestCase):
    """The server of an ordinary user has to read what root's command has made."""

    SOMEBODY = 54321
    INI = """
    [server]
    state = state
    hostname = mail.example.test
    [resolver]
    servers = 127.0.0.1
    port = 9
    timeout = 1 s
    [tls:public]
    type = acme
    agree_to_terms = yes
    http_listen = none
    [tls:own]
    type = self_signed
    """

    def test_what_is_made_belongs_to_whom_the_folder_belongs_to(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can be somebody else")
        with tempfile.TemporaryDirectory(prefix="mailtwist-root-") as folder:
            os.chmod(folder, 0o755)
            state = Path(folder) / "state"
            state.mkdir(mode=0o700)
            os.chown(state, self.SOMEBODY, self.SOMEBODY)
            server = RunningServer(Path(folder), dedent(self.INI))
            rows = json.loads(server.command("tls", "list", "--json"))
            self.assertEqual([row["state"] for row in rows], ["missing", "valid"])
            made = [path for path in state.rglob("*") if path.is_file()]
            self.assertIn("own.pem", [path.name for path in made])
            self.assertEqual({path.stat().st_uid for path in state.rglob("*")}, {self.SOMEBODY})
