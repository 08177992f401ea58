"""HTTP/1.1, octet by octet: what is understood, what is refused and how, and that nothing waits for ever."""

from twisted.logger import formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.web.api import said
from mailtwist.web.channel import HEAD_TIME, LEAVING, LINGER, MOST_HELD, MOST_REQUESTS
from tests.hearing import heard
from tests.web.talking import Talk, answers

GET = b"GET /plain HTTP/1.1\r\nHost: here\r\n\r\n"


class OnWire(SynchronousTestCase):
    def setUp(self) -> None:
        self.talk = self.made()

    def made(self, **facts) -> Talk:
        talk = Talk(**facts)
        self.addCleanup(talk.hang_up)
        return talk

    def refused(self, text: bytes, status: int) -> None:
        """`text` is answered by `status`, a sentence, and the end."""
        talk = self.made()
        talk.wire.send(text)
        (one,) = answers(talk.wire.read())
        self.assertEqual((one.status, one.headers["connection"]), (status, "close"), text[:80])
        self.assertRegex(one.body, rb"^[A-Z].*\.\n$")
        self.assertEqual(talk.pages.asked, [])
        talk.wire.send(GET)  # what comes after that is not answered
        self.assertEqual(talk.wire.read(), b"")
        talk.clock.advance(LINGER)
        self.assertTrue(talk.closing)
        talk.clock.advance(LEAVING + 1)
        self.assertTrue(talk.wire.aborted)


