"""Trace lines: written so that nobody can forge another."""

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.delivery.trace import WIDTH, delivered_to, received, return_path, written
from mailtwist.mail.address import NULL, Address
from mailtwist.mail.envelope import Envelope, Recipient

ANN, BOB = Address("ann", "example.org"), Address("bob", "example.org")


def envelope(
    *to: Address,
    sender: Address = ANN,
    helo: str = "client.example.org",
    peer: str = "192.0.2.1",
    tls: str = "",
):
    recipients = tuple(Recipient(address) for address in to)
    return Envelope(sender, recipients, helo=helo, peer=peer, tls=tls)


def line(one: Envelope, protocol: str = "ESMTPS") -> bytes:
    return received(one, by="mail.example.org", protocol=protocol, id="abc", now=1767225600.9)


class Written(SynchronousTestCase):
    def test_a_received_line_says_who_by_whom_how_and_when(self) -> None:
        self.assertEqual(
            line(envelope(BOB)),
            b"Received: from client.example.org ([192.0.2.1])\r\n"
            b"\tby mail.example.org (mailtwist) with ESMTPS id abc for <bob@example.org>;\r\n"
            b"\tThu, 01 Jan 2026 00:00:00 +0000\r\n",
        )

    def test_tls_is_told_as_it_is_registered(self) -> None:
        for cipher, suite in (
            ("TLSv1.3 TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
            ("TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
            (
                "TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305",
                "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            ),
        ):
            text = unfolded(line(envelope(BOB, tls=cipher)))
            self.assertIn(f"with ESMTPS ({cipher.partition(' ')[0]}) id abc", text)
            self.assertIn(f"for <bob@example.org> tls {suite}; Thu,", text)

    def test_a_cipher_of_another_name_is_not_told(self) -> None:
        for cipher in ("TLSv1.2 ADH-NULL", "TLSv1.2 ", "TLSv1.2", "TLSv1.3 TLS_X;\r\nX: y"):
            self.assertNotIn(" tls ", unfolded(line(envelope(BOB, tls=cipher))))

    def test_of_several_recipients_none_learns_of_the_others(self) -> None:
        self.assertNotIn(b"example.org>", line(envelope(ANN, BOB)))

    def test_ipv6_is_marked_and_a_unix_socket_has_no_address(self) -> None:
        self.assertIn(b"([IPv6:2001:db8::1])", line(envelope(BOB, peer="2001:db8::1")))
        self.assertIn("from client.example.org by mail", unfolded(line(envelope(BOB, peer=""), "LMTP")))

    def test_a_name_cannot_forge_a_line(self) -> None:
        forged = line(envelope(BOB, helo="x (y)\r\nReceived: from bank"))
        self.assertEqual(forged.count(b"\r\n"), 3)
        self.assertIn(b"from x??y???Received:?from?bank", forged)

    def test_no_line_is_longer_than_its_longest_word(self) -> None:
        address = Address("a" * 255, "example.org")
        lines = line(envelope(address, helo="h" * 300), "UTF8SMTPSA").split(b"\r\n")
        self.assertTrue(all(len(one) <= WIDTH or one.count(b" ") <= 1 for one in lines))

    @given(st.text(max_size=300), st.text(max_size=40), st.text(max_size=60))
    def test_whatever_was_said_it_is_one_field(self, helo: str, local: str, tls: str) -> None:
        quotable = "".join(c for c in local if c.isprintable() or c == " ")
        text = line(envelope(Address(quotable, "example.org"), helo=helo, tls=f"TLSv1.3 {tls}")).decode()
        self.assertRegex(text, r"\AReceived:(?: |\r\n\t)from [!-~]{1,255}[ \r]")
        for one in text.removesuffix("\r\n").split("\r\n")[1:]:
            self.assertRegex(one, r"\A\t[^\r\n]+\Z")

    def test_the_return_path_is_the_sender(self) -> None:
        self.assertEqual(return_path(envelope(BOB)), b"Return-Path: <ann@example.org>\r\n")
        self.assertEqual(return_path(envelope(BOB, sender=NULL)), b"Return-Path: <>\r\n")

    def test_it_says_which_address_it_was_for(self) -> None:
        self.assertEqual(delivered_to(Address("a b", "example.org")), b'Delivered-To: "a b"@example.org\r\n')
        self.assertEqual(delivered_to(Address("postmaster", "")), b"Delivered-To: postmaster\r\n")

    def test_odd_local_parts_are_quoted(self) -> None:
        self.assertEqual(written(Address('a "b\\', "example.org")), '<"a \\"b\\\\"@example.org>')
        self.assertEqual(written(Address("a..b", "example.org")), '<"a..b"@example.org>')
        self.assertEqual(written(Address("a.b+c", "example.org")), "<a.b+c@example.org>")


def unfolded(field: bytes) -> str:
    return re.sub(r"\r\n\s", " ", field.decode())
