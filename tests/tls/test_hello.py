"""What a client asks for with its first words: real hellos cut everywhere, and everything else."""

import socket
import struct
import subprocess
from functools import cache

from hypothesis import example, given
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.tls.hello import LONGEST_HELLO, Hearing, Hello, NotAHello, read_hello

NAME = b"mx.example.org"
ALPN = (b"imap", b"acme-tls/1")


@cache
def post_quantum() -> bytes:
    """What OpenSSL says today, with a share of X25519MLKEM768."""
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_alpn_protos(list(ALPN))
    connection = SSL.Connection(context, None)
    connection.set_tlsext_host_name(NAME)
    connection.set_connect_state()
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        pass
    return connection.bio_read(65536)


@cache
def said_by_openssl(*arguments: str) -> bytes:
    """The first words of `openssl s_client`."""
    with socket.create_server(("127.0.0.1", 0)) as port:
        where = f"127.0.0.1:{port.getsockname()[1]}"
        command = ["openssl", "s_client", "-connect", where, *arguments]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, **quiet):
            client, _ = port.accept()
            with client:
                head = client.recv(5, socket.MSG_WAITALL)
                return head + client.recv(int.from_bytes(head[3:]), socket.MSG_WAITALL)


def records(message: bytes, *sizes: int) -> bytes:
    """`message` in handshake records of these sizes, and the rest in one more."""
    made = b""
    for size in sizes:
        made += struct.pack("!BHH", 22, 0x0301, len(message[:size])) + message[:size]
        message = message[size:]
    return made + struct.pack("!BHH", 22, 0x0301, len(message)) + message if message else made


def vector(size: int, body: bytes) -> bytes:
    return len(body).to_bytes(size) + body


def extension(kind: int, body: bytes) -> bytes:
    return struct.pack("!H", kind) + vector(2, body)


def said(*extensions: bytes) -> bytes:
    """A ClientHello of our own, without its header."""
    return (b"\3\3" + bytes(32) + vector(1, b"") + vector(2, b"\x13\x01") + vector(1, b"\0")) + vector(
        2, b"".join(extensions)
    )


def server_name(name: bytes, kind: int = 0) -> bytes:
    return extension(0, vector(2, bytes([kind]) + vector(2, name)))


class Real(SynchronousTestCase):
    def test_one_with_post_quantum_keys_is_read_wherever_it_is_cut(self) -> None:
        octets = post_quantum()
        self.assertGreater(len(octets), 1500)
        for cut in range(len(octets)):
            hearing = Hearing()
            self.assertIsNone(hearing.received(octets[:cut]), cut)
            self.assertEqual(hearing.received(octets[cut:]), Hello(NAME, ALPN), cut)
            self.assertEqual(hearing.octets, octets)

    def test_it_is_read_octet_by_octet(self) -> None:
        octets, hearing = post_quantum(), Hearing()
        heard = [hearing.received(bytes([octet])) for octet in octets]
        self.assertEqual((set(heard[:-1]), heard[-1]), ({None}, Hello(NAME, ALPN)))

    def test_it_is_read_in_records_of_any_size(self) -> None:
        message = post_quantum()[5:]
        for size in (1, 2, 3, 4, 5, 100, 1400):
            octets = records(message, *[size] * (len(message) // size))
            self.assertEqual(Hearing().received(octets), Hello(NAME, ALPN))

    def test_what_openssl_says(self) -> None:
        for arguments, expected in (
            (("-noservername",), Hello()),
            (("-servername", "Mail.Example.ORG."), Hello(b"Mail.Example.ORG.")),
            (("-noservername", "-alpn", "imap,h2"), Hello(None, (b"imap", b"h2"))),
            (("-tls1_2", "-servername", "x.example"), Hello(b"x.example")),
            (
                ("-tls1_2", "-servername", "x.example", "-alpn", "acme-tls/1"),
                Hello(b"x.example", (b"acme-tls/1",)),
            ),
            (("-tls1_3", "-servername", "192.0.2.1"), Hello(b"192.0.2.1")),
        ):
            self.assertEqual(Hearing().received(said_by_openssl(*arguments)), expected, arguments)


class Broken(SynchronousTestCase):
    def refused(self, octets: bytes) -> str:
        return str(self.assertRaises(NotAHello, Hearing().received, octets))

    def test_what_is_no_tls_is_known_by_its_first_octet(self) -> None:
        for octets in (b"E", b"GET / HTTP/1.1\r\n", b"\x15\x03\x03\0\2\2\x28", b"\x80\x2e\1\3\1", b"\0"):
            self.assertEqual(self.refused(octets), "no handshake record")

    def test_records_have_a_length(self) -> None:
        for length in (0, (1 << 14) + 1, 65535):
            self.assertIn("a length", self.refused(struct.pack("!BHH", 22, 0x0303, length)))

    def test_another_message_is_none(self) -> None:
        self.assertEqual(self.refused(records(b"\2\0\0\1x")), "no ClientHello")

    def test_nothing_is_kept_without_an_end(self) -> None:
        self.assertEqual(self.refused(records(b"\1\xff\xff\xff")), "too long")
        hearing, tiny = Hearing(), records(b"\1\0\xff\xff") + records(b"x") * 10
        with self.assertRaises(NotAHello):
            for _ in range(LONGEST_HELLO):
                hearing.received(tiny if not hearing.octets else records(b"x"))
        self.assertLess(len(hearing.octets), LONGEST_HELLO + 100)

    def test_a_hello_without_extensions_asks_for_nothing(self) -> None:
        self.assertEqual(read_hello(said()[:-2]), Hello())

    def test_what_could_be_read_in_two_ways_is_not_read(self) -> None:
        good = server_name(NAME)
        self.assertEqual(read_hello(said(good)), Hello(NAME))
        two = vector(2, (b"\0" + vector(2, NAME)) * 2)
        words = vector(2, vector(1, b"imap"))
        for body in (
            said(good, good),
            said(extension(0, two)),
            said(extension(0, vector(2, b""))),
            said(server_name(NAME, kind=1)),
            said(good) + b"x",
            said(extension(0, good[4:] + b"x")),
            said(extension(16, words + b"x")),
            said(extension(16, vector(2, vector(1, b"")))),
            said(extension(16, vector(2, b"\5imap"))),
        ):
            self.assertRaises(NotAHello, read_hello, body)

    @given(st.binary(max_size=2000))
    @example(b"\x16\x03\x01\x00\x01\x01")
    @example(b"\x16")
    def test_any_octets_are_a_hello_or_not(self, octets: bytes) -> None:
        for prefix in (b"", b"\x16\x03\x01", b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03"):
            self.settled(prefix + octets)

    @given(st.data())
    def test_a_hello_with_some_octets_changed_is_one_or_not(self, data: st.DataObject) -> None:
        octets = bytearray(post_quantum())
        for _ in range(data.draw(st.integers(1, 5))):
            octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
        self.settled(bytes(octets))

    def settled(self, octets: bytes) -> None:
        """However they come, they are the same."""
        assert _outcome([octets]) == _outcome([bytes([octet]) for octet in octets])

    @given(st.binary(max_size=300))
    def test_any_message_is_a_hello_or_not(self, body: bytes) -> None:
        for extensions in (said(body), said(extension(0, body)), said(extension(16, body)), body):
            try:
                self.assertIsInstance(read_hello(extensions), Hello)
            except NotAHello:
                pass


def _outcome(pieces: list[bytes]) -> object:
    hearing = Hearing()
    try:
        for piece in pieces:
            if (found := hearing.received(piece)) is not None:
                return found
    except NotAHello as error:
        return str(error)
    return None