class Answers(OnWire):
    def test_a_page_is_answered_and_the_connection_stays(self) -> None:
        one = self.talk.get("/plain")
        self.assertEqual((one.version, one.status, one.reason, one.body), ("HTTP/1.1", 200, "OK", b"plain\n"))
        self.assertFalse(self.talk.closing)
        self.assertEqual(self.talk.get("/plain").status, 200)

    def test_headers_keep_browsers_safe_and_say_nothing_of_us(self) -> None:
        for one in (self.talk.get("/plain"), self.talk.get("/none"), self.talk.get("/trouble")):
            self.assertEqual(one.headers["x-content-type-options"], "nosniff")
            self.assertIn("default-src 'none'", one.headers["content-security-policy"])
            self.assertEqual(one.headers["cache-control"], "no-store")
            self.assertIn("2027", one.headers["date"])
            self.assertNotIn("server", one.headers)
            self.assertNotIn("wisted", str(one.headers) + str(one.body))

    def test_head_is_get_without_its_body(self) -> None:
        one = self.talk.get("/plain", method="HEAD")
        self.assertEqual((one.status, one.headers["content-length"], one.body), (200, "6", b""))

    def test_no_content_has_no_length(self) -> None:
        self.assertNotIn("content-length", self.talk.get("/nothing").headers)

    def test_the_longest_path_wins(self) -> None:
        for path, status in (("/folder/", 200), ("/folder/deep/x", 200), ("/folder", 404), ("/plain/", 404)):
            self.assertEqual(self.talk.get(path).status, status, path)

    def test_a_page_hears_what_was_asked(self) -> None:
        self.talk.get("/folder/a%20%C3%A4?b=%2e&c", "X-Thing: 1", "x-thing: 2")
        (asked,) = self.talk.pages.asked
        self.assertEqual((asked.path, asked.target), ("/folder/a ä", "/folder/a%20%C3%A4?b=%2e&c"))
        self.assertEqual((asked.query, asked.host, asked.tls), ("b=%2e&c", "here", False))
        self.assertEqual((asked.headers["x-thing"], asked.header("x-thing")), (("1", "2"), "1"))
        self.assertEqual((asked.address, asked.header("cookie")), ("192.0.2.1", None))

    def test_a_page_for_clear_text_is_not_there_in_tls(self) -> None:
        self.assertEqual(self.talk.get("/clear").status, 200)
        talk = self.made(tls=True)
        self.assertEqual((talk.get("/clear").status, talk.get("/plain").status), (404, 200))
        self.assertTrue(talk.pages.asked[0].tls)

    def test_other_methods_hear_which_there_are(self) -> None:
        for method in ("POST", "DELETE", "PROPFIND", "TRACE", "get"):
            one = self.talk.get("/plain", method=method)
            self.assertEqual((one.status, one.headers["allow"]), (405, "GET, HEAD"), method)
        self.assertEqual(self.talk.get("/echo").headers["allow"], "POST, PUT")

    def test_bodies_with_a_length_and_in_chunks(self) -> None:
        one = self.talk.get("/echo", "Content-Length: 5", method="POST", body=b"a\r\n\0b")
        self.assertEqual(one.body, b"a\r\n\0b")
        chunks = b"3;why=not\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
        one = self.talk.get("/echo", "Transfer-Encoding: Chunked", method="PUT", body=chunks)
        self.assertEqual(one.body, b"abcde")
        self.assertEqual(self.talk.get("/plain").status, 200)

    def test_who_asks_first_hears_100(self) -> None:
        lines = ("Content-Length: 2", "Expect: 100-Continue")
        self.assertEqual(self.talk.raw("/echo", *lines, method="POST"), b"HTTP/1.1 100 Continue\r\n\r\n")
        (one,) = self.talk.send(b"ab")
        self.assertEqual(one.body, b"ab")

    def test_who_asks_first_does_not_send_in_vain(self) -> None:
        lines = ("Content-Length: 20000", "Expect: 100-continue")
        self.assertEqual(self.talk.get("/echo", *lines, method="POST").status, 413)

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        found = self.talk.send(GET + GET.replace(b"plain", b"none") + GET)
        self.assertEqual([one.status for one in found], [200, 404, 200])

    def test_a_pipelined_request_waits_for_the_one_before(self) -> None:
        self.assertEqual(self.talk.send(GET.replace(b"plain", b"wait") + GET), [])
        self.talk.pages.waiting.callback(said(200, "late"))
        self.assertEqual([one.body for one in answers(self.talk.wire.read())], [b"late\n", b"plain\n"])

    def test_octet_by_octet_it_is_the_same(self) -> None:
        text = (
            GET
            + b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
            + GET
        )
        for at in range(len(text)):
            self.talk.wire.send(text[at : at + 1])
        self.assertEqual(
            [one.body for one in answers(self.talk.wire.read())], [b"plain\n", b"ab", b"plain\n"]
        )

    def test_who_says_close_is_closed(self) -> None:
        one = self.talk.get("/plain", "Connection: keep-alive, Close")
        self.assertEqual(one.headers["connection"], "close")
        self.assertTrue(self.talk.closing)

    def test_http_1_0_is_answered_and_closed(self) -> None:
        (one,) = self.talk.send(b"GET /plain HTTP/1.0\r\n\r\n")
        self.assertEqual((one.status, one.headers["connection"]), (200, "close"))
        self.assertTrue(self.talk.closing)

    def test_a_connection_has_only_so_many_requests(self) -> None:
        found = self.talk.send(GET * (MOST_REQUESTS + 5))
        self.assertEqual(len(found), MOST_REQUESTS)
        self.assertEqual(
            [n for n, one in enumerate(found) if "connection" in one.headers], [MOST_REQUESTS - 1]
        )
        self.assertTrue(self.talk.closing)

    def test_a_target_may_name_the_host(self) -> None:
        found = self.talk.send(
            b"GET http://There.example:80/plain HTTP/1.1\r\nHost: here\r\n\r\n"
            b"GET HTTP://there.example?x HTTP/1.1\r\nHost: here\r\n\r\n"
        )
        self.assertEqual([one.status for one in found], [200, 404])
        self.assertEqual(self.talk.pages.asked[0].host, "there.example")


