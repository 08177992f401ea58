"""Directories and factors that are written wrong, or away: each is told with its line, by twistd and
by `mailtwist check`, and nothing is served."""

import re
import signal
from pathlib import Path
from subprocess import CalledProcessError

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.server import RunningServer
from tests.peers.programs import free_ports
from tests.process.site import eventually

HEAD = "[server]\nhostname = mail.example.org\nstate = state\n\n"
SECRET = "the secret of ours"
WRITTEN_WRONG = """\
[directory:ldap]
type = ldap
servers = ldap://ldap.example.org
starttls = no
base = dc=example,dc=org

[directory:sql]
type = sql
driver = postgresql
database = mail
password = inline:the secret of ours
user_query = SELECT name FROM people WHERE name = '{name}'

[directory:tokens]
type = oauthbearer
issuer = http://login.example.org
audience = mail
client_secret = inline:the secret of ours

[factor:http]
url = https://user@2fa.example.org/verify

[factor:privacyidea]
url = http://privacyidea.example.org

[factor:radius]
servers = 192.0.2.10:99999
secret = inline:the secret of ours

[factor:ldap_concat]

[factor:approve]
by = pigeon
"""
WRONG = {
    "[directory:ldap]": "would get passwords in clear",
    "[directory:sql]": 'user_query: "{name}" stands in quotes',
    "issuer = ": "is no address of HTTPS",
    "url = https://user@": "is no URL",
    "url = http://privacyidea": "http:// is for a service on this machine",
    "servers = 192.0.2.10": "is no RADIUS server",
    "[factor:ldap_concat]": "directory: it is required",
    "by = pigeon": "there are: ntfy, webhook",
}
"""What the line begins with, and what is said of it."""

AWAY = """\
[directory:ldap]
type = ldap
servers = ldap://127.0.0.1:{port}
base = dc=example,dc=org
bind_dn = cn=x
bind_password = inline:the secret of ours

[directory:sql]
type = sql
driver = postgresql
host = 127.0.0.1
port = {port}
database = mail
user = me
password = inline:the secret of ours
user_query = SELECT name, password FROM people WHERE name = {{name}}

[directory:tokens]
type = oauthbearer
issuer = https://127.0.0.1:{port}
audience = mail
domains = example.org

[factor:http]
url = https://127.0.0.1:{port}/verify

[factor:privacyidea]
url = https://localhost:{port}

[factor:radius]
servers = 127.0.0.1:{port}
secret = inline:the secret of ours
timeout = 0.5 s

[factor:phone]
type = approve
by = ntfy
server = https://127.0.0.2:{port}
url = https://mail.example.org
"""
ABSENT = {
    "servers = ldap": "Connection refused",
    "host = ": "Connection refused",
    "issuer = ": "refuses connections",
    "[factor:http]": "a signed question needs `key`",
    "url = https://127.0.0.1": "refuses connections",
    "url = https://localhost": "refuses connections",
    "servers = 127.0.0.1": "Connection refused",
    "url = https://mail": "no service of `type = web` shows the page `approve`",
}
NOT_FIT = """\
[directory:people]
type = sqlite

[factor:ldap_concat]
directory = people

[factor:http]
url = https://127.0.0.1/verify
"""
GOOD = "[directory:people]\ntype = sqlite\n\n[store:mail]\ntype = memory\n\n" + (
    "[service:imap]\nlisten = 127.0.0.1:0\nstore = mail\n"
)


class BrokenParts(SynchronousTestCase):
    timeout = 120

    def server(self, sections: str) -> RunningServer:
        return RunningServer(Path(self.mktemp()), HEAD + sections)

    def checked(self, server: RunningServer) -> str:
        with self.assertRaises(CalledProcessError) as raised:
            server.command("check")
        self.assertEqual(raised.exception.returncode, 78)
        self.assertNotIn("Traceback", raised.exception.stderr)
        return str(raised.exception.stderr)

    def assertTold(self, server: RunningServer, said: str, expected: dict[str, str]) -> None:
        """Each of these, with its line, and nothing else."""
        numbered = list(enumerate(server.config.read_text().splitlines(), 1))
        for begins, words in expected.items():
            number = next(number for number, line in numbered if line.startswith(begins))
            place = re.escape(f"{server.config}:{number}: [")
            self.assertRegex(said, f"(?m)^{place}.*{re.escape(words)}")
        self.assertEqual(len(said.strip().splitlines()), len(expected), said)
        self.assertNotIn(SECRET, said)

    def test_what_is_written_wrong_is_told_all_at_once(self) -> None:
        server = self.server(WRITTEN_WRONG)
        self.assertEqual(server.run(), 78)
        self.assertTold(server, server.log, WRONG)
        self.assertEqual(self.checked(server), server.log)
        self.assertEqual([path.name for path in server.folder.iterdir()], ["mailtwist.ini"])

    def test_who_is_away_is_told_by_a_check(self) -> None:
        """And hinders no server that begins: it may come again."""
        (port,) = free_ports(1)
        server = self.server(AWAY.format(port=port))
        self.assertTold(server, self.checked(server), ABSENT)

    def test_what_does_not_fit_together_has_its_line(self) -> None:
        server = self.server(NOT_FIT)
        self.assertEqual(server.run(), 78)
        self.assertTold(server, server.log, {"[factor:ldap_concat]": "no password and code in one"})

    def test_a_file_that_was_broken_meanwhile_ends_no_server_that_runs(self) -> None:
        server = self.server(GOOD)
        with server:
            server.config.write_text(HEAD + GOOD + "\n" + WRITTEN_WRONG)
            server.send(signal.SIGHUP)
            self.assertTrue(eventually(lambda: " app.reloaded " in server.log), server.log)
            self.assertIn("user_query", self.checked(server))
            self.assertNotIn(SECRET, server.log)
        self.assertNotIn("Traceback", server.log)
