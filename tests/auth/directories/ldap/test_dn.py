"""Distinguished names, and those made of login names."""

from hypothesis import given
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.directories.ldap.dn import LONGEST, escaped, first_value, parts, same
from mailtwist.auth.directories.ldap.template import Template


class DnTests(SynchronousTestCase):
    def test_parts_are_read(self) -> None:
        its = (("cn", "Smith, Ann "), ("ou", "a+b"), ("dc", "x"))
        self.assertEqual(parts("CN=Smith\\, Ann\\20, ou = a\\+b ;DC=x"), its)
        self.assertEqual(parts("cn=Smith\\, Ann\\ ,ou=a\\2Bb,dc=x"), its)

    def test_octets_in_hexadecimal_are_one_character(self) -> None:
        self.assertEqual(first_value("cn=Zo\\c3\\ab,dc=x"), "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}")

    def test_what_is_no_dn_has_no_value(self) -> None:
        for text in ("", "staff", ",", "=", "\\", "cn"):
            self.assertEqual(first_value(text), "", text)

    def test_the_same_entry_is_written_in_many_ways(self) -> None:
        self.assertTrue(same("CN=Mail Users,DC=x", "cn=mail  users, dc=X"))
        self.assertTrue(same("cn=a\\2cb,dc=x", "cn=a\\,b,dc=x"))
        self.assertFalse(same("cn=a,b=c", "cn=a\\,b=c"))
        self.assertFalse(same("cn=a", "cn=a,dc=x"))

    @given(some.text(max_size=60))
    def test_any_value_stays_one(self, value: str) -> None:
        octets = value.encode("utf-8", "replace").decode()
        text = escaped(octets)
        self.assertEqual(parts(f"uid={text},dc=x"), (("uid", octets), ("dc", "x")))

    @given(some.text(alphabet="\\,;=+ a0", max_size=40))
    def test_any_text_is_read(self, text: str) -> None:
        parts(text)

    def test_octets_that_could_be_read_in_many_ways_are_read_once(self) -> None:
        """A regular expression that tries them all needs years for these."""
        for text in ("\\41" * 2000 + "\\", "cn=" + "\\ab" * 60 + "\\"):
            self.assertEqual(first_value(text), "")
            self.assertEqual(parts(text), ())

    def test_what_is_too_long_is_none(self) -> None:
        self.assertEqual(first_value("cn=" + "a" * LONGEST), "")


class TemplateTests(SynchronousTestCase):
    def test_a_name_is_a_value_in_it(self) -> None:
        template = Template.parse("uid={local},ou={domain},dc=x")
        its = (("uid", "a,ou=admins+*"), ("ou", "example.org"), ("dc", "x"))
        self.assertEqual(parts(template.filled("a,ou=admins+*@example.org")), its)

    def test_a_name_alone_is_no_dn(self) -> None:
        template = Template.parse("{name}")
        self.assertEqual(template.filled("ann@example.org"), "ann@example.org")
        for name in (
            "ann",
            "cn=admin,dc=x@example.org",
            "a=b@example.org",
            "#a@example.org",
            "a+b@example.org",
        ):
            self.assertEqual(template.filled(name), "", name)

    def test_a_spelling_that_the_server_takes_for_another_is_nobodys(self) -> None:
        """It would be a second account of one person, with factors of its own: none."""
        template = Template.parse("uid={local},dc=x")
        self.assertTrue(template.filled("stra\N{LATIN SMALL LETTER A WITH DIAERESIS}sse@example.org"))
        for name in (
            "stra\xdfe",
            "\u03c3\u03bf\u03c6\u03cc\u03c2",
            "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc",
        ):
            self.assertEqual(template.filled(f"{name}@example.org"), "", name)
        self.assertEqual(Template.parse("{name}").filled("\xe4nn@example.org"), "")

    def test_what_is_none_is_refused(self) -> None:
        for text in (
            "uid=ann,dc=x",
            "{local}",
            "x{name}",
            "uid={who},dc=x",
            "ou={domain},dc=x",
            "{name},dc=x",
        ):
            with self.assertRaises(ValueError, msg=text):
                Template.parse(text)