class Refusals(OnWire):
    def test_what_is_no_request(self) -> None:
        for text in (
            b"\r\n\r\nGET /plain HTTP/1.1\r\n\r\n",
            b"GET /plain\r\n\r\n",
            b"GET  /plain HTTP/1.1\r\n\r\n",
            b"GET /plain HTTP/2.0\r\n\r\n",
            b"G(T /plain HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
            b"EHLO me\r\n\r\n",
            b"\x16",
            b"\n",
            GET.replace(b"Host", b"Host "),
            GET.replace(b"\r\n\r\n", b"\r\nX\r\n\r\n"),
            GET.replace(b"\r\n\r\n", b"\r\nX: a\nb\r\n\r\n"),
            GET.replace(b"\r\n\r\n", b"\r\nX: \0\r\n\r\n"),
        ):
            self.refused(text, 400)

    def test_what_is_no_place(self) -> None:
        for target in (
            *(b"*", b"plain", b"here:443", b"/a/../b", b"/%2e%2E/b", b"/./", b"/%", b"/%4", b"/%zz"),
            *(b"/%00", b"/%0a", b"/%ff", b"/a#b", b"ftp://here/", b"/\x80", b"//../", b"/\x7f"),
        ):
            self.refused(GET.replace(b"/plain", target), 400)

    def test_no_host_two_hosts_and_what_is_none(self) -> None:
        for lines in (
            *(b"X: y", b"Host: a\r\nHost: a", b"Host:", b"Host: a b", b"Host: a/b", b"Host: a@b"),
            *(b"Host: [::1", b"Host: a:b", b"Host: a, b", b"Host: " + b"a" * 300),
        ):
            self.refused(b"GET /plain HTTP/1.1\r\n" + lines + b"\r\n\r\n", 400)

    def test_bodies_whose_length_is_not_clear(self) -> None:
        for lines in (
            *(b"Content-Length: 1\r\nContent-Length: 1", b"Content-Length: 1, 1", b"Content-Length: -1"),
            *(b"Content-Length: +1", b"Content-Length: 0x1", b"Content-Length: ", b"Content-Length: 1 1"),
            *(b"Transfer-Encoding: chunked\r\nContent-Length: 1", b"Transfer-Encoding: identity"),
            *(b"Content-Length: 1\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked"),
            *(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: xchunked"),
            *(b"Content-Length: 1\r\nTransfer-Encoding: identity", b"Transfer-Encoding:\x0bchunked"),
        ):
            self.refused(b"POST /echo HTTP/1.1\r\nHost: x\r\n" + lines + b"\r\n\r\n", 400)
        self.refused(b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400)

    def test_chunks_that_are_none(self) -> None:
        head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        for body in (b"x\r\n", b"-1\r\n", b"1\r\nabc", b"\r\n", b"1" * 2000, b"0x1\r\n", b" 1\r\n"):
            self.refused(head + body, 400)

    def test_too_much(self) -> None:
        self.refused(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10001\r\n\r\n", 413)
        self.refused(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 413)
        self.refused(b"GET /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", 413)
        self.refused(b"POST /none HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", 404)
        chunks = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.refused(chunks + b"2711\r\n" + b"x" * 10_001, 413)
        self.refused(chunks.replace(b"POST /echo", b"GET /plain") + b"1\r\nx\r\n0\r\n\r\n", 413)

    def test_a_header_is_bounded_in_every_direction(self) -> None:
        self.refused(b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n", 431)
        self.refused(b"x" * 10_000, 431)
        self.refused(GET[:-2] + b"X: y\r\n" * 100 + b"\r\n", 431)
        self.refused(GET[:-2] + (b"X: " + b"y" * 4000 + b"\r\n") * 5 + b"\r\n", 431)
        self.refused(GET[:-2] + b"X: y\r\n" + (b" " + b"y" * 4000 + b"\r\n") * 5 + b"\r\n", 431)
        self.refused(GET[:-2] + b"X" * 65 + b": y\r\n\r\n", 431)

    def test_ten_megabytes_of_header_are_not_kept(self) -> None:
        self.talk.wire.send(GET[:-2])
        for _ in range(160):
            self.talk.wire.send(b"X: " + b"y" * 65_536)
        (one,) = answers(self.talk.wire.read())
        self.assertEqual(one.status, 431)
        self.assertLess(len(self.talk.channel._buffer), 20_000)


class Times(OnWire):
    def test_who_says_nothing_is_closed_without_a_word(self) -> None:
        self.talk.clock.advance(HEAD_TIME)
        self.assertEqual((self.talk.wire.read(), self.talk.closing), (b"", True))
        self.talk.clock.advance(LEAVING)
        self.assertTrue(self.talk.wire.aborted)

    def test_a_header_that_trickles_ends_in_time(self) -> None:
        for _ in range(20):
            self.talk.wire.send(b"G")
            self.talk.clock.advance(HEAD_TIME / 20)
        self.assertEqual([one.status for one in answers(self.talk.wire.read())], [408])

    def test_a_body_that_trickles_ends_in_time(self) -> None:
        self.talk.raw("/echo", "Content-Length: 9000", method="POST")
        for _ in range(40):
            self.talk.wire.send(b"x")
            self.talk.clock.advance(0.5)
        self.assertEqual([one.status for one in answers(self.talk.wire.read())], [408])

    def test_an_idle_connection_ends(self) -> None:
        self.talk.get("/plain")
        self.talk.clock.advance(HEAD_TIME + 1)
        self.assertEqual((self.talk.wire.read(), self.talk.closing), (b"", True))

    def test_a_page_that_takes_too_long_is_called_off(self) -> None:
        self.talk.raw("/wait")
        self.talk.clock.advance(20)
        (one,) = answers(self.talk.wire.read())
        self.assertEqual((one.status, one.headers["retry-after"], self.talk.pages.cancelled), (503, "30", 1))
        self.assertEqual(self.talk.get("/plain").status, 200)

    def test_a_client_that_leaves_calls_its_page_off(self) -> None:
        self.talk.raw("/wait")
        self.talk.hang_up()
        self.assertEqual(self.talk.pages.cancelled, 1)

    def test_who_does_not_read_is_cut_off(self) -> None:
        self.talk.wire.window = 1000
        self.talk.raw("/big", "Connection: close")
        self.talk.clock.advance(LEAVING)
        self.assertFalse(self.talk.wire.aborted)  # a slow line has its time
        self.talk.clock.advance(1_000_000 / 8192)
        self.assertTrue(self.talk.wire.aborted)

    def test_who_does_not_read_is_not_read_either(self) -> None:
        self.talk.wire.window = 1000
        self.talk.wire.send(GET.replace(b"plain", b"big"))
        self.talk.wire.send(GET * 10)
        self.assertEqual(self.talk.pages.asked, [])
        self.talk.wire.window = None
        self.assertEqual(len(answers(self.talk.wire.read())), 1)
        self.assertEqual(len(self.talk.pages.asked), 10)

    def test_who_takes_nothing_and_asks_for_more_is_cut_off(self) -> None:
        self.talk.wire.window = 1000
        self.talk.wire.send(GET.replace(b"plain", b"big") + GET)
        self.talk.clock.advance(HEAD_TIME + 1_000_000 / 8192 + 1)
        self.assertTrue(self.talk.wire.aborted)

    def test_what_comes_while_a_page_works_is_bounded(self) -> None:
        self.talk.raw("/wait")
        for _ in range(100):
            self.talk.wire.send(b"x" * 1024)
        held = sum(map(len, self.talk.channel._dataBuffer))
        self.assertLess(held, MOST_HELD + 66_000)
        self.talk.pages.waiting.callback(said(200, "late"))
        self.assertEqual([one.status for one in answers(self.talk.wire.read())], [200, 431])

    def test_no_timer_is_left(self) -> None:
        self.talk.get("/plain")
        self.talk.hang_up()
        self.assertEqual(self.talk.clock.reactor.getDelayedCalls(), [])


class Ends(OnWire):
    def test_trouble_is_503_or_500_and_tells_nothing(self) -> None:
        one = self.talk.get("/trouble?now")
        self.assertEqual((one.status, one.headers["retry-after"]), (503, "30"))
        self.assertNotIn(b"disk", one.body)
        self.assertEqual(self.talk.get("/trouble").status, 500)

    def test_a_bug_is_500_and_a_failure_in_the_log(self) -> None:
        one = self.talk.get("/bug")
        self.assertEqual(one.status, 500)
        self.assertNotIn(b"secret", one.body)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.talk.get("/plain").status, 200)

    def test_the_end_of_the_service_lets_a_request_finish(self) -> None:
        self.talk.raw("/wait")
        self.talk.channel.finish()
        self.assertFalse(self.talk.closing)
        self.talk.pages.waiting.callback(said(200, "late"))
        (one,) = answers(self.talk.wire.read())
        self.assertEqual((one.status, one.headers["connection"], self.talk.closing), (200, "close", True))

    def test_the_end_of_the_service_ends_who_only_waits(self) -> None:
        self.talk.get("/plain")
        self.talk.channel.finish()
        self.assertTrue(self.talk.closing and self.talk.channel.said_goodbye)

    def test_the_log_has_no_query_no_control_characters_and_no_more_words(self) -> None:
        events = heard(self)
        self.talk.get("/folder/a%20b?token=secret", "Authorization: Basic secret")
        self.talk.get("/quiet?token=secret")
        self.talk.get("/plain%1b?token=secret")
        found = [one for one in events if one["event_id"].startswith("http.")]
        ids = [one["event_id"] for one in found]
        self.assertEqual(ids, ["http.answered", "http.looked_at", "http.refused"])
        told = [formatEvent(one) for one in found]
        self.assertEqual(told[0], "web: 192.0.2.1 GET /folder/a%20b 200 6")
        self.assertEqual(told[2], "web: 192.0.2.1 GET - is refused with 400")
        self.assertNotIn("secret", str(found))
        self.assertTrue("".join(told).isprintable(), told)
