"""Names that a certificate may have, as a setting has them."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.network import NamesBelow


class NamesBelowTests(SynchronousTestCase):
    def test_names_and_what_is_below_some(self) -> None:
        found = NamesBelow.parse(
            "Mail.Example.net., .Example.org\n.b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example"
        )
        self.assertEqual(found, ("mail.example.net", ".example.org", ".xn--bcher-kva.example"))
        self.assertEqual(NamesBelow.parse(str(found)), found)
        self.assertEqual(NamesBelow.parse(""), ())

    def test_what_is_none(self) -> None:
        for text in ("*.example.org", "..example.org", ".", "192.0.2.1", "a b", "a.example, A.example"):
            self.assertRaises(ValueError, NamesBelow.parse, text)
