"""Names as certificates and ClientHellos spell them."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.tls.names import ServerNames, asked_name, covers, server_name


class Names(SynchronousTestCase):
    def test_a_name_has_one_spelling(self) -> None:
        for text in ("mail.example.org", "MAIL.Example.org", " mail.example.org. "):
            self.assertEqual(server_name(text), "mail.example.org")
        self.assertEqual(server_name("*.Example.org"), "*.example.org")
        self.assertEqual(server_name("Bücher.example"), "xn--bcher-kva.example")

    def test_what_is_no_name_is_refused_in_words(self) -> None:
        for text in (
            "",
            "a b",
            "-a.example",
            "192.0.2.1",
            "::1",
            "*.*.example",
            "mail.*.org",
            "a" * 64,
            "a..b",
        ):
            error = self.assertRaises(ValueError, server_name, text)
            self.assertIn("is not a host name", str(error))

    def test_what_a_client_asks_for_may_be_anything(self) -> None:
        self.assertEqual(asked_name(b"MAIL.Example.ORG."), "mail.example.org")
        for raw in (
            b"",
            b".",
            b"a\0b.example",
            b"\xff\xfe",
            b"192.0.2.1",
            b"[::1]",
            b"a." * 127 + b"toolong",
            b"*.x",
        ):
            self.assertEqual(asked_name(raw), "", raw)

    def test_a_wildcard_covers_one_label(self) -> None:
        names = ("*.example.org", "example.net")
        for name, covered in (
            ("a.example.org", True),
            ("a.b.example.org", False),
            ("example.org", False),
            ("example.net", True),
            ("*.example.org", True),
        ):
            self.assertEqual(covers(names, name), covered, name)

    def test_names_are_separated_by_commas_or_blanks(self) -> None:
        self.assertEqual(
            ServerNames.parse("b.example, A.example\n c.example,b.example"),
            ("b.example", "a.example", "c.example"),
        )
