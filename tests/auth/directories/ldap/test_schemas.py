"""Servers by their URLs, when they are left alone, and what entries say about people."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.asking import STRANGERS
from mailtwist.auth.directories.ldap.filters import Filter
from mailtwist.auth.directories.ldap.messages import Entry
from mailtwist.auth.directories.ldap.people import MOST as MOST_VALUES
from mailtwist.auth.directories.ldap.people import Shape
from mailtwist.auth.directories.ldap.schemas import SCHEMAS, addresses, identity, why_disabled
from mailtwist.auth.directories.ldap.servers import FIRST_PAUSE, LONGEST_PAUSE, Server
from mailtwist.auth.directories.ldap.settings import Settings, lacking
from mailtwist.auth.directories.ldap.template import Template
from mailtwist.auth.directories.ldap.url import Urls
from mailtwist.config.secret import Secret
from mailtwist.config.values import File, Hostnames

NOW = 1_800_000_000.0
WINDOWS = 11_644_473_600
"""Seconds from 1601 to 1970."""


class UrlTests(SynchronousTestCase):
    def test_they_are_written_in_several_ways(self) -> None:
        text = "ldap://a.example.org, LDAPS://[2001:db8::1]:1636, ldaps://b\nldapi:///run/slapd/ldapi, ldap://::1"
        with self.assertRaises(ValueError):
            Urls.parse(text)
        urls = Urls.parse(text.rpartition(",")[0])
        self.assertEqual(
            [(one.scheme, one.host, one.port) for one in urls][:3],
            [
                ("ldap", "a.example.org", 389),
                ("ldaps", "2001:db8::1", 1636),
                ("ldaps", "b", 636),
            ],
        )
        self.assertEqual(str(urls[3].path), "/run/slapd/ldapi")
        self.assertEqual(Urls.parse(str(urls)), urls)
        self.assertEqual(Urls.parse("ldapi://%2Frun%2Fslapd%2Fldapi"), urls[3:])

    def test_what_is_none_is_refused(self) -> None:
        broken = ("a.example.org", "http://a", "ldap://", "ldap://a:0", "ldap://a:65536", "ldap://a/dc=x")
        for text in (
            *broken,
            "ldap://a?x",
            "ldapi://",
            "ldapi://run",
            "ldap://user@a",
            "ldap://[a]",
            "ldap://a b",
        ):
            with self.assertRaises(ValueError, msg=text):
                Urls.parse(text)
        with self.assertRaisesRegex(ValueError, "twice"):
            Urls.parse("ldap://a, ldap://a:389/")

    def test_which_are_on_this_machine(self) -> None:
        near = Urls.parse("ldap://localhost, ldap://127.0.0.1, ldap://[::1], ldapi:///run/x")
        self.assertTrue(all(url.near for url in near))
        self.assertFalse(
            any(url.near for url in Urls.parse("ldap://192.0.2.1, ldap://localhost.example.org"))
        )


class ServerTests(SynchronousTestCase):
    def test_one_that_has_failed_is_left_alone_and_then_tried_by_one(self) -> None:
        (url,) = Urls.parse("ldap://a")
        server = Server(url, 1)
        self.assertTrue(server.ready(0))
        self.assertFalse(server.enter())
        self.assertEqual(server.failed("away", 0), FIRST_PAUSE)
        self.assertEqual(server.failed("away", 0), 0)  # others who were there hear nothing new
        self.assertFalse(server.ready(FIRST_PAUSE - 0.1))
        self.assertTrue(server.ready(FIRST_PAUSE))
        self.assertTrue(server.enter())
        self.assertFalse(server.ready(FIRST_PAUSE))
        self.assertEqual(server.failed("away", FIRST_PAUSE), 2 * FIRST_PAUSE)
        server.left(True)
        self.assertFalse(server.ready(3 * FIRST_PAUSE - 0.1))
        self.assertTrue(server.enter())
        self.assertTrue(server.answered())
        server.left(True)
        self.assertFalse(server.answered())
        self.assertEqual(server.failed("away", 0), FIRST_PAUSE)

    def test_no_pause_is_longer_than_the_longest(self) -> None:
        (url,) = Urls.parse("ldap://a")
        server = Server(url, 1)
        for _ in range(20):
            server.enter()
            pause = server.failed("away", 0)
        self.assertEqual(pause, LONGEST_PAUSE)


class EntryTests(SynchronousTestCase):
    def test_addresses_of_active_directory_have_a_first(self) -> None:
        values = (b"smtp:b@x.test", b"SMTP:a@x.test", b"X500:/o=x", b"sip:a@x.test", b"c@x.test")
        found = {"proxyaddresses": values, "mail": (b"m@x.test",)}
        self.assertEqual(addresses(found, ("mail", "proxyAddresses")), ["a@x.test", "m@x.test", "b@x.test"])

    def test_an_id_is_text_or_a_guid(self) -> None:
        self.assertEqual(identity({"entryuuid": (b"ABC",)}, ("entryUUID",)), "abc")
        guid = {"objectguid": (bytes(range(16)),)}
        self.assertEqual(identity(guid, ("objectGUID",)), "03020100-0504-0706-0809-0a0b0c0d0e0f")
        self.assertEqual(identity({"objectguid": (b"short",)}, ("objectGUID",)), "")
        self.assertEqual(identity({"b": (b"1",)}, ("a", "b")), "1")

    def test_ids_that_are_no_text_are_told_apart(self) -> None:
        """As text, with octets replaced or in lower case, a thousand people would have one account."""
        start = bytes.fromhex("010500000000000515000000a065cf7e784b9b5fe77c8770")
        sids = [start + number.to_bytes(4, "little") for number in range(1000, 3000)]
        told = {identity({"objectsid": (sid,)}, ("objectSid",)) for sid in sids}
        self.assertEqual(len(told), 2000)
        plain = [bytes(start[0:1]) + bytes((number,)) for number in (0x41, 0x61)]
        self.assertEqual(len({identity({"a": (one,)}, ("a",)) for one in plain}), 2)

    def test_an_id_that_has_two_values_is_none(self) -> None:
        self.assertEqual(identity({"a": (b"ann", b"bob"), "b": (b"1",)}, ("a", "b")), "")

    def test_who_may_not_log_in(self) -> None:
        later, before = (str(int((NOW + WINDOWS + seconds) * 1e7)).encode() for seconds in (60, -60))
        says = {
            ("useraccountcontrol", b"514"): "userAccountControl",
            ("useraccountcontrol", b"66048"): "",
            ("useraccountcontrol", b"0"): "",
            ("useraccountcontrol", b"0x202"): "userAccountControl",
            ("useraccountcontrol", b""): "userAccountControl",
            ("krbprincipalexpiration", b"20200101000000Z"): "krbPrincipalExpiration",
            ("krbprincipalexpiration", b"29990101000000Z"): "",
            ("nsaccountlock", b"True"): "nsAccountLock",
            ("accountexpires", before): "accountExpires",
            ("accountexpires", later): "",
            ("accountexpires", b"0"): "",
            ("accountexpires", b"9223372036854775807"): "",
            ("accountexpires", b"soon"): "",
            ("nsaccountlock", b"TRUE"): "nsAccountLock",
            ("nsaccountlock", b"false"): "",
            ("pwdaccountlockedtime", b"000001010000Z"): "pwdAccountLockedTime",
            ("pwdaccountlockedtime", b"20260101000000Z"): "",
            ("shadowexpire", b"1"): "shadowExpire",
            ("shadowexpire", b"-1"): "",
            ("shadowexpire", b"99999"): "",
            ("shadowexpire", b"9" * 100): "",
        }
        for (name, value), why in says.items():
            self.assertEqual(why_disabled({name: (value,)}, NOW), why, (name, value))

    def test_what_cannot_be_a_name_is_passed_over(self) -> None:
        schema = SCHEMAS["ad"]
        its = (
            schema.id_attribute,
            schema.login_attribute,
            schema.mail_attributes,
            frozenset[str](),
            "x.test",
        )
        attributes = {
            "objectguid": (bytes(16),),
            "userprincipalname": (b"a b@x.test",),
            "samaccountname": (b"Ann",),
            "mail": (b"no address", b"Ann@X.test", b"@x.test"),
        }
        ann = Shape(*its).person(Entry("cn=a", attributes), ["cn=staff,dc=x", "nonsense"], NOW)
        self.assertEqual((ann.name, ann.addresses, ann.groups), ("ann@x.test", ("ann@x.test",), ("staff",)))
        for missing in ("objectguid", "samaccountname"):
            with self.assertRaisesRegex(ValueError, "write another"):
                fewer = {name: values for name, values in attributes.items() if name != missing}
                Shape(*its).person(Entry("cn=a", fewer), [], NOW)

    def test_names_in_domains_of_others_are_passed_over(self) -> None:
        """Or a server of one domain could say who people of all others are."""
        schema = SCHEMAS["ad"]
        its = (schema.id_attribute, schema.login_attribute, schema.mail_attributes, frozenset({"x.test"}))
        attributes = {
            "objectguid": (bytes(16),),
            "userprincipalname": (b"boss@example.org",),
            "samaccountname": (b"ann",),
        }
        ann = Shape(*its, "x.test").person(Entry("cn=a", attributes), [], NOW)
        self.assertEqual(ann.name, "ann@x.test")
        del attributes["samaccountname"]
        with self.assertRaisesRegex(ValueError, "no userPrincipalName or sAMAccountName that can be"):
            Shape(*its, "x.test").person(Entry("cn=a", attributes), [], NOW)

    def test_accounts_in_domains_of_others_are_nobodys(self) -> None:
        """They are those of directories whose ids are names."""
        shape = Shape(("mail",), ("uid",), ("mail",), frozenset({"x.test"}), "x.test")
        attributes = {"uid": (b"ann",), "mail": (b"ann@x.test",)}
        self.assertEqual(shape.person(Entry("cn=a", attributes), [], NOW).account, "ann@x.test")
        attributes["mail"] = (b"Boss@example.org",)
        with self.assertRaisesRegex(ValueError, "boss@example.org"):
            shape.person(Entry("cn=a", attributes), [], NOW)

    def test_more_addresses_than_anybody_has_are_not_read(self) -> None:
        shape = Shape(("a",), ("uid",), ("mail",), frozenset(), "x.test")
        attributes = {"a": (b"1",), "uid": (b"ann",), "mail": (b"a@x.test",) * (MOST_VALUES + 1)}
        with self.assertRaisesRegex(ValueError, "more than 2000 values"):
            shape.person(Entry("cn=a", attributes), [], NOW)


class SettingsTests(SynchronousTestCase):
    def test_what_belongs_together(self) -> None:
        servers = Urls.parse("ldaps://a")
        its = (
            ({"bind_dn": "cn=a"}, "bind_dn and bind_password"),
            ({"bind_password": Secret("x")}, "bind_dn and bind_password"),
            ({"key": File("/k")}, "write certificate too"),
            (
                {"bind_dn": "cn=a", "bind_password": Secret("x"), "user_dn": Template("{name}")},
                "leave out bind_dn",
            ),
            ({"servers": Urls()}, "no server"),
        )
        for settings, words in its:
            with self.assertRaisesRegex(ValueError, words):
                Settings(**{"servers": servers, **settings})  # type: ignore[arg-type]

    def test_places_that_nobody_knows_are_told(self) -> None:
        servers = Urls.parse("ldaps://a")
        for name, text in (
            ("filter", "(a={dn})"),
            ("people", "(a={name})"),
            ("group_filter", "(a={password})"),
        ):
            with self.assertRaisesRegex(ValueError, f'"{name}" has a place for'):
                Settings(servers=servers, **{name: Filter.parse(text)})  # type: ignore[arg-type]

    def test_strangers_leave_connections_for_others(self) -> None:
        """However slow the server is to refuse them."""
        settings = Settings(servers=Urls.parse("ldaps://a"), base="dc=x")
        self.assertGreaterEqual(settings.connections, 2 * STRANGERS)

    def test_two_people_of_two_domains_have_no_dn_in_common(self) -> None:
        """Or the password of one opens the account of the other."""
        servers, domains = Urls.parse("ldaps://a"), Hostnames.parse("a.test, b.test")
        with self.assertRaisesRegex(ValueError, "one DN of two people"):
            Settings(servers=servers, user_dn=Template("uid={local},dc=x"), domains=domains)
        for good in ("uid={name},dc=x", "uid={local},ou={domain},dc=x", "{name}", "{local}@{domain}"):
            Settings(servers=servers, user_dn=Template(good), domains=domains)

    def test_what_is_lacking_is_told(self) -> None:
        servers = Urls.parse("ldaps://a")
        self.assertEqual(lacking(Settings(servers=servers))[0], "base")
        self.assertEqual(lacking(Settings(servers=servers, user_dn=Template("{name}")))[0], "domains")
        self.assertEqual(lacking(Settings(servers=servers, base="dc=x")), ("", ""))
