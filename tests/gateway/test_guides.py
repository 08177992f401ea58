"""The guides of docs/operators with real servers: both halves as they stand there, save ports and paths."""

import re
import socket
import subprocess
import tempfile
from imaplib import IMAP4, IMAP4_SSL
from pathlib import Path
from smtplib import SMTP, SMTP_SSL, SMTPAuthenticationError, SMTPSenderRefused
from ssl import SSLContext, create_default_context

from twisted.trial.unittest import SynchronousTestCase

from tests.backends.dovecot import Dovecot
from tests.backends.postfix import WRAPPED, Postfix
from tests.backends.processes import eventually
from tests.backends.server import Server
from tests.backends.shared import dovecot, sink
from tests.docs.guides import configs, snippet
from tests.peers.host import Host, Person
from tests.peers.programs import program
from tests.whole_host import TLS

GATEWAY = "192.0.2.10"
"""Its address in the guides."""

OURS = r"(?m)^(?:login_trusted_networks|haproxy_trusted_networks|auth_master_user_separator) = .*\n"
"""What tests of the gateway set, and a guide has to say by itself."""


class GuidedDovecot(Dovecot):
    """With lines of a guide, and without those that other tests have."""

    def __init__(self, kind: str, lines: str) -> None:
        super().__init__(kind, relay=sink().port)
        self._lines = lines.replace(GATEWAY, "127.0.0.1")

    def _config(self) -> str:
        lines = self._lines.replace("/etc/dovecot/masters", f"{self.folder}/the-masters")
        lines = lines.replace("10993", str(self.ports["imap-proxied"]))
        return re.sub(OURS, "", super()._config()) + lines


class ProxiedDovecot(GuidedDovecot):
    """Whose port for the gateway is the guide's."""

    def _listening(self, service: str) -> str:
        found = super()._listening(service)
        return re.sub(r"  inet_listener imap-proxied \{[^}]*\}\n", "", found)


class GuidedPostfix(Postfix):
    """With the main.cf of the guide; a Dovecot says who may log in."""

    listeners = {"smtp": "", "submission": "", "submissions": WRAPPED}
    name = "postfix.inside.test"

    def __init__(self) -> None:
        main = snippet("postfix", "/etc/postfix/main.cf").replace(GATEWAY, "127.0.0.1")
        main = main.replace("private/auth", str(dovecot().auth))
        rest = f"mydestination =\nmynetworks = 192.0.2.255/32\nrelayhost = [127.0.0.1]:{sink().port}\n"
        super().__init__(main + rest + "smtpd_sasl_authenticated_header = yes\n", "postfix-guide")
        master, line = (
            self._config / "master.cf",
            f"127.0.0.1:{self.ports['submission']} inet n - n - - smtpd\n",
        )
        lines = snippet("postfix", "/etc/postfix/master.cf")
        assert line in master.read_text()
        guided = lines.replace("submission inet n - y - - smtpd\n", line)
        assert line in guided
        master.write_text(master.read_text().replace(line, guided))

    def add(self, user: str, password: str | bytes) -> None:
        dovecot().add(user, password)

    def checked(self) -> str:
        """What Postfix has to say of its config."""
        words = [program("postfix"), "-c", str(self._config), "check"]
        done = subprocess.run(words, capture_output=True, timeout=60)
        return (done.stdout + done.stderr).decode()


class Guided(Host):
    """The gateway of a guide, in front of `behind`, all of whose doors are `doors`: by kind, ours."""

    domain = "example.org"

    def __init__(self, ini: str, behind: Server, **doors: str) -> None:
        self._behind = behind
        self.services = re.findall(r"^\[service:(\w+)\]", ini, re.MULTILINE)
        for kind, door in doors.items():
            ini, count = re.subn(rf"(?m)^({kind} = )\d+", rf"\g<1>{behind.ports[door]}", ini)
            assert count == 1, kind
        ini = re.sub(r"(?m)^hosts = .*", "hosts = localhost", ini)
        ini = re.sub(r"(?m)^roots = .*", f"roots = {behind.root}", ini)
        ini = re.sub(r"(?m)^(\[service:\w+\]\n)", r"\1listen = 127.0.0.1:0\n", ini)
        ini = re.sub(r"(?ms)^\[tls:public\]\n.*?\n\n", f"{TLS}\n", ini)
        ini = re.sub(r"(?ms)^\[notices\]\n.*?\n\n", "[notices]\nsend = no\n\n", ini)
        ini = ini.replace("[server]\n", "[server]\nstate = state\n")
        self._theirs = "type = upstream" in ini
        super().__init__(Path(tempfile.mkdtemp(prefix="mailtwist-guide-")), ini)

    def admit(self, address: str, password: str) -> None:
        if self._theirs:
            self._behind.add(address, password)
        else:
            super().admit(address, password)

    @property
    def tls(self) -> SSLContext:
        return create_default_context(cafile=str(self.certificate))


def run_words(words: list[str]) -> str:
    return subprocess.run(words, capture_output=True, text=True, timeout=60).stdout


class GuideCase(SynchronousTestCase):
    timeout = 300

    def started(self, server: Server) -> Server:
        self.addCleanup(server.stop)
        server.start()
        return server

    def guided(self, ini: str, behind: Server, **doors: str) -> Guided:
        gateway = Guided(ini, behind, **doors)
        self.addCleanup(gateway.end)
        return gateway

    def imap(self, gateway: Guided, person: Person, source: str = "127.0.0.1") -> IMAP4_SSL:
        """Logged in, from another address of this machine."""
        imap = _From(source, gateway.server.port("imaps"), gateway.tls)
        self.addCleanup(imap.shutdown)
        imap.login(person.address, person.secret)
        return imap


