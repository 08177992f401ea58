"""Paths, domains, parameters, xtext: what is one, and what is not."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.mail.address import NULL, Address
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.smtp.grammar import (
    client,
    domain,
    forward_path,
    from_xtext,
    local_part,
    parameters,
    reverse_path,
    to_xtext,
)

ADDRESSES = {
    b"<a@b>": ("a", "b"),
    b"<Ann.B+tag=x@Example.ORG>": ("Ann.B+tag=x", "example.org"),
    b"<!#$%&'*+-/=?^_`{|}~@b>": ("!#$%&'*+-/=?^_`{|}~", "b"),
    b'<"a b"@b>': ("a b", "b"),
    b'<"a\\"b\\\\c"@b>': ('a"b\\c', "b"),
    b'<"a@b>c"@d>': ("a@b>c", "d"),
    b'<"x".@b>': None,
    b'<""@b>': None,
    b'<"a@b>': None,
    b'<"a\tb"@b>': None,
    b"<a..b@c>": None,
    b"<.a@c>": None,
    b"<a.@c>": None,
    b"<a b@c>": None,
    b"<a@b@c>": None,
    b"<a@b>>": None,
    b"<<a@b>>": None,
    b"<a@b": None,
    b"a@b": None,
    b"<a@-b>": None,
    b"<a@b->": None,
    b"<a@b..c>": None,
    b"<a@b.>": None,
    b"<a@" + b"x" * 63 + b">": ("a", "x" * 63),
    b"<a@" + b"x" * 64 + b">": None,
    b"<a@" + b"x." * 127 + b"x>": ("a", "x." * 127 + "x"),
    b"<a@" + b"x." * 128 + b"x>": None,
    b"<" + b"x" * 255 + b"@b>": ("x" * 255, "b"),
    b"<" + b"x" * 256 + b"@b>": None,
    b"<x" + "\u00fc".encode() * 127 + b"@b>": ("x" + "\u00fc" * 127, "b"),
    b"<" + "\u00fc".encode() * 128 + b"@b>": None,
    b"<a@my_host.b>": ("a", "my_host.b"),
    b"<@one,@two:a@b>": ("a", "b"),
    b"<@one:>": None,
    b"<a@[192.0.2.1]>": ("a", "[192.0.2.1]"),
    b"<a@[192.0.2.256]>": None,
    b"<a@[IPv6:2001:DB8:0::1]>": ("a", "[IPv6:2001:db8::1]"),
    b"<a@[ipv6:::1]>": ("a", "[IPv6:::1]"),
    b"<a@[IPv6:fe80::1%eth0]>": None,
    b"<a@[x400:whatever]>": ("a", "[x400:whatever]"),
    b"<a@[2001:db8::1]>": ("a", "[2001:db8::1]"),
    b"<a@[ipv6:whatever]>": None,
    b"<a@[:x]>": None,
    b"<a@[x400-:x]>": None,
    b"<a@[x400:]>": None,
    b"<a@[x400:a[b]>": None,
    b"<a@[]>": None,
    b"<a@[192.0.2.1>": None,
    b"<m\xc3\xbcller@b>": ("müller", "b"),
    b'<"m\xc3\xbcller x"@b>': ("müller x", "b"),
    "<info@Bücher.Example>".encode(): ("info", "xn--bcher-kva.example"),
    "<用户@例子.广告>".encode(): ("用户", "xn--fsqu00a.xn--4rr70v"),
    b"<a@xn--bcher-kva.example>": ("a", "xn--bcher-kva.example"),
    "<a@\u3002>".encode(): None,
    "<a@x\u0300\u200d.b>".encode(): None,
    f"<a@{'ü' * 64}>".encode(): None,
    "<\u0085@b>".encode(): None,
    "<\u2028@b>".encode(): None,
    "<a\u2029@b>".encode(): None,
    b"<m\xfcller@b>": None,
    b"<\xed\xa0\x80@b>": None,
}


class PathTests(SynchronousTestCase):
    def test_addresses(self):
        for written, wanted in ADDRESSES.items():
            for word, parse in ((b"FROM:", reverse_path), (b"to: ", forward_path)):
                if wanted is None:
                    self.assertRaises(Malformed, parse, word + written)
                else:
                    self.assertEqual(parse(word + written), (Address(*wanted), {}), written)

    def test_the_null_path_is_a_sender_only(self):
        self.assertEqual(reverse_path(b"FROM:<>"), (NULL, {}))
        self.assertEqual(reverse_path(b"FROM:<> SIZE=1"), (NULL, {"SIZE": "1"}))
        self.assertRaises(Malformed, forward_path, b"TO:<>")

    def test_postmaster_alone_is_a_recipient_only(self):
        self.assertEqual(forward_path(b"TO:<PostMaster>")[0], Address("PostMaster", ""))
        self.assertRaises(Malformed, forward_path, b"TO:<ann>")
        self.assertRaises(Malformed, reverse_path, b"FROM:<postmaster>")

    def test_a_local_part_is_written_as_it_is_read(self):
        for local in ("ann", "a.b", "a b", 'a"b\\c', "a..b", "@", ".a"):
            self.assertEqual(
                forward_path(f"TO:<{local_part(Address(local, 'x'))}@x>".encode())[0].local, local
            )

    @given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60))
    def test_any_local_part_can_be_written(self, local):
        written = f"FROM:<{local_part(Address(local, 'x'))}@x> BODY=7BIT"
        self.assertEqual(reverse_path(written.encode()), (Address(local, "x"), {"BODY": "7BIT"}))

    @given(st.binary(max_size=60))
    def test_any_octets_are_a_path_or_malformed(self, octets):
        for parse in (reverse_path, forward_path, client):
            for text in (octets, b"FROM:" + octets, b"TO:<" + octets + b">"):
                try:
                    parse(text)
                except Malformed as error:
                    self.assertRegex(str(error), r"^[ -~]+$")

    def test_words_made_to_hurt_are_judged_at_once(self):
        for hurt in (b"a." * 9000, b'"' + b"\\a" * 9000, b"a" * 18000, b"@a," * 6000, b"a@" + b"a-" * 9000):
            for end in (b"", b">", b'"', b"@>"):
                self.assertRaises(Malformed, reverse_path, b"FROM:<" + hurt + end)


class ParameterTests(SynchronousTestCase):
    def test_names_and_values(self):
        self.assertEqual(parameters(""), {})
        self.assertEqual(
            parameters(" SIZE=1  body=8BitMime X-y"), {"SIZE": "1", "BODY": "8BitMime", "X-Y": None}
        )

    def test_what_is_none(self):
        for bad in ("SIZE=1", " =1", " A=", " A=b=c", " -A=1", " A=\x7f", " A=1 a=2", " A=b\tc", " A B=\x01"):
            self.assertRaises(Malformed, parameters, bad)

    def test_names_of_clients(self):
        for name in (b"mx.example.org", b"[192.0.2.1]", b"MY_PC", b"x"):
            self.assertEqual(client(name), name.decode())
        for bad in (b"", b"two names", b"x" * 256, b"\xff", b"a\tb", b"a\0b"):
            self.assertRaises(Malformed, client, bad)

    def test_domains(self):
        self.assertEqual(domain("Example.ORG"), "example.org")
        self.assertRaises(Malformed, domain, "")

    @given(st.binary(max_size=40))
    def test_xtext_comes_back(self, octets):
        self.assertRegex(to_xtext(octets), r"^([!-*,-<>-~]|\+[0-9A-F]{2})*$")
        self.assertEqual(from_xtext(to_xtext(octets)), octets)

    def test_xtext_of_the_rfc(self):
        self.assertEqual(from_xtext("e+3Dmc2@example.com"), b"e=mc2@example.com")
        for bad in ("a=b", "a+3d", "a+", "a b", "\xff"):
            self.assertRaises(Malformed, from_xtext, bad)
