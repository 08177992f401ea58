"""Questions by HTTPS: whatever a server does, there is an answer in time or a sentence."""

import gzip
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import CancelledError
from twisted.internet.protocol import Protocol

from mailtwist.kit.spawn import started
from mailtwist.testing.clock import ManualClock
from mailtwist.tls.https import Answer
from tests.tls.https_servers import WELL, HttpsCase, Server, turn, turns
from tests.tls.made import Authority


class AnswersTests(HttpsCase):
    async def test_an_answer_has_its_status_headers_and_body(self) -> None:
        server = self.serve(lambda _: WELL + b'{"a": 1}')
        answer = await self.https().ask("POST", f"{self.url}/p?q=1", {"X-Y": "z"}, b"body")
        self.assertEqual(
            (answer.status, answer.object(), answer.media_type), (200, {"a": 1}, "application/json")
        )
        self.assertEqual(answer.url, f"{self.url}/p?q=1")
        (request,) = server.requests
        self.assertTrue(request.startswith(b"POST /p?q=1 HTTP/1.1\r\n"), request)
        self.assertTrue(request.endswith(b"\r\n\r\nbody"), request)
        self.assertIn(b"\r\nX-Y: z\r\n", request)
        self.assertRegex(request, rb"\r\nUser-Agent: mailtwist/\d+\.\d+")
        self.assertIn(b"\r\nAccept-Encoding: identity\r\n", request)

    async def test_what_is_no_object_is_none(self) -> None:
        for body in (b"[1]", b"{", b"\xff", b"[" * 5000, b""):
            self.assertIsNone(Answer("", 200, {}, body).object(), body)

    async def test_a_connection_is_used_again(self) -> None:
        server = self.serve(lambda _: WELL + b'{"a": 1}')
        https = self.https()
        for _ in range(3):
            await https.ask("GET", self.url)
        self.assertEqual((len(server.requests), len(server.connections)), (3, 1))

    async def test_or_not_as_is_wanted(self) -> None:
        server = self.serve(lambda _: WELL + b'{"a": 1}')
        https = self.https(reuse=False)
        for _ in range(2):
            await https.ask("GET", self.url)
        self.assertEqual(len(server.connections), 2)

    async def test_a_server_that_ends_where_it_closes_is_understood(self) -> None:
        server = self.serve(lambda _: b"HTTP/1.0 404 No\r\n\r\nall of it")
        asking = started(self.https().ask("GET", self.url))
        while not server.requests:
            await started(turn())
        server.connections[0].transport.loseConnection()
        answer = await asking
        self.assertEqual((answer.status, answer.body), (404, b"all of it"))

    async def test_nothing_is_unpacked(self) -> None:
        bomb = gzip.compress(bytes(1 << 20))
        head = b"HTTP/1.1 200 Well\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
        self.serve(lambda _: head + bomb)
        self.assertEqual((await self.https().ask("GET", self.url)).body, bomb)


