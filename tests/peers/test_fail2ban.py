"""The shipped filters, on lines that the real program wrote: guesses are found, and nobody else."""

import imaplib
import json
import re
import socket
from collections import Counter
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from unittest import SkipTest

import pyotp
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.server import RunningServer
from tests.app.clients import unverified
from tests.peers.programs import needs, run

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "operators"
FILTER = FOLDER / "fail2ban" / "filter.conf"
ANN, PASSWORD = "ann@example.org", "correct horse"
INI = """
[server]
hostname = mail.example.org
state = state
log_format = {shape}
[login]
refusal = 0
quantum = 50 ms
[limits]
account_address = 3 in 15 min
[audit]
path = audit.json
[directory:people]
type = sqlite
hash_memory = 8 KiB
hash_passes = 1
[factor:totp]
[store:mail]
type = maildir
[tls:own]
type = self_signed
[service:imaps]
type = imap
listen = 127.0.0.1:0, [::1]:0
tls = own
tls_mode = implicit
store = mail
"""
GROK = {
    "TIMESTAMP_ISO8601:timestamp": r"(?P<timestamp>\d{4}-\d\d-\d\dT[\d:.]+Z)",
    "DATA:reason": "(?P<reason>.*?)",
    "IP:source_ip": r"(?P<source_ip>[0-9a-fA-F:.]+)",
}
"""What CrowdSec's grok patterns mean, as far as the parser has them."""


class Filters(SynchronousTestCase):
    timeout = 300

    def begin(self, shape: str) -> RunningServer:
        if not socket.has_ipv6:
            raise SkipTest("this machine has no IPv6")
        self.server = RunningServer(Path(self.mktemp()), INI.format(shape=shape))
        self.addCleanup(self.server.stop)
        self.server.start()
        self.server.command("user", "add", ANN, "--password-stdin", typed=PASSWORD + "\n")
        enrolled = json.loads(self.server.command("otp", "enroll", ANN, "--json"))
        self.totp = pyotp.TOTP(enrolled["secret"])
        now = datetime.now().timestamp()
        self.server.command("otp", "confirm", ANN, self.totp.at(int(now) - 30))
        return self.server

    def login(self, secret: str, user: str = ANN, source: str = "127.0.0.1") -> bool:
        """From a source address of its own."""
        v6 = ":" in source
        (place,) = [one for one in self.server.places["imaps"] if one.startswith("[::1]") is v6]
        port = int(place.rpartition(":")[2])
        raw = socket.create_connection(("::1" if v6 else "127.0.0.1", port), 30, (source, 0))
        with _Wrapped(raw) as client:
            try:
                client.login(client._quote(user), secret)
            except imaplib.IMAP4.error:
                return False
            return True

    def life(self, shape: str) -> tuple[Path, Path]:
        """A day of good and bad logins; the log and the file of [audit].  Whoever guesses is at 127.0.3.66 or
        at ::1, everybody else is elsewhere."""
        server = self.begin(shape)
        code = self.totp.at(int(datetime.now().timestamp()))
        phone = f"{PASSWORD}@{code}"
        self.assertTrue(self.login(phone, source="127.0.0.7"), server.log)  # remembered from now on
        self.assertTrue(self.login(phone, source="127.0.0.7"))
        for number, source in enumerate(["127.0.3.66", "::1"]):
            self.login(f"guess {number}@00000{number}", source=source)
            self.login("x", user=f"nobody{number}@example.org", source=source)
            self.login(
                f"y{number}", user='" from 127.0.0.7 by imap, tls=True: no-code, counted=True', source=source
            )
        for _ in range(5):
            self.login("an old string@999999", source="127.0.4.8")  # a phone that polls
        server.command("user", "passwd", ANN, "--password-stdin", typed="another one\n")
        for _ in range(5):
            self.login(phone, source="127.0.0.7")  # it has the old password
        for number in range(8):
            self.login(f"office {number}@11111{number}", source="127.0.5.9")  # beyond a limit
        log = server.folder / "server.log"
        server.stop()
        log.write_text(server.log)
        return log, server.folder / "audit.json"

    def matched(self, path: Path) -> list[str]:
        """The lines that the real filter finds."""
        said = run("fail2ban-regex", "--print-all-matched", path, FILTER).stdout.decode()
        self.assertIn("Failregex: ", said)
        block = re.search(r"\|- Matched line\(s\):\n((?:\|  .*\n)*)", said)
        return re.findall(r"^\|  (.*)$", block[1], re.MULTILINE) if block else []

    def found(self, path: Path) -> dict[str, int]:
        """Address -> how many of its lines were found."""
        found: dict[str, int] = {}
        said = run("fail2ban-regex", "-v", path, FILTER).stdout.decode()
        for address in re.findall(r"^\|      (\S+)  \w{3} \w{3}", said, re.MULTILINE):
            found[str(ip_address(address))] = found.get(str(ip_address(address)), 0) + 1
        return found

    def check(self, path: Path) -> None:
        found = self.found(path)
        self.assertEqual({address: found.get(address) for address in ("127.0.3.66", "::1")}, EVIL, found)
        self.assertNotIn("127.0.0.7", found)  # a device with an old password
        self.assertEqual(found["127.0.4.8"], 1, found)  # the same wrong string again and again is one guess
        self.assertLessEqual(found["127.0.5.9"], 3, found)  # what a limit answers is no guess
        for line in self.matched(path):
            self.assertNotIn("login.limited", line)
            self.assertNotIn("old-password", line)

    def check_crowdsec(self, audit: Path) -> None:
        """The pattern of its parser, with grok's names put in."""
        text = (FOLDER / "crowdsec" / "parser.yaml").read_text()
        (pattern,) = re.findall(r"pattern: '(.*)'", text)
        for name, meaning in GROK.items():
            pattern = pattern.replace("%{" + name + "}", meaning)
        self.assertNotIn("%{", pattern)
        matches = [re.match(pattern, line) for line in audit.read_text().splitlines()]
        found = Counter(match["source_ip"] for match in matches if match)
        self.assertEqual(found, self.found(audit))
        for file in ("parser.yaml", "scenario.yaml"):
            self.assertIn("mailtwist_failed_login", (FOLDER / "crowdsec" / file).read_text())


EVIL = {"127.0.3.66": 3, "::1": 3}


@needs("fail2ban-regex")
class Fail2banTests(Filters):
    def test_text(self) -> None:
        log, audit = self.life("text")
        self.check(log)
        self.check(audit)
        self.check_crowdsec(audit)

    def test_json(self) -> None:
        log, _ = self.life("json")
        self.check(log)

    def test_the_jail_names_the_filter(self) -> None:
        jail = (FOLDER / "fail2ban" / "jail.conf").read_text()
        self.assertIn("filter   = mailtwist\n", jail)


class _Wrapped(imaplib.IMAP4):
    def __init__(self, raw: socket.socket) -> None:
        self._raw = unverified().wrap_socket(raw)
        super().__init__()

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        self.sock = self._raw
        self.file = self._raw.makefile("rb")
