"""PROXY headers: what is written can be read, and whatever comes is a header, or too little, or refused."""

from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from struct import pack

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.crc32c import crc32c
from mailtwist.protocols.proxy import (
    LONGEST_V1,
    SIGNATURE,
    ClientTls,
    Header,
    NotAHeader,
    Place,
    header_v1,
    header_v2,
    read,
)

HERE = Place("192.0.2.25", 143)
ANN = Place("203.0.113.9", 51234)

ports = st.integers(0, 65535)
fours = st.builds(lambda n, port: Place(str(IPv4Address(n)), port), st.integers(0, 2**32 - 1), ports)
sixes = st.builds(lambda n, port: Place(str(IPv6Address(n)), port), st.integers(2**64, 2**128 - 1), ports)
names = st.text(st.characters(categories=("L", "N", "P")), max_size=30)
tls = st.builds(ClientTls, st.booleans(), st.just(True), st.booleans(), names, names, names)
pairs = st.one_of(st.tuples(fours, fours), st.tuples(sixes, sixes))
starts = [b"PROXY TCP4 ", b"PROXY TCP6 ", b"PROXY UNKNOWN", b"PROXY ", SIGNATURE, SIGNATURE + b"\x21\x11\x00"]


def v2(family=0x11, block=bytes([192, 0, 2, 1, 192, 0, 2, 25]) + pack("!HH", 1, 25), command=0x21):
    return SIGNATURE + pack("!BBH", command, family, len(block)) + block


def field(kind, value):
    return pack("!BH", kind, len(value)) + value


def outcome(octets):
    try:
        return read(octets)
    except NotAHeader as error:
        return str(error)


class WrittenAndRead(SynchronousTestCase):
    @given(pairs)
    def test_version_1(self, ends):
        octets = header_v1(*ends)
        self.assertLessEqual(len(octets), LONGEST_V1)
        self.assertEqual(read(octets + b"a1 NOOP\r\n"), (Header(*ends), len(octets)))

    @given(
        pairs, names, st.binary(max_size=30), st.binary(max_size=128), st.none() | tls, st.integers(0, 999)
    )
    def test_version_2(self, ends, authority, alpn, unique, client, hops):
        octets = header_v2(*ends, authority=authority, alpn=alpn, unique=unique, tls=client, hops=hops)
        found, length = read(octets + b"a1 NOOP\r\n")
        self.assertEqual(length, len(octets))
        self.assertEqual((found.source, found.destination), ends)
        self.assertEqual((found.authority, found.alpn, found.unique), (authority, alpn, unique))
        self.assertEqual((found.tls, found.hops), (client, hops))

    @given(pairs, names)
    def test_cut_anywhere_more_is_waited_for(self, ends, authority):
        for octets in (header_v1(*ends), header_v2(*ends, authority=authority)):
            for cut in range(len(octets)):
                self.assertIsNone(read(octets[:cut]), octets[:cut])

    @given(pairs, st.integers(0, 10_000), st.integers(1, 255))
    def test_an_octet_that_was_changed_on_the_way_is_noticed(self, ends, where, change):
        octets = bytearray(header_v2(*ends, authority="mail.example.org"))
        where = 16 + where % (len(octets) - 16)
        octets[where] ^= change
        whole = bytes(octets)
        kinds = {kind for kind, _ in outcome(whole)[0].extras} if isinstance(outcome(whole), tuple) else set()
        self.assertNotIn(3, kinds)

    def test_what_haproxy_writes(self):
        found, _ = read(b"PROXY TCP6 2001:db8::1 2001:db8::25 51234 143\r\n")
        self.assertEqual(found, Header(Place("2001:db8::1", 51234), Place("2001:db8::25", 143)))

    def test_families_that_differ_become_one(self):
        found, _ = read(header_v2(Place("2001:db8::1", 9), HERE))
        self.assertEqual((found.source, found.destination), (Place("2001:db8::1", 9), HERE))
        self.assertEqual(
            header_v1(Place("2001:db8::1", 9), HERE), b"PROXY TCP6 2001:db8::1 ::ffff:c000:219 9 143\r\n"
        )

    def test_ipv4_seen_through_ipv6_is_ipv4(self):
        found, _ = read(b"PROXY TCP6 ::ffff:203.0.113.9 ::ffff:c000:219 51234 143\r\n")
        self.assertEqual(found, Header(ANN, HERE))

    def test_who_has_no_address_is_unknown(self):
        for client in (None, Place("", 0), Place("fax", 3)):
            self.assertEqual(header_v1(client, HERE), b"PROXY UNKNOWN\r\n")
            self.assertEqual(read(header_v2(client, HERE)), (Header(), 16))

    def test_a_scope_stays_at_home(self):
        self.assertEqual(header_v1(Place("fe80::1%eth0", 9), HERE)[:20], b"PROXY TCP6 fe80::1 :")

    def test_unix_sockets(self):
        ends = Place("unix:/run/client.sock"), Place("unix:@abstract")
        found, length = read(header_v2(*ends) + b"more")
        self.assertEqual((found.source, found.destination), ends)
        self.assertEqual(length, 16 + 216 + 7)
        self.assertEqual(header_v1(*ends), b"PROXY UNKNOWN\r\n")
        with self.assertRaises(ValueError):
            header_v2(Place("unix:/" + "x" * 108), ends[1])

    def test_what_does_not_fit_is_not_written(self):
        for facts in ({"unique": b"x" * 129}, {"alpn": b"x" * 65536}, {"extras": [(9, b"x" * 65535)]}):
            with self.assertRaises(ValueError):
                header_v2(ANN, HERE, **facts)