class TrustTests(HttpsCase):
    async def test_a_certificate_for_somebody_else_is_told_by_its_names(self) -> None:
        """And nothing is sent."""
        for most in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION):
            server = self.serve(lambda _: WELL + b'{"a": 1}', "*.163.com", "163.com", most=most)
            await self.no_answer(
                self.https().ask("POST", self.url, {}, b"secret"),
                "certificate is valid for *.163.com, 163.com, not localhost",
            )
            self.assertEqual(server.requests, [])

    async def test_who_vouches_for_it_must_be_known(self) -> None:
        server = self.serve(lambda _: WELL + b'{"a": 1}', by=Authority("Somebody"))
        await self.no_answer(
            self.https().ask("GET", self.url), 'issuer "Somebody" of the certificate is unknown'
        )
        self.assertEqual(server.requests, [])

    async def test_by_default_the_system_says_who_is_known(self) -> None:
        self.serve(lambda _: WELL + b'{"a": 1}')
        await self.no_answer(
            self.https(roots=None).ask("GET", self.url), 'issuer "Root of HTTPS"', "is unknown"
        )

    async def test_one_that_has_ended_is_no_good(self) -> None:
        yesterday = datetime.now(UTC) - timedelta(1)
        self.serve(lambda _: WELL, begins=yesterday - timedelta(9), ends=yesterday)
        await self.no_answer(self.https().ask("GET", self.url), "certificate expired on")

    async def test_an_old_protocol_is_told(self) -> None:
        self.serve(lambda _: WELL, most=SSL.TLS1_1_VERSION)
        await self.no_answer(self.https().ask("GET", self.url), "TLS")

    async def test_what_speaks_no_tls_is_told(self) -> None:
        port = reactor.listenTCP(0, Server(lambda _: WELL), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        server: Any = port.factory
        server.protocol = Greeter
        error = await self.no_answer(
            self.https().ask("GET", f"https://localhost:{port.getHost().port}"), "does not speak TLS"
        )
        self.assertFalse(error.lost)


class Greeter(Protocol):
    def connectionMade(self) -> None:
        self.transport.write(b"220 mail.example.org ESMTP\r\n")
        self.transport.loseConnection()


class NoAnswerTests(HttpsCase):
    async def test_a_server_that_says_nothing_is_left_after_a_while(self) -> None:
        server = self.serve(lambda _: b"")
        clock = ManualClock()
        asking = started(self.https(clock, seconds=7).ask("GET", self.url))
        while not server.requests:
            await started(turn())
        clock.advance(6.9)
        self.assertNoResult(asking)
        clock.advance(0.2)
        await self.no_answer(asking, "localhost", "did not answer in 7 s")
        await server.connections[0].gone

    async def test_nor_is_one_waited_for_that_stops_in_the_middle(self) -> None:
        server = self.serve(lambda _: WELL + b'{"a"')
        clock = ManualClock()
        asking = started(self.https(clock).ask("GET", self.url))
        while not server.requests:
            await started(turn())
        await started(turns())
        clock.advance(31)
        await self.no_answer(asking, "did not answer in 30 s")
        await server.connections[0].gone

    async def test_who_is_called_off_hears_so_and_closes(self) -> None:
        for said in (b"", WELL + b'{"a"'):
            server = self.serve(lambda _, said=said: said)
            asking = started(self.https().ask("GET", self.url))
            while not server.requests:
                await started(turn())
            await started(turns())
            asking.cancel()
            await self.assertFailure(asking, CancelledError)
            await server.connections[0].gone

    async def test_an_answer_that_is_too_big_ends_the_connection(self) -> None:
        whole = b"HTTP/1.1 200 Well\r\nContent-Length: 10000000\r\n\r\n" + bytes(10_000_000)
        endless = b"HTTP/1.1 200 Well\r\n\r\n" + bytes(10_000_000)
        chunks = (
            b"HTTP/1.1 200 Well\r\nTransfer-Encoding: chunked\r\n\r\n"
            + (b"400\r\n" + bytes(1024) + b"\r\n") * 9000
        )
        heads = b"HTTP/1.1 200 Well\r\n" + b"A: b\r\n" * 1_000_000
        hints = b"HTTP/1.1 103 Hint\r\n\r\n" * 500_000
        for said in (whole, endless, chunks, heads, hints):
            server = self.serve(lambda _, said=said: said)
            await self.no_answer(self.https().ask("GET", self.url), "its answer is too big, or has no end")
            await server.connections[0].gone

    async def test_one_octet_too_much_is_too_much(self) -> None:
        self.serve(lambda _: WELL + b'{"a": 1}')
        self.assertEqual((await self.https(largest=8).ask("GET", self.url)).body, b'{"a": 1}')
        await self.no_answer(self.https(largest=7).ask("GET", self.url), "too big")

    async def test_garbage_is_told(self) -> None:
        for said in (
            b"220 hello\r\n\r\n",
            b"HTTP/1.1 abc x\r\n\r\n",
            b"\0\xff\r\n\r\n",
            b"HTTP/1.1 200 x\r\nno colon\r\n\r\n",
        ):
            self.serve(lambda _, said=said: said)
            await self.no_answer(self.https().ask("GET", self.url), "localhost")

    async def test_a_connection_that_ends_before_an_answer_is_lost(self) -> None:
        self.serve(lambda _: None)
        error = await self.no_answer(
            self.https().ask("POST", self.url, {}, b"x"), "the connection was closed"
        )
        self.assertTrue(error.lost)

    async def test_a_connection_that_does_not_come_about_is_waited_for_as_long(self) -> None:
        full = socket.socket()
        self.addCleanup(full.close)
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):  # nobody accepts, and there is room for few
            one = socket.socket()
            self.addCleanup(one.close)
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        url = f"https://127.0.0.1:{full.getsockname()[1]}/"
        clock = ManualClock()
        asking = started(self.https(clock).ask("GET", url))
        await turns()
        clock.advance(31)
        await self.no_answer(asking, "did not answer in 30 s")
        asking = started(self.https().ask("GET", url))
        await turns()
        asking.cancel()
        await self.assertFailure(asking, CancelledError)

    async def test_nobody_there_is_told(self) -> None:
        port = reactor.listenTCP(0, Server(lambda _: WELL), interface="127.0.0.1")
        number = port.getHost().port
        await port.stopListening()
        await self.no_answer(self.https().ask("GET", f"https://127.0.0.1:{number}/"), "refuses connections")

    async def test_what_comes_unasked_ends_the_connection(self) -> None:
        server = self.serve(lambda _: WELL + b'{"a": 1}')
        https = self.https()
        await https.ask("GET", self.url)
        server.connections[0].transport.write(b"HTTP/1.1 200 Well\r\n\r\n")
        await server.connections[0].gone
        await https.ask("GET", self.url)
        self.assertEqual(len(server.connections), 2)


