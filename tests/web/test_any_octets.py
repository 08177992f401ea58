"""Whatever a stranger sends is answered by HTTP or not at all, and the same however it is cut into pieces."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.web.talking import Talk, answers

WORDS = st.sampled_from(
    [
        *(b"GET", b"POST", b"HEAD", b" ", b"/plain", b"/echo", b"/none", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n"),
        *(b"Host: x\r\n", b"Content-Length: 3\r\n", b"Content-Length: ", b"Transfer-Encoding: chunked\r\n"),
        *(
            b"\r\n",
            b"\r",
            b"\n",
            b"\0",
            b"3\r\nabc\r\n",
            b"0\r\n",
            b"abc",
            b":",
            b";",
            b"%2e%2e/",
            b"*",
            b"?",
        ),
        *(
            b"Expect: 100-continue\r\n",
            b"Connection: close\r\n",
            b"Connection: upgrade\r\n",
            b"\t folded\r\n",
        ),
        *(
            b"\xff",
            b"Transfer-Encoding: ",
            b"9" * 30,
            b"http://a/",
            b"Upgrade: h2c\r\n",
            b"PRI * HTTP/2.0\r\n\r\n",
        ),
    ]
)
REQUEST = st.builds(
    lambda method, path, lines, body: (
        b"%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n%s" % (method, path, b"".join(lines), body)
    ),
    st.sampled_from([b"GET", b"HEAD", b"POST", b"PUT"]),
    st.sampled_from([b"/plain", b"/echo", b"/none", b"/folder/x?y"]),
    st.lists(
        st.sampled_from([b"Content-Length: 3\r\n", b"X: y\r\n", b"Transfer-Encoding: chunked\r\n"]),
        max_size=3,
    ),
    st.sampled_from([b"", b"abc", b"3\r\nabc\r\n0\r\n\r\n"]),
)
TEXT = st.lists(st.one_of(WORDS, REQUEST, st.binary(max_size=8)), max_size=25).map(b"".join)


class AnyOctets(SynchronousTestCase):
    def said(self, text: bytes, cuts: set[int]) -> tuple[bytes, bool, list[str]]:
        talk = Talk()
        at = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
        for begin, end in zip(at, at[1:], strict=False):
            talk.wire.send(text[begin:end])
        talk.clock.advance(20)
        said = talk.wire.read()
        talk.clock.advance(20)
        talk.hang_up()
        self.assertEqual(talk.clock.reactor.getDelayedCalls(), [])
        return said, talk.wire.aborted, [asked.target for asked in talk.pages.asked]

    @settings(max_examples=400, deadline=None)
    @given(TEXT, st.sets(st.integers(1, 400), max_size=20))
    def test_it_is_answered_alike(self, text, cuts) -> None:
        whole = self.said(text, set())
        self.assertEqual(whole, self.said(text, cuts))
        self.assertEqual(whole, self.said(text, set(range(len(text)))))
        self.assertEqual(self.flushLoggedErrors(), [])

    @settings(max_examples=200, deadline=None)
    @given(st.lists(REQUEST, max_size=6).map(b"".join))
    def test_each_answer_is_whole(self, text) -> None:
        said, _, _ = self.said(text.replace(b"HEAD", b"GET"), set())
        for one in answers(said):
            self.assertIn(one.status, {200, 400, 404, 405, 408, 413})
            self.assertEqual(len(one.body), int(one.headers["content-length"]))
