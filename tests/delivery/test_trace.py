"""Trace lines: written so that nobody can forge another, counted wherever the octets are cut."""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.delivery.trace import Hops, received, return_path, written
from mailtwist.mail.address import NULL, Address
from mailtwist.mail.envelope import Envelope, Recipient

ANN, BOB = Address("ann", "example.org"), Address("bob", "example.org")


def envelope(*to: Address, sender: Address = ANN, helo: str = "client.example.org", peer: str = "192.0.2.1"):
    return Envelope(sender, tuple(Recipient(address) for address in to), helo=helo, peer=peer)


def line(one: Envelope) -> bytes:
    return received(one, by="mail.example.org", protocol="ESMTPS", id="abc", now=1767225600.9)


def counted(*chunks: bytes) -> int:
    hops = Hops()
    for chunk in chunks:
        hops.see(chunk)
    return hops.count


class Written(SynchronousTestCase):
    def test_a_received_line_says_who_by_whom_how_and_when(self) -> None:
        self.assertEqual(
            line(envelope(BOB)),
            b"Received: from client.example.org ([192.0.2.1])\r\n"
            b"\tby mail.example.org (mailtwist) with ESMTPS id abc\r\n"
            b"\tfor <bob@example.org>; Thu, 01 Jan 2026 00:00:00 +0000\r\n",
        )

    def test_of_several_recipients_none_learns_of_the_others(self) -> None:
        self.assertNotIn(b"example.org>", line(envelope(ANN, BOB)))

    def test_ipv6_is_marked(self) -> None:
        self.assertIn(b"([IPv6:2001:db8::1])", line(envelope(BOB, peer="2001:db8::1")))

    def test_a_name_cannot_forge_a_line(self) -> None:
        forged = line(envelope(BOB, helo="x (y)\r\nReceived: from bank"))
        self.assertEqual(forged.count(b"\r\n"), 3)
        self.assertIn(b"from x??y???Received:?from?bank", forged)

    def test_the_return_path_is_the_sender(self) -> None:
        self.assertEqual(return_path(envelope(BOB)), b"Return-Path: <ann@example.org>\r\n")
        self.assertEqual(return_path(envelope(BOB, sender=NULL)), b"Return-Path: <>\r\n")

    def test_odd_local_parts_are_quoted(self) -> None:
        self.assertEqual(written(Address('a "b\\', "example.org")), '<"a \\"b\\\\"@example.org>')
        self.assertEqual(written(Address("a..b", "example.org")), '<"a..b"@example.org>')
        self.assertEqual(written(Address("a.b+c", "example.org")), "<a.b+c@example.org>")


class Counted(SynchronousTestCase):
    def test_only_the_header_counts(self) -> None:
        self.assertEqual(
            counted(b"Received: a\r\n b\r\nRECEIVED : c\r\nX: Received:\r\n\r\nReceived: d\r\n"), 2
        )

    def test_a_message_without_a_header_has_none(self) -> None:
        self.assertEqual(counted(b"\r\nReceived: a\r\n"), 0)

    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def test_it_does_not_matter_where_it_is_cut(self, data: st.DataObject) -> None:
        lines = st.sampled_from(
            [b"Received: x", b"received:", b"X-Long: " + b"y" * 40, b" Received: z", b"A: b"]
        )
        header = b"".join(one + b"\r\n" for one in data.draw(st.lists(lines, max_size=8)))
        whole = header + b"\r\nReceived: body\r\n\r\nReceived: more\r\n"
        cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=9)))
        chunks = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
        self.assertEqual(
            counted(*chunks), header.lower().count(b"\r\nreceived:") + header.lower().startswith(b"received:")
        )
