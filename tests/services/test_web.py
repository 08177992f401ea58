"""Sites over real sockets: curl, TLS, limits, proxies, hostile clients, and how they end."""

import socket
import ssl
import tempfile
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.app.assemble import Assembled, CannotAssemble
from mailtwist.config.load import BadConfig, load_text
from mailtwist.testing.inside import ServerInside
from tests.peers.programs import needs, run

HEAD = "[server]\nstate = state\nhostname = mail.example.org\n"
INI = f"""{HEAD}
[tls:main]
type = self_signed
[page:numbers]
type = metrics
[service:web]
listen = 127.0.0.1:0, unix:{{path}}
pages = acme_challenge, redirect, health, numbers
{{more}}
[service:https]
type = web
listen = 127.0.0.1:0
tls = main
tls_mode = implicit
"""
ASK = b"GET /health HTTP/1.1\r\nHost: mail.example.org\r\n\r\n"


def curl(*words: str) -> str:
    """Headers and body, as curl has understood them."""
    done = run("curl", "-q", "-s", "-S", "-i", "--max-time", "20", *words)
    return done.stdout.decode().replace("\r\n", "\n")


def talk(port: int, *pieces: bytes, until: bytes = b"") -> bytes:
    """All that is said until `until` has come, or until the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        return _talk(s, pieces, until)


def _talk(s: socket.socket, pieces: tuple[bytes, ...], until: bytes) -> bytes:
    said = b""
    try:
        for piece in pieces:
            s.sendall(piece)
    except ConnectionError:
        pass  # what was said before that is still read
    try:
        while not (until and until in said) and (got := s.recv(65536)):
            said += got
    except ConnectionResetError:
        said += b"<reset>"
    return said


class Serving(TestCase):
    more = ""

    async def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        short = tempfile.TemporaryDirectory(prefix="web-")  # a socket needs a short path
        self.addCleanup(short.cleanup)
        self.path = f"{short.name}/web"
        self.server = ServerInside(self.folder, INI.format(path=self.path, more=self.more))
        await self.server.start()
        self.addCleanup(self.server.stop)
        self.web, self.https = self.server.port("web"), self.server.port("https")

    async def curl(self, *words: str) -> str:
        return await deferToThread(curl, *words)

    async def talk(self, *pieces: bytes, until: bytes = b"", port: int = 0) -> bytes:
        return await deferToThread(talk, port or self.web, *pieces, until=until)


@needs("curl")
class ByCurl(Serving):
    async def test_pages_are_there(self) -> None:
        base = f"http://127.0.0.1:{self.web}"
        said = await self.curl(
            f"{base}/health", f"{base}/metrics", f"{base}/none", "-H", "Host: mail.example.org"
        )
        self.assertEqual([line for line in said.split("\n") if line.startswith("HTTP")], [
            "HTTP/1.1 200 OK", "HTTP/1.1 200 OK", "HTTP/1.1 301 Moved Permanently",
        ])  # fmt: skip
        self.assertIn('\nmailtwist_tls_days_left{name="mail.example.org",section="main"} 39', said)
        self.assertIn("\nLocation: https://mail.example.org/none\n", said)
        self.assertNotRegex(said, "(?i)twisted/|server:")

    async def test_https_with_the_certificate_of_the_name(self) -> None:
        pem = str(self.folder / "state" / "tls" / "main.pem")
        said = await self.curl(
            *("--cacert", pem, "--connect-to", f"::127.0.0.1:{self.https}"),
            *("-v", "--http2", "https://mail.example.org/health", "https://mail.example.org/metrics"),
        )
        self.assertTrue(said.startswith("HTTP/1.1 200 OK\n"), said)
        self.assertIn("HTTP/1.1 404", said)

    async def test_head_and_other_methods(self) -> None:
        base = f"http://127.0.0.1:{self.web}"
        self.assertIn("Content-Length: 3\n", await self.curl("-I", f"{base}/health"))
        said = await self.curl("-d", "a=b", f"{base}/health")
        self.assertIn("HTTP/1.1 405 Method Not Allowed\n", said)
        self.assertIn("\nAllow: GET, HEAD\n", said)

    async def test_a_body_that_is_too_large_is_refused_and_the_answer_is_read(self) -> None:
        large = self.folder / "large"
        large.write_bytes(b"x" * 5_000_000)
        for more in (("-H", "Expect:"), ("-H", "Transfer-Encoding: chunked", "-H", "Expect:"), ()):
            base = f"http://127.0.0.1:{self.web}/health"
            said = await self.curl("-X", "GET", "--data-binary", f"@{large}", *more, base)
            self.assertIn("HTTP/1.1 413", said)

    async def test_a_header_of_ten_megabytes_is_refused(self) -> None:
        config = self.folder / "curlrc"
        config.write_text('header = "X: ' + "y" * 80_000 + '"\n' + 'header = "Z: y"\n' * 2000)
        said = await self.curl("-K", str(config), f"http://127.0.0.1:{self.web}/health")
        self.assertIn("HTTP/1.1 431", said)

    async def test_through_a_unix_socket(self) -> None:
        said = await self.curl("--unix-socket", str(self.path), "http://x/metrics")
        self.assertIn("\n# TYPE mailtwist_http_requests_total counter\n", said)


class BySocket(Serving):
    async def test_many_requests_at_once_are_answered_in_order(self) -> None:
        last = ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        said = await self.talk(ASK * 29 + last)
        self.assertEqual(said.count(b"HTTP/1.1 200 OK\r\n"), 30)
        self.assertEqual(said.count(b"\r\n\r\nok\n"), 30)

    async def test_a_client_that_says_no_more_is_still_answered(self) -> None:
        def half_open() -> bytes:
            with socket.create_connection(("127.0.0.1", self.web), timeout=20) as s:
                s.sendall(ASK.replace(b"health", b"elsewhere"))
                s.shutdown(socket.SHUT_WR)
                return _talk(s, (), b"")

        self.assertEqual((await deferToThread(half_open))[:12], b"HTTP/1.1 301")

    async def test_ten_megabytes_of_anything(self) -> None:
        said = await self.talk(b"x" * 10_000_000)
        self.assertTrue(said.startswith(b"HTTP/1.1 431 "), said[:60])
        self.assertEqual((await self.talk(ASK, until=b"ok\n"))[:15], b"HTTP/1.1 200 OK")

    async def test_two_hundred_who_never_finish_keep_nobody_out(self) -> None:
        for n in range(200):
            one = socket.create_connection(("127.0.0.1", self.web), timeout=20)
            self.addCleanup(one.close)
            one.sendall(ASK[: 1 + n % (len(ASK) - 1)])
        self.assertEqual((await self.talk(ASK, until=b"ok\n"))[:15], b"HTTP/1.1 200 OK")

    async def test_tls_to_the_wrong_port_and_clear_text_to_the_other(self) -> None:
        def hello() -> None:
            context = ssl.create_default_context()
            with socket.create_connection(("127.0.0.1", self.web), timeout=20) as s:
                with self.assertRaisesRegex(ssl.SSLError, "WRONG_VERSION_NUMBER|wrong version number"):
                    context.wrap_socket(s, server_hostname="x")

        await deferToThread(hello)
        said = await self.talk(ASK, port=self.https)
        self.assertNotIn(b"200 OK", said)

    async def test_a_proxys_client_is_nobody_we_know(self) -> None:
        """Without the PROXY protocol its words are just wrong."""
        said = await self.talk(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + ASK)
        self.assertTrue(said.startswith(b"HTTP/1.1 400 "), said[:60])


class Limited(Serving):
    more = "connections_per_address = 2"

    async def test_one_too_many_hears_503(self) -> None:
        held = [socket.create_connection(("127.0.0.1", self.web)) for _ in range(2)]
        for one in held:
            self.addCleanup(one.close)
            one.sendall(ASK)
            await deferToThread(one.recv, 10)
        said = await self.talk()
        self.assertTrue(said.startswith(b"HTTP/1.1 503 Service Unavailable\r\n"), said)
        self.assertTrue(said.endswith(b"\r\n\r\n"))


class BehindAProxy(Serving):
    more = "proxy_protocol = 127.0.0.1"

    async def test_the_client_is_the_one_that_the_proxy_names(self) -> None:
        header = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
        said = await self.talk(header + ASK.replace(b"health", b"metrics"), until=b"network.")
        self.assertTrue(said.startswith(b"HTTP/1.1 403 "), said[:60])


class Ending(Serving):
    async def test_who_only_waits_is_let_go_and_the_port_is_closed(self) -> None:
        idle = socket.create_connection(("127.0.0.1", self.web), timeout=20)
        self.addCleanup(idle.close)
        idle.sendall(ASK)
        self.assertTrue((await deferToThread(idle.recv, 65536)).startswith(b"HTTP/1.1 200"))
        await self.server.part("service", "web").finish(30)
        self.assertEqual(await deferToThread(idle.recv, 10), b"")
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.web))

    async def test_in_tls_too(self) -> None:
        def begun() -> ssl.SSLSocket:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            plain = socket.create_connection(("127.0.0.1", self.https), timeout=20)
            tls = context.wrap_socket(plain, server_hostname="mail.example.org", suppress_ragged_eofs=False)
            tls.sendall(ASK)
            assert tls.recv(65536).startswith(b"HTTP/1.1 200")
            return tls

        idle = await deferToThread(begun)
        self.addCleanup(idle.close)
        await self.server.part("service", "https").finish(30)
        self.assertEqual(await deferToThread(idle.recv, 10), b"")  # said, not cut off


class Written(SynchronousTestCase):
    """What an operator may have got wrong."""

    def wrong(self, ini: str) -> str:
        try:
            Assembled(load_text(HEAD + ini)).build()
        except (BadConfig, CannotAssemble) as bad:
            return str(bad)
        raise AssertionError("it was taken")

    def test_certificates_without_https(self) -> None:
        said = self.wrong("[tls:main]\ntype = self_signed\n[service:web]\ntls = main\n")
        self.assertIn('"tls" is for https: write "tls_mode = implicit", or leave "tls" out', said)

    def test_https_without_certificates(self) -> None:
        self.assertIn("needs certificates", self.wrong("[service:web]\ntls_mode = implicit\n"))

    def test_a_page_that_is_not_there(self) -> None:
        said = self.wrong("[service:web]\npages = health, metric\n")
        self.assertIn('[service:web]: pages: there is no "metric"; did you mean "metrics"?', said)

    def test_two_pages_at_one_path(self) -> None:
        said = self.wrong("[page:a]\ntype = health\n[service:web]\npages = a, health\n")
        self.assertIn('the pages "health" and "health" are both at /health; leave one out', said)
