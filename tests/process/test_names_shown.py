"""Which certificate a client is shown by a whole server: protocols, names, versions, ALPN; by OpenSSL."""

import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from twisted.trial.unittest import SynchronousTestCase

from tests.process.secured import MX, STARTTLS, WORDS, Secured, secured
from tests.process.site import DOMAIN, USER, eventually
from tests.process.talk import Talker

VERSIONS = ("-tls1_2", "-tls1_3")
NAMES = (
    (("-noservername",), "mx"),
    (("-servername", MX), "mx"),
    (("-servername", f"MAIL.{DOMAIN}"), "mx"),
    (("-servername", f"{MX}."), "mx"),
    (("-servername", f"imap.{DOMAIN}"), "wide"),
    (("-servername", f"a.imap.{DOMAIN}"), "mx"),
    (("-servername", "example.net"), "wide"),
    (("-servername", "elsewhere.example"), "mx"),
    (("-servername", "192.0.2.1"), "mx"),
)


class Matrix(SynchronousTestCase):
    def setUp(self) -> None:
        self.site: Secured = secured()
        self.log_so_far = len(self.site.server.lines)

    def tearDown(self) -> None:
        bad = [line for line in self.site.server.lines[self.log_so_far :] if "Traceback" in line]
        self.assertEqual(bad, [])

    def test_every_protocol_shows_the_right_one_for_every_name(self) -> None:
        expected = {}
        for service, word in WORDS.items():
            for number, (name, common) in enumerate(NAMES):
                alpn = ("-alpn", f"h2,{word}") if number % 2 else ()
                chosen = f"ALPN protocol: {word}" if alpn else "No ALPN negotiated"
                for version in VERSIONS:
                    expected[service, version, *name, *alpn] = f"subject=CN = {common}\n", chosen
        for asked, said in self.said(expected):
            for words in expected[asked]:
                self.assertIn(words, said, asked)

    def test_another_protocol_is_refused_where_tls_begins_the_connection_and_nowhere_else(self) -> None:
        asked = [(service, version, "-alpn", "h2,http/1.1") for service in WORDS for version in VERSIONS]
        for (service, *_), said in self.said(asked):
            self.assertIn("subject=CN = mx\n" if service in STARTTLS else "alert number 120", said)

    def test_who_refuses_names_says_so(self) -> None:
        for version in VERSIONS:
            for service, missing in (("picky", "alert number 112"), ("choosy", "subject=CN = mx\n")):
                starttls = ("-starttls", "smtp") if service == "choosy" else ()
                for name, word in (
                    (("-noservername",), missing),
                    (("-servername", "elsewhere.example"), "alert number 112"),
                    (("-servername", f"{MX}."), "subject=CN = mx\n"),
                    (("-servername", f"POP.{DOMAIN}"), "subject=CN = wide\n"),
                ):
                    said = self.site.openssl(service, *starttls, version, *name)
                    self.assertIn(word, said, (service, version, name))

    def said(self, asked: Iterable[tuple[str, ...]]) -> Iterable[tuple[tuple[str, ...], str]]:
        """What OpenSSL tells, asked by four at once."""
        with ThreadPoolExecutor(4) as pool:
            yield from zip(asked, pool.map(lambda words: self.site.openssl(*words), asked), strict=True)

    def test_the_whole_chain_is_sent_and_leads_to_the_root(self) -> None:
        root = str(self.site.folder / "root.pem")
        for service in ("smtp", "imaps"):
            said = self.site.openssl(service, "-servername", MX, "-CAfile", root, "-verify_hostname", MX)
            self.assertIn("Verify return code: 0 (ok)", said)


class OnePort(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = secured()

    def test_each_protocol_is_found_behind_it(self) -> None:
        for alpn, begin in (
            (("imap",), b"* OK "),
            (("smtp",), b"220 "),
            (("pop3",), b"+OK "),
            (("h2", "pop3"), b"+OK "),
            ((), b"* OK "),
        ):
            with _over_tls(self.site.server.port("everything"), alpn) as talker:
                self.assertTrue(talker.line().startswith(begin), alpn)

    def test_a_login_there_is_a_login(self) -> None:
        with _over_tls(self.site.server.port("everything"), ("imap",)) as talker:
            talker.line()
            self.assertTrue(talker.imap(self.site.login)[-1].startswith(b"OK "))
            self.assertTrue(talker.imap(b"SELECT INBOX")[-1].startswith(b"OK "))


class QqAndOutlook(SynchronousTestCase):
    """Senders that ask for no name, or for one with a dot at its end, deliver by STARTTLS."""

    def setUp(self) -> None:
        self.site = secured()
        self.before = self.arrived

    @property
    def arrived(self) -> int:
        files = self.site.files()
        return len(files["new"]) + len(files["cur"])

    def test_qq_asks_for_no_name(self) -> None:
        for version in VERSIONS:
            said = self.delivered(version, "-noservername")
            self.assertIn("subject=CN = mx\n", said)
        self.assertEqual(self.arrived, self.before + 2)
        words = ": clients from 127.0.0.0/24 send no server name and are "  # once a day, whichever service
        self.assertTrue(eventually(lambda: words in self.site.server.log))

    def test_outlook_asks_for_a_name_with_a_dot_at_its_end(self) -> None:
        for version in VERSIONS:
            self.assertIn("subject=CN = mx\n", self.delivered(version, "-servername", f"{MX}."))
        self.assertEqual(self.arrived, self.before + 2)

    def test_swaks_without_a_name(self) -> None:
        server = f"127.0.0.1:{self.site.server.port('smtp')}"
        command = ["swaks", "--server", server, "--tls", "--from", "qq@example.net", "--to", USER]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        said = (done.stdout + done.stderr).decode("latin-1")
        self.assertEqual(done.returncode, 0, said)
        self.assertRegex(said, 'TLS peer .*"/CN=mx"')
        self.assertEqual(self.arrived, self.before + 1)

    def delivered(self, *arguments: str) -> str:
        lines = "EHLO qq.example.net", "MAIL FROM:<qq@example.net>", f"RCPT TO:<{USER}>", "DATA"
        message = "Subject: hello", "", "hello", ".", "QUIT", ""
        mail = "\r\n".join((*lines, *message)).encode()
        said = self.site.openssl("smtp", "-ign_eof", *arguments, said=mail)
        self.assertIn("\n221 ", said.replace("\r", ""), said)
        return said


def _over_tls(port: int, alpn: tuple[str, ...]) -> Talker:
    talker = Talker(port)
    talker.start_tls(alpn)
    return talker
