"""Real proxies in front: we know their clients, and their health checks are no clients."""

import atexit
import re
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.server import RunningServer
from tests.peers.haproxy import HAProxy
from tests.peers.programs import needs, run
from tests.tls.made import Authority

ANN, PASSWORD = "ann@example.test", "a pass word"
CLIENT = "127.0.0.9"
INI = """\
[server]
hostname = mail.example.test
state = state
log_level = debug
[login]
factor = optional
[notices]
send = no
[tls:own]
type = self_signed
[directory:people]
type = sqlite
[store:memory]
[target:mailbox]
store = memory
"""
IMAP = "type = imap\nstore = memory\n"
SUBMISSION = "type = submission\n"
POP3 = "type = pop3\nstore = memory\n"
MADE = (
    *(("imap", IMAP, ""), ("imaps", IMAP, "tls_mode = implicit"), ("pop3", POP3, "")),
    *(("submission", SUBMISSION, ""), ("inside", IMAP, "proxy_protocol_tls = yes")),
)


@cache
def shared_server() -> RunningServer:
    """Its doors are for proxies on 127.0.0.1; stopped when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix="mailtwist-proxies-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    ini = INI
    for name, kind, more in MADE:
        ini += (
            f"[service:{name}]\nlisten = 127.0.0.1:0\ntls = own\nproxy_protocol = 127.0.0.1\n{kind}{more}\n"
        )
    server = RunningServer(folder, ini).start()
    atexit.register(server.stop)
    server.command("user", "add", ANN, "--password-stdin", typed=PASSWORD + "\n")
    return server


@cache
def shared_proxy() -> HAProxy:
    """In front of the server."""
    server = shared_server()
    sides = {
        "imap1": ("imap", "send-proxy"),
        "imap2": ("imap", "send-proxy-v2"),
        "imaps2": ("imaps", "send-proxy-v2"),
        "pop2": ("pop3", "send-proxy-v2 proxy-v2-options crc32c,unique-id"),
        "submission1": ("submission", "send-proxy"),
        "submission2": ("submission", "send-proxy-v2 proxy-v2-options crc32c check inter 100ms"),
        "ended": ("inside", "send-proxy-v2-ssl proxy-v2-options ssl,cert-cn,authority,crc32c"),
        "clear": ("inside", "send-proxy-v2"),
        "forged": ("imap", "send-proxy-v2-ssl"),
    }
    pem = server.folder / "front.pem"
    pem.write_bytes(b"".join(Authority().leaf("localhost")))
    behind = {name: (server.port(service), words) for name, (service, words) in sides.items()}
    proxy = HAProxy(server.folder, behind, tls=("ended", "forged"), certificate=pem)
    proxy.start()
    atexit.register(proxy.stop)
    return proxy


class Proxied(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.server = shared_server()

    def port(self, name: str) -> int:
        return self.server.port(name)

    def log_since(self, mark: int, words: str) -> str:
        """The first line with the words that was written after `mark` lines."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for line in self.server.lines[mark:]:
                if re.search(words, line):
                    return line
            time.sleep(0.02)
        raise AssertionError(f"no {words} in\n{''.join(self.server.lines[mark:])}")

    def curl(self, url: str, *more: str, ok: tuple[int, ...] = (0,)) -> str:
        done = run(
            "curl", "--silent", "--show-error", "--verbose", "--insecure", "--interface", CLIENT,
            "--user", f"{ANN}:{PASSWORD}", "--max-time", "60", *more, url, ok=ok,
        )  # fmt: skip
        return done.stderr.decode("utf-8", "replace")

    def logged_in(self, url: str, *more: str) -> str:
        """The line of the log about the login."""
        mark = len(self.server.lines)
        self.curl(url, *more)
        return self.log_since(mark, r" login\.accepted ")


@needs("curl")
class CurlTests(Proxied):
    """`curl --haproxy-protocol` says itself what a proxy would say."""

    def test_version_1_before_imap_with_starttls_and_with_tls(self) -> None:
        for url, name in (("imap", "imap"), ("imaps", "imaps")):
            address = f"{url}://127.0.0.1:{self.port(name)}/"
            self.curl(address, "--haproxy-protocol", "--ssl-reqd", "--interface", "127.0.0.1")

    def test_without_a_header_nothing_is_heard(self) -> None:
        said = self.curl(
            f"imap://127.0.0.1:{self.port('imap')}/", "--interface", "127.0.0.1", ok=tuple(range(1, 100))
        )
        self.assertNotIn("* OK", said)

    def test_who_is_not_listed_hears_nothing(self) -> None:
        mark = len(self.server.lines)
        url = f"imap://127.0.0.1:{self.port('imap')}/"
        said = self.curl(url, "--haproxy-protocol", ok=tuple(range(1, 100)))
        self.assertNotIn("* OK", said)
        self.assertIn(CLIENT, self.log_since(mark, r" proxy\.not_listed "))


@needs("curl", "haproxy")
class HAProxyTests(Proxied):
    def setUp(self) -> None:
        super().setUp()
        self.proxy = shared_proxy()

    def front(self, name: str) -> int:
        return self.proxy.ports[name]

    def test_both_versions_tell_who_logs_in_to_imap(self) -> None:
        for name in ("imap1", "imap2"):
            said = self.logged_in(f"imap://127.0.0.1:{self.front(name)}/", "--ssl-reqd")
            self.assertIn(CLIENT, said)

    def test_the_header_comes_before_tls(self) -> None:
        self.assertIn(CLIENT, self.logged_in(f"imaps://127.0.0.1:{self.front('imaps2')}/"))

    def test_pop3_with_a_checksum(self) -> None:
        self.assertIn(CLIENT, self.logged_in(f"pop3://127.0.0.1:{self.front('pop2')}/", "--ssl-reqd"))

    def test_both_versions_tell_who_submits(self) -> None:
        message = self.server.folder / "message"
        message.write_bytes(b"Subject: x\r\n\r\nx\r\n")
        for name in ("submission1", "submission2"):
            url = f"smtp://127.0.0.1:{self.front(name)}/client.example"
            more = ("--ssl-reqd", "--mail-from", ANN, "--mail-rcpt", ANN, "--upload-file", str(message))
            self.assertIn(CLIENT, self.logged_in(url, *more))

    def test_tls_that_ended_in_front_counts_where_it_was_said_to(self) -> None:
        said = self.curl(f"imaps://127.0.0.1:{self.front('ended')}/")
        self.assertRegex(said, r"< A\d+ OK")
        for name, scheme in (("clear", "imap"), ("forged", "imaps")):
            said = self.curl(f"{scheme}://127.0.0.1:{self.front(name)}/", ok=tuple(range(1, 100)))
            self.assertIn("LOGINDISABLED", said)

    def test_health_checks_are_no_clients_of_ours(self) -> None:
        mark = len(self.server.lines)
        line = self.log_since(mark, r"connection\.opened .*submission.* from 127\.0\.0\.1$")
        self.assertTrue(line)
        refused = [line for line in self.server.lines[mark:] if "proxy.not_a_header" in line]
        self.assertEqual(refused, [])