class PlacesTests(HttpsCase):
    def moved(self, to: str) -> Callable[[bytes], bytes]:
        """/old is moved `to`, where it is well."""
        head = f"HTTP/1.1 302 Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()
        return lambda request: head if b" /old " in request else WELL + b'{"a": 1}'

    async def test_a_redirect_is_an_answer(self) -> None:
        self.serve(self.moved("/new"))
        answer = await self.https().ask("GET", f"{self.url}/old")
        self.assertEqual((answer.status, answer.header("location")), (302, "/new"))

    async def test_unless_it_is_to_be_followed(self) -> None:
        self.serve(self.moved("/new"))
        answer = await self.https().ask("GET", f"{self.url}/old", redirects=1)
        self.assertEqual((answer.status, answer.url), (200, f"{self.url}/new"))

    async def test_there_is_an_end_to_it(self) -> None:
        server = self.serve(self.moved("/old"))
        await self.no_answer(self.https().ask("GET", f"{self.url}/old", redirects=3), "more than 3 times")
        self.assertEqual(len(server.requests), 4)

    async def test_what_is_sent_is_sent_to_nobody_else(self) -> None:
        server = self.serve(self.moved("/new"))
        await self.no_answer(self.https().ask("POST", f"{self.url}/old", {}, b"x", redirects=1), "redirects")
        self.assertEqual(len(server.requests), 1)

    async def test_no_redirect_leads_out_of_tls(self) -> None:
        for to in ("http://localhost/", "ftp://localhost/", "https://me:x@localhost/", "https://[::1/"):
            self.serve(self.moved(to))
            await self.no_answer(self.https().ask("GET", f"{self.url}/old", redirects=1))

    async def test_only_urls_are_asked(self) -> None:
        for url in (
            "http://localhost/",
            "https://",
            "https://localhost:99999/",
            "https://localhost:0/",
            "https://local host/",
            "https://localhost/\r\nX: y",
            "https://me@localhost/",
            "https://b\xfccher.example/",
            "https://localhost/" + "x" * 3000,
            "https://a..b/",
            "https://-x-/",
            f"https://{'a' * 300}/",
            f"https://{'a' * 70}.test/",
            "https://a%00b/",
            "https://[::g]/",
            "https://*.test/",
            "",
        ):
            await self.no_answer(self.https().ask("GET", url))

    async def test_without_tls_only_where_that_is_wanted(self) -> None:
        server = Server(lambda _: WELL + b'{"a": 1}')
        port = reactor.listenTCP(0, server, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        url = f"http://127.0.0.1:{port.getHost().port}/"
        await self.no_answer(self.https().ask("GET", url), "it has to begin with https://")
        self.assertEqual((await self.https(plain=True, reuse=False).ask("GET", url)).status, 200)
        await server.connections[0].gone