class Version1(SynchronousTestCase):
    def refused(self, line, words):
        with self.assertRaisesRegex(NotAHeader, words):
            read(line)

    def test_nothing_else_is_taken_for_a_header(self):
        for octets in (b"EHLO x\r\n", b"proxy TCP4", b"\r\nX", b"\x16\x03\x01", b"PROXX", b"PROXY\t"):
            self.refused(octets, "no PROXY header")

    def test_unknown_says_nothing_whatever_follows(self):
        for line in (b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ffff:f...f:ffff 65535 what ever\r\n"):
            self.assertEqual(read(line + b"EHLO"), (Header(), len(line)))

    def test_107_octets_and_no_more(self):
        line = b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n"
        self.assertEqual(read(line), (Header(), LONGEST_V1))
        self.refused(line.replace(b"x\r", b"xx\r"), "more than 107")
        self.refused(b"PROXY UNKNOWN" + b"x" * 200, "more than 107")
        self.assertIsNone(read(line[:106]))
        self.refused(line[:105] + b"xx", "more than 107")

    def test_only_crlf_ends_it(self):
        for octets in (b"PROXY UNKNOWN\n", b"PROXY UNKNOWN\rx", b"PROXY UNKNOWN\r\r\n", b"PROXY\r"):
            with self.assertRaises(NotAHeader):
                read(octets)
        self.refused(b"PROXY UNKNOWN\n", "on its own")

    def test_one_space_and_strict_words(self):
        for line in (
            b"PROXY TCP4  203.0.113.9 192.0.2.25 1 143",
            b"PROXY TCP4 203.0.113.9 192.0.2.25 1 143 ",
            b"PROXY TCP4 203.0.113.9 192.0.2.25 1",
            b"PROXY TCP4 203.0.113.09 192.0.2.25 1 143",
            b"PROXY TCP4 203.0.113.9 192.0.2.25 01 143",
            b"PROXY TCP4 203.0.113.9 192.0.2.25 1 65536",
            b"PROXY TCP4 203.0.113.9 192.0.2.25 -1 143",
            b"PROXY TCP4 ::1 ::1 1 143",
            b"PROXY TCP6 203.0.113.9 192.0.2.25 1 143",
            b"PROXY TCP6 fe80::1%eth0 ::1 1 143",
            b"PROXY TCP6 \xff::1 ::1 1 143",
            b"PROXY UDP4 203.0.113.9 192.0.2.25 1 143",
            b"PROXY tcp4 203.0.113.9 192.0.2.25 1 143",
            b"PROXY ",
        ):
            self.refused(line + b"\r\n", "PROXY header")


class Version2(SynchronousTestCase):
    def refused(self, octets, words):
        with self.assertRaisesRegex(NotAHeader, words):
            read(octets)

    def test_local_is_for_nobody_and_its_block_is_not_looked_at(self):
        for family, block in ((0, b""), (0xFF, b"whatever"), (0x11, b"x" * 3)):
            octets = v2(family, block, command=0x20)
            self.assertEqual(read(octets + b"more"), (Header(), len(octets)))

    def test_unspecified_says_nothing(self):
        for family in (0x00, 0x01, 0x10, 0x20, 0x30):
            self.assertEqual(read(v2(family, b"fourteen octets")), (Header(), 31))

    def test_versions_commands_and_families_that_are_not(self):
        self.refused(v2(command=0x11), "another version or command")
        self.refused(v2(command=0x22), "another version or command")
        for family in (0x12, 0x22, 0x32, 0x13, 0x41, 0xF1):
            self.refused(v2(family), "TCP or Unix stream")

    def test_addresses_that_are_cut_off(self):
        for family, length in ((0x11, 11), (0x21, 35), (0x31, 215)):
            self.refused(v2(family, b"x" * length), "too short")

    def test_all_of_it_is_skipped_by_its_length(self):
        block = v2()[16:] + field(4, b"x" * 60000) + field(0xEF, b"ours")
        found, length = read(v2(block=block) + b"EHLO")
        self.assertEqual(length, 16 + len(block))
        self.assertEqual(found.extras, ((4, b"x" * 60000), (0xEF, b"ours")))

    def test_a_field_that_is_cut_off(self):
        for tail in (
            b"\x02",
            b"\x02\x00",
            b"\x02\x00\x05xxxx",
            field(0x20, b"\1\0\0\0"),
            field(5, b"x" * 129),
        ):
            with self.assertRaises(NotAHeader):
                read(v2(block=v2()[16:] + tail))
        self.refused(v2(block=v2()[16:] + field(0x20, b"\1\0\0\0\0\x21\0\2x")), "cut off")

    def test_a_field_that_is_there_twice(self):
        self.refused(v2(block=v2()[16:] + field(2, b"a.example") + field(2, b"b.example")), "twice")
        self.assertEqual(read(v2(block=v2()[16:] + field(4, b"") * 2))[0].authority, "")

    def test_a_wrong_checksum(self):
        self.refused(v2(block=v2()[16:] + field(3, b"1234")), "checksum")
        self.refused(v2(block=v2()[16:] + field(3, b"123")), "checksum")

    def test_a_checksum_anywhere_among_the_fields(self):
        block = v2()[16:] + field(2, b"mail.example") + field(3, bytes(4)) + field(4, b"xyz")
        right = pack("!I", crc32c(v2(block=block)))
        self.assertEqual(
            read(v2(block=block.replace(bytes(4) + field(4, b"xyz"), right + field(4, b"xyz"))))[0].authority,
            "mail.example",
        )

    def test_what_the_client_said_over_tls(self):
        facts = field(0x21, b"TLSv1.3") + field(0x22, b"ann") + field(0x23, b"TLS_AES_128_GCM_SHA256")
        found, _ = read(v2(block=v2()[16:] + field(0x20, b"\3\0\0\0\0" + facts)))
        self.assertEqual(found.tls, ClientTls(True, True, True, "TLSv1.3", "TLS_AES_128_GCM_SHA256", "ann"))
        self.assertEqual(read(v2(block=v2()[16:] + field(0x20, b"\0\0\0\0\1")))[0].tls, ClientTls(False))
        self.assertFalse(read(v2(block=v2()[16:] + field(0x20, b"\1\0\0\0\0")))[0].tls.verified)

    def test_what_is_no_text_is_nothing(self):
        for value in (b"a\r\nb", b"\xff\xfe", b"\0", "\u202e".encode()):
            self.assertEqual(read(v2(block=v2()[16:] + field(2, value)))[0].authority, "")

    def test_hops_of_others_are_not_ours(self):
        for value in (b"", b"3", b"mailtwist hops ", b"mailtwist hops 1000", b"mailtwist hops -1"):
            self.assertEqual(read(v2(block=v2()[16:] + field(0xE7, value)))[0].hops, 0)


class AnyOctets(SynchronousTestCase):
    @given(st.sampled_from(starts), st.binary(max_size=300))
    def test_are_a_header_or_too_few_or_refused(self, start, rest):
        found = outcome(start + rest)
        self.assertTrue(found is None or isinstance(found, str) or found[1] <= len(start + rest))

    @given(
        st.binary(max_size=40) | st.builds(bytes.__add__, st.sampled_from(starts), st.binary(max_size=120))
    )
    def test_a_verdict_stays_when_more_comes(self, octets):
        verdicts = [outcome(octets[:end]) for end in range(len(octets) + 1)]
        for before, after in pairwise(verdicts):
            if before is not None:
                self.assertEqual(type(before), type(after))
                self.assertTrue(isinstance(before, str) or before == after)

    def test_the_checksum_is_the_one_of_iscsi(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)
        self.assertEqual(crc32c(bytes(32)), 0x8A9136AA)
        self.assertEqual(crc32c(b""), 0)
