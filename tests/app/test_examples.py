"""Each config in tap-examples is one that `mailtwist check` has nothing to say against, and that serves."""

import json
import os
import re
import socket
import ssl
import time
from imaplib import IMAP4
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from pyotp import TOTP
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.app.cli import demo
from mailtwist.kit.ids import new_id
from mailtwist.testing.server import RunningServer, import_path
from mailtwist.tls.own import self_signed
from tests.app.clients import read_imaps
from tests.auth.directories.slapd import READER_PASSWORD, person, slapd
from tests.backends.shared import dovecot
from tests.peers.remote import KEY, Service
from tests.state.redis_server import shared_server
from tests.tls.acme.pebble import pebble, zones

EXAMPLES = Path(__file__).parent.parent.parent / "tap-examples"


class Examples(SynchronousTestCase):
    def server(self, name: str, *instead: tuple[str, str]) -> RunningServer:
        """The example with its folders and files in a folder of the test, on any free ports of loopback."""
        ini = (EXAMPLES / name).read_text()
        ini = re.sub(r"^listen = .*\n", "", ini, flags=re.MULTILINE)
        ini = re.sub(r"^(\[service:.*\]\n)", r"\1listen = 127.0.0.1:0\n", ini, flags=re.MULTILINE)
        ini = re.sub(r"^state = .*$", "state = state", ini, flags=re.MULTILINE)
        ini = re.sub(r"/etc/letsencrypt/live/mail.example.org/", "", ini)
        for there, here in instead:
            ini = ini.replace(there, here)
        path = os.pathsep.join([import_path(), str(EXAMPLES)])
        made = RunningServer(Path(self.mktemp()), ini, environment={"PYTHONPATH": path})
        for file in ("fullchain.pem", "privkey.pem"):
            (made.folder / file).touch(mode=0o600)
            (made.folder / file).write_bytes(self_signed(["mail.example.org"], time.time()))
        pem = (made.folder / "fullchain.pem").read_bytes()
        (made.folder / "privkey.pem").write_bytes(pem)
        return made

    def works(self, name: str, services: int) -> None:
        server = self.server(name)
        self.assertEqual(server.command("check"), "ok\n")
        with server:
            self.assertEqual(len(server.places), services)
            self.assertNotIn(" error ", server.log)

    def test_the_laptop(self) -> None:
        self.works("laptop.ini", 7)

    def test_the_host(self) -> None:
        self.works("host.ini", 7)

    def test_the_host_whose_certificates_come_by_themselves(self) -> None:
        """From an authority of our own, which asks our own DNS; not one line is left out."""
        ca = pebble()
        here = f"[tls:main]\nauthorities = test\nhttp_listen = 127.0.0.1:{ca.http_port}\n"
        there = f"[authority:test]\ndirectory = {ca.directory}\nroots = {ca.roots}\n"
        server = self.server(
            "acme.ini",
            ("[tls:main]\n", f"{there}[resolver]\nservers = 127.0.0.1:{zones().port}\n{here}"),
            ("[service:http]\nlisten = 127.0.0.1:0", f"[service:http]\nlisten = 127.0.0.1:{ca.http_port}"),
        )
        self.assertEqual(server.command("check"), "ok\n")
        trust = ssl.create_default_context(cadata=ca.root().public_bytes(Encoding.PEM).decode())
        with server:
            for name in ("mail.example.org", "imap.example.org"):
                server.wait_for(f"from now on {name} is served")
                for service in ("imaps", "submissions", "everything"):
                    with socket.create_connection(("127.0.0.1", server.port(service)), 20) as plain:
                        trust.wrap_socket(plain, server_hostname=name).close()
            self.assertNotIn(" error ", server.log)

    def test_behind_a_postfix(self) -> None:
        """With a real one in front: tests/peers/test_postfix.py."""
        self.works("behind-postfix.ini", 3)

    def test_the_third_party(self) -> None:
        self.works("third-party.ini", 4)

    def test_several_nodes(self) -> None:
        """What a program has saved at one gets in at the other, until it is revoked at the first."""
        shared, redis = Path(self.mktemp()).absolute(), shared_server()
        shared.mkdir(mode=0o700)
        (shared / "people").touch(mode=0o600)
        (shared / "people").write_text("ann@example.org:{PLAIN}secret\n")
        instead = (("/srv/mail", str(shared)), (":6379/0", f":{redis.port}/0\nprefix = {new_id()}"))
        first, second = self.server("several-nodes.ini", *instead), self.server("several-nodes.ini", *instead)
        self.assertEqual(first.command("check"), "ok\n")
        with first:
            token = json.loads(first.command("otp", "enroll", "ann", "--json"))
            codes = TOTP(token["secret"])
            now = int(time.time())
            first.command("otp", "confirm", "ann", codes.at(now))
            keys = str(shared / "keys.json")
            first.command("keys", "backup", keys)
            second.command("keys", "restore", keys)
            with second:
                saved = f"secret@{codes.at(now + 30)}"  # good already, and for a minute yet
                for server in (first, second):
                    self.assertEqual(read_imaps(server.port("imaps"), "ann", saved), [])
                first.command("device", "revoke", "ann", "--all")
                self.assertRaises(IMAP4.error, read_imaps, second.port("imaps"), "ann", saved)
                self.assertIn("revoked-device", second.log)

    def test_the_gateway(self) -> None:
        """What quickstart writes lets people in: tests/gateway/probe."""
        self.works("gateway.ini", 7)

    def test_the_gateway_before_two_servers(self) -> None:
        self.works("gateway-two.ini", 4)

    def test_the_gateway_whose_people_are_in_ldap(self) -> None:
        """With a real slapd, a Dovecot behind, and a service that judges codes: who is right everywhere reads
        his mail."""
        ldap, home, codes = slapd(), dovecot(), Service().start()
        self.addCleanup(codes.stop)
        name, password = "tap-example", "a pass% w@rd"
        ldap.change(person(name, mail=f"{name}@example.org", userPassword=password), "-a")
        home.add(f"{name}@example.org", password)
        home.put(f"{name}@example.org", [b"Subject: read by the example\r\n\r\n"])
        server = self.server(
            "gateway-ldap.ini",
            ("ldap://ldap1.example.org, ldap://ldap2.example.org", ldap.url),
            ("roots = /etc/ssl/company-ca.pem\nbind_dn", f"roots = {ldap.certificate.root}\nbind_dn"),
            ("file:/etc/mailtwist/ldap-password", READER_PASSWORD),
            ("https://2fa.example.org", f"https://localhost:{codes.port}"),
            ("roots = /etc/ssl/company-ca.pem", f"roots = {codes.root}"),
            ("file:/etc/mailtwist/2fa-key", KEY),
            ("hosts = mail.inside.example", f"hosts = localhost\nroots = {home.root}"),
            ("993 implicit", f"{home.ports['imaps']} implicit"),
            ("587 starttls", f"{home.ports['submission']} starttls"),
        )
        self.assertEqual(server.command("check"), "ok\n")
        codes.knows(f"{name}@example.org", "135791")
        with server:
            for secret in (f"{password}@999999", f"no{password}@135791", password):
                with self.assertRaises(IMAP4.error):
                    read_imaps(server.port("imaps"), name, secret)
            codes.knows(f"{name}@example.org", "246802")
            (mail,) = read_imaps(server.port("imaps"), name.upper(), f"{password}@246802")
            self.assertIn(b"read by the example", mail)
            self.assertNotIn(" error ", server.log)
        self.assertEqual(set(codes.heard(f"{name}@example.org")), {"999999", "135791", "246802"})
        told = server.command("directory", "test", "people", name, "--password-stdin", typed=f"{password}\n")
        self.assertIn("Yes: the password is right.", told)
        self.assertNotIn(password, told)
        codes.knows(f"{name}@example.org", "357913")
        told = server.command("factor", "test", "company", name, "--code-stdin", typed="357913\n")
        self.assertIn("Yes: the code is right; it counts for nothing here.", told)
        self.assertNotIn("357913", told)

    def test_none_is_without_a_test(self) -> None:
        tested = {"laptop.ini", "host.ini", "third-party.ini", "behind-postfix.ini", "several-nodes.ini"}
        tested |= {"acme.ini"}
        tested |= {"gateway.ini", "gateway-two.ini", "gateway-ldap.ini"}
        self.assertEqual({path.name for path in EXAMPLES.glob("*.ini")}, tested)

    def test_the_demo_has_the_laptop(self) -> None:
        shipped = (Path(demo.__file__).parent / demo.INI).read_text()
        self.assertEqual(shipped, (EXAMPLES / demo.INI).read_text())