class _From(IMAP4_SSL):
    """From `source`."""

    def __init__(self, source: str, port: int, tls: SSLContext) -> None:
        self._source = source
        super().__init__("localhost", port, ssl_context=tls)

    def _create_socket(self, timeout: float | None) -> object:
        plain = socket.create_connection(("127.0.0.1", self.port), 30, (self._source, 0))
        return self.ssl_context.wrap_socket(plain, server_hostname="localhost")


ALL = {"imap": "imaps", "pop3": "pop3s", "submission": "submission", "sieve": "sieve"}


class DovecotTests(GuideCase):
    def test_both_halves(self) -> None:
        """A login works, one without a code does not, and Dovecot knows where the client is."""
        lines = snippet("dovecot", "/etc/dovecot/conf.d/99-gateway.conf")
        behind = self.started(GuidedDovecot("guide", lines))
        gateway = self.guided(configs("dovecot")[0], behind, **ALL)
        ann = gateway.person("ann")
        self.assertRaises(
            IMAP4.error,
            _From("127.0.0.1", gateway.server.port("imaps"), gateway.tls).login,
            ann.address,
            ann.password,
        )
        imap = self.imap(gateway, ann, "127.0.0.77")
        self.assertEqual(imap.select("INBOX")[0], "OK")
        who = [program("doveadm"), "-c", str(behind.folder / "dovecot.conf"), "who"]
        self.assertRegex(run_words(who), r"ann@example\.org .*127\.0\.0\.77")
        self.assertEqual(gateway.server.command("backend", "list").count(" up "), 4)
        gateway.server.command("device", "revoke", ann.address, "--all")
        self.assertRaises(IMAP4.abort, self.until_it_ends, imap)
        self.assertTrue(eventually(lambda: "ann@example.org" not in run_words(who)))

    def until_it_ends(self, imap: IMAP4_SSL) -> None:
        imap.sock.settimeout(30)
        while True:
            imap.noop()

    def test_the_proxy_protocol(self) -> None:
        lines = snippet("dovecot", "/etc/dovecot/conf.d/99-gateway-proxy.conf")
        behind = ProxiedDovecot("guide-proxy", lines)
        self.started(behind)
        ini = configs("dovecot")[0].replace(
            "[upstream:dovecot]\n", "[upstream:dovecot]\nproxy = v2\nid = no\n"
        )
        ini = re.sub(r"(?m)^(?:pop3|submission|sieve) = .*\n", "", ini)
        ini = re.sub(r"(?ms)^\[service:(?!imaps\]).*?(?=^\[|\Z)", "", ini)
        gateway = self.guided(ini, behind, imap="imap-proxied")
        ann = gateway.person("ann")
        self.imap(gateway, ann, "127.0.0.78")
        self.assertEqual(behind.logins(ann.address)[-1]["rip"], "127.0.0.78")

    def test_a_master_user(self) -> None:
        lines = snippet("dovecot", "/etc/dovecot/conf.d/99-gateway-master.conf")
        behind = GuidedDovecot("guide-master", lines)
        (behind.folder / "the-masters").write_text("gateway:{PLAIN}m@ster\n")
        self.started(behind)
        behind.add("ann@example.org", "her own")
        with IMAP4_SSL(
            "localhost",
            behind.ports["imaps"],
            ssl_context=create_default_context(cafile=str(behind.root)),
        ) as imap:
            imap.login("ann@example.org*gateway", "m@ster")
            self.assertEqual(imap.select("INBOX")[0], "OK")


class PostfixTests(GuideCase):
    def setUp(self) -> None:
        self.behind = GuidedPostfix()
        self.started(self.behind)
        self.assertEqual(self.behind.checked(), "")

    def sent(self, gateway: Guided, person: Person, to: str) -> str:
        """The message as it left Postfix."""
        with SMTP_SSL("localhost", gateway.server.port("submissions"), context=gateway.tls) as smtp:
            smtp.login(person.address, person.secret)
            smtp.sendmail(person.address, [to], "Subject: guide\r\n\r\nhello\r\n")
        (kept,) = sink().for_(to)
        return kept.text.decode()

    def test_its_own_logins_and_port_25(self) -> None:
        gateway = self.guided(configs("postfix")[0], self.behind, submission="submission", smtp="smtp")
        ann = gateway.person("ann")
        text = self.sent(gateway, ann, "guide@example.net")
        self.assertIn("(Authenticated sender: ann@example.org)", text)
        with SMTP("localhost", gateway.server.port("mx")) as smtp:
            smtp.ehlo("elsewhere.example.net")
            smtp.mail("bob@example.net")
            self.assertEqual(smtp.rcpt("carol@example.com")[0], 554)
        with SMTP_SSL("localhost", gateway.server.port("submissions"), context=gateway.tls) as smtp:
            self.assertRaises(SMTPAuthenticationError, smtp.login, ann.address, ann.password)
            self.assertRaises(SMTPSenderRefused, smtp.sendmail, ann.address, ["x@example.net"], "\r\n")

    def test_without_logins(self) -> None:
        gateway = self.guided(configs("postfix")[1], self.behind, submission="submission")
        text = self.sent(gateway, gateway.person("bob"), "guide-none@example.net")
        self.assertIn("(Authenticated sender: bob@example.org)", text)
