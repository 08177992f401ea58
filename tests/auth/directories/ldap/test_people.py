"""Who somebody is, in a real slapd: names, addresses, groups, who may log in, and what nobody can type."""

from dataclasses import replace
from typing import Any

from mailtwist.auth.api import AccountUnavailable, Person
from mailtwist.auth.directories.ldap.directory import LdapDirectory
from mailtwist.auth.directories.ldap.filters import Filter
from mailtwist.auth.directories.ldap.template import Template
from mailtwist.auth.names import login_name
from mailtwist.config.values import Duration, Hostnames, Names
from mailtwist.testing.directory import PASSWORD, STRANGER
from tests.auth.directories.ldap.house import LdapCase
from tests.auth.directories.slapd import AD, GROUPS, GUID, IPA, PEOPLE, person, slapd
from tests.peers.programs import needs

CORPUS = (
    "*",
    "*)(uid=*",
    "*)(uid=*))(|(uid=*",
    "ann)(|(uid=*",
    "ann)(!(uid=b",
    "ann)(objectClass=*",
    "a*",
    "an\N{LATIN SMALL LETTER N}*",
    "\\2a",
    "\\",
    "(",
    ")",
    "&(",
    "|(uid=ann)",
    "ann\\00",
    "ann)(userPassword=*",
    "ann#",
    "ann,ou=people",
    "ann+cn=ann",
    'ann"',
    "ann;",
    "<ann>",
    "uid=ann",
    "{name}",
    "{local}",
    "%s",
    "ann\N{FULLWIDTH ASTERISK}",
)
"""What is put into a login name by who hopes that it becomes part of a filter or of a DN."""


@needs("slapd")
class NamesTests(LdapCase):
    async def test_all_spellings_of_one_person_are_one_account(self) -> None:
        directory = self.directory()
        ann = await self.found(directory, "ann@example.org")
        for typed in (
            b"ANN",
            b"Ann@Example.ORG",
            b"A.Smith@example.org",
            b"EXAMPLE\\ann",
            b"ann@example.net",
        ):
            windows = {"EXAMPLE": "example.org"}
            self.assertEqual(await directory.find(login_name(typed, "example.org", windows)), ann, typed)
        self.assertEqual(ann.name, "ann@example.org")

    async def test_names_outside_ascii_are_found(self) -> None:
        name = "zo\N{LATIN SMALL LETTER E WITH DIAERESIS}@example.org"
        person = await self.found(self.directory(), name)
        self.assertEqual((person.name, person.addresses), (name, ("zoe@example.org",)))

    async def test_two_with_one_name_are_nobody_and_the_log_says_who(self) -> None:
        directory = self.directory()
        for asked in (directory.find("twin@example.org"), directory.recipient("twin@example.org")):
            with self.assertRaises(AccountUnavailable):
                await asked
        first, _ = self.told("ldap.ambiguous")
        self.assertIn("cn=other twin", first["entries"])
        self.assertIn(f"uid=twin,{PEOPLE}", first["entries"])

    async def test_other_domains_are_nobodys(self) -> None:
        directory = self.directory(domains=Hostnames.parse("example.org"))
        for name in ("ann@example.net", "ann@example.com"):
            self.assertIsNone(await directory.find(name))
            self.assertIsNone(await directory.recipient(name))
        ann = await self.found(directory, "ann@example.org")
        self.assertEqual(ann.addresses, ("ann@example.org", "a.smith@example.org"))
        self.assertEqual(set(await directory.domains()), {"example.org"})

    async def test_a_login_name_is_no_address(self) -> None:
        """Mail goes where an address is written."""
        directory = self.directory()
        await self.found(directory, "ann@example.com")  # by its uid
        self.assertIsNone(await directory.recipient("ann@example.com"))

    async def test_the_operator_says_which_attribute_is_what(self) -> None:
        its = {
            "login_attribute": Names(("title", "mail")),
            "mail_attributes": Names(("mailAlternateAddress",)),
        }
        directory = self.directory(**its, id_attribute=Names(("uid",)), filter=Filter.parse("(cn={local})"))
        ann = await self.found(directory, "ann@example.org")
        self.assertEqual((ann.account, ann.name), ("ann", "ann@example.org"))
        self.assertEqual(ann.addresses, ("a.smith@example.org", "ann@example.net"))

    async def test_an_entry_without_an_id_is_nobodys_and_the_log_says_so(self) -> None:
        directory = self.directory(id_attribute=Names(("employeeNumber",)))
        with self.assertRaises(AccountUnavailable):
            await directory.find("ann@example.org")
        (told,) = self.told("ldap.unusable")
        self.assertIn('it has no employeeNumber, or several; write another "id_attribute"', told["reason"])

    async def test_one_level_is_one_level(self) -> None:
        self.assertIsNone(await self.directory(scope="one").find("ann@example.org"))
        self.assertIsNotNone(await self.directory(scope="one", base=PEOPLE).find("ann@example.org"))

    async def test_only_people_are_people(self) -> None:
        directory = self.directory(people=Filter.parse("(mailAlternateAddress=*)"))
        await self.found(directory, "ann@example.org")
        self.assertIsNone(await directory.find("bob@example.org"))


@needs("slapd")
class HostileNamesTests(LdapCase):
    """Among them what maddy's filters took from a login name (GHSA-5835-4gvc-32pc)."""

    async def test_no_name_is_more_than_a_name_in_a_filter(self) -> None:
        directory = self.directory(filter=Filter.parse("(|(uid={local})(mail={name})(cn=x{local}))"))
        for name in CORPUS:
            for whole in (name, f"{name}@example.org", f"ann@{name}"):
                self.assertIsNone(await directory.find(whole), whole)
                self.assertIsNone(await directory.recipient(whole), whole)
                self.assertIs(await directory.accepts(Person("?x", whole), PASSWORD), False, whole)

    async def test_a_search_has_the_octets_of_the_name(self) -> None:
        """What PRECIS lets through, slapd has seen as one value."""
        await self.directory().find("ann)(uid=*@example.org")
        said = [line for line in slapd().log.splitlines() if "SRCH" in line and "ann\\29\\28uid=\\2A" in line]
        self.assertTrue(said)

    async def test_no_name_is_more_than_a_name_in_a_dn(self) -> None:
        its: dict[str, Any] = {
            "bind_dn": "",
            "bind_password": None,
            "domains": Hostnames.parse("example.org"),
        }
        directory = self.directory(user_dn=Template(f"uid={{local}},{PEOPLE}"), **its)
        for name in (
            *CORPUS,
            "reader,dc=example,dc=org",
            f"ann,{PEOPLE}",
            "ann,ou=people,dc=example,dc=org#",
        ):
            person = await directory.find(f"{name}@example.org")
            stranger = Person("?x", f"{name}@example.org")
            for one in filter(None, (person, stranger)):
                self.assertIs(await directory.accepts(one, PASSWORD), False, name)


@needs("slapd")
class GroupsTests(LdapCase):
    async def test_only_people_in_the_group_are_somebody(self) -> None:
        for group in ("mail users", "MAIL Users", f"cn=mail users,{GROUPS}", f"CN=Mail Users, {GROUPS}"):
            directory = self.directory(require_group=group)
            await self.found(directory, "ann@example.org")
            self.assertIsNone(await directory.find("bob@example.org"), group)
            self.assertIsNone(await directory.recipient("bob@example.org"), group)

    async def test_a_group_elsewhere_of_the_same_name_is_another(self) -> None:
        directory = self.directory(require_group="cn=mail users,ou=others,dc=example,dc=org")
        self.assertIsNone(await directory.find("ann@example.org"))

    async def test_groups_are_searched_by_a_filter(self) -> None:
        filter = Filter.parse("(&(objectClass=groupOfNames)(member={dn}))")
        directory = self.directory(group_filter=filter, group_base=GROUPS)
        self.assertEqual((await self.found(directory, "bob@example.org")).groups, ("staff",))

    async def test_groups_of_unix_are_known(self) -> None:
        directory = self.directory(schema="posix")
        self.assertEqual((await self.found(directory, "posix@example.org")).groups, ("unix",))
        self.assertIsNone(await directory.find("ann@example.org"))  # has no posixAccount

    async def test_people_who_are_bound_at_once_look_at_themselves(self) -> None:
        its: dict[str, Any] = {
            "bind_dn": "",
            "bind_password": None,
            "domains": Hostnames.parse("example.org"),
        }
        directory = self.directory(
            user_dn=Template(f"uid={{local}},{PEOPLE}"), require_group="mail users", **its
        )
        self.assertTrue(await directory.accepts(await self.found(directory, "ann@example.org"), PASSWORD))
        self.assertFalse(await directory.accepts(await self.found(directory, "bob@example.org"), PASSWORD))
        (told,) = self.told("ldap.refused")
        self.assertEqual(told["reason"], "not-in-group")


@needs("slapd")
class WhoMayLogInTests(LdapCase):
    async def test_who_is_locked_for_good_is_disabled(self) -> None:
        self.assertFalse((await self.found(self.directory(), "locked@example.org")).enabled)
        self.assertFalse((await self.found(self.directory(schema="posix"), "left@example.org")).enabled)
        self.assertTrue((await self.found(self.directory(), "ann@example.org")).enabled)

    async def test_policy_refuses_and_the_log_says_why(self) -> None:
        for name, reason in (("expired", "password-expired"), ("reset", "must-change")):
            directory = self.directory()
            self.assertFalse(
                await directory.accepts(await self.found(directory, f"{name}@example.org"), PASSWORD)
            )
            self.assertEqual(self.told("ldap.refused")[-1]["reason"], reason)
            self.assertFalse(
                await directory.accepts(await self.found(directory, f"{name}@example.org"), b"wrong")
            )

    async def test_a_password_changed_there_counts_at_once(self) -> None:
        slapd().change(person("changes", mail="changes@example.org"), "-a")
        directory = self.directory()
        changes = await self.found(directory, "changes@example.org")
        self.assertTrue(await directory.accepts(changes, PASSWORD))
        slapd().set_password(f"uid=changes,{PEOPLE}", b"new")
        self.assertFalse(await directory.accepts(changes, PASSWORD))
        self.assertTrue(await directory.accepts(changes, b"new"))

    async def test_what_is_remembered_is_what_the_operator_allows(self) -> None:
        slapd().change(person("known", mail="known@example.org"), "-a")
        directory = self.directory(remembered=Duration(300), cache=Duration(300))
        known = await self.found(directory, "known@example.org")
        self.assertTrue(await directory.accepts(known, PASSWORD))
        slapd().set_password(f"uid=known,{PEOPLE}", b"new")
        self.assertTrue(await directory.accepts(known, PASSWORD))
        self.assertFalse(await directory.accepts(Person("another", known.name), PASSWORD))
        self.assertFalse(await directory.bound(known, PASSWORD))
        slapd().change(f"dn: uid=known,{PEOPLE}\nchangetype: delete\n")
        self.assertIsNotNone(await directory.find("known@example.org"))
        self.assertIsNone(await self.directory().find("known@example.org"))

    async def test_an_empty_password_never_leaves(self) -> None:
        directory = self.directory()
        ann = await self.found(directory, "ann@example.org")
        before = slapd().log.count(" BIND ")
        self.assertFalse(await directory.accepts(ann, b""))
        self.assertFalse(await directory.bound(ann, b""))
        self.assertEqual(slapd().log.count(" BIND "), before)

    async def test_whoever_is_not_here_is_bound_too(self) -> None:
        directory = self.directory()
        for stranger in (Person("?nobody", STRANGER), Person("gone", "ann@example.org")):
            before = slapd().log.count(" BIND ")
            self.assertFalse(await directory.accepts(stranger, PASSWORD))
            self.assertGreater(slapd().log.count(" BIND "), before)

    async def test_a_person_made_elsewhere_is_looked_up(self) -> None:
        directory = self.directory()
        ann = await self.found(directory, "ann@example.org")
        self.assertTrue(await directory.accepts(Person(ann.account, ann.name), PASSWORD))

    async def test_a_dn_of_another_directory_means_nothing(self) -> None:
        """Whoever has a server of his own could name the entry of anybody here, whose code he knows."""
        directory = self.directory()
        ann = await self.found(directory, "ann@example.org")
        other = replace(
            await self.found(directory, "bob@example.org"), dn=ann.dn, account="x", directory="theirs"
        )
        self.assertFalse(await directory.bound(other, PASSWORD))
        self.assertEqual(dict(await directory.attributes(other, ("mail",))), {})

    async def test_attributes_are_read_of_people_who_are_here(self) -> None:
        directory = self.directory()
        ann = await self.found(directory, "ann@example.org")
        its = await directory.attributes(ann, ("MAIL", "description"))
        self.assertEqual(dict(its), {"mail": (b"Ann@Example.org",)})
        self.assertEqual(dict(await directory.attributes(Person("?x", "x"), ("mail",))), {})

    async def test_each_step_is_told_without_the_password(self) -> None:
        directory = self.directory()
        with self.hearing():
            await directory.accepts(await self.found(directory, "ann@example.org"), b"tell-nobody")
        told = "\n".join(self.steps)
        for words in ("TLS is spoken", "bound as cn=reader", "1 found", f"bind as uid=ann,{PEOPLE}: wrong"):
            self.assertIn(words, told)
        self.assertNotIn("tell-nobody", told + slapd().log)


@needs("slapd")
class SchemasTests(LdapCase):
    """Entries as they look in FreeIPA and Active Directory, in slapd."""

    def in_freeipa(self) -> LdapDirectory:
        return self.directory(
            schema="freeipa", base=f"cn=accounts,{IPA}", domains=Hostnames.parse("ipa.test")
        )

    def in_ad(self, **changed: Any) -> LdapDirectory:
        its: dict[str, Any] = {"schema": "ad", "base": AD, "group_filter": Filter.parse("(member={dn})")}
        return self.directory(**{**its, **changed})

    async def test_people_of_freeipa(self) -> None:
        directory = self.in_freeipa()
        ann = await self.found(directory, "ann@ipa.test")
        self.assertEqual((ann.account, ann.name), ("2f0c1a3e-0000-11ef-8000-525400123456", "ann@ipa.test"))
        self.assertEqual((ann.groups, ann.enabled), (("mail",), True))
        self.assertFalse((await self.found(directory, "gone@ipa.test")).enabled)
        self.assertTrue(await directory.accepts(ann, PASSWORD))

    async def test_people_of_active_directory(self) -> None:
        directory = self.in_ad()
        ann = await self.found(directory, "ann@corp.test")
        self.assertEqual((ann.account, ann.name), (str(GUID), "ann@corp.test"))
        self.assertEqual(ann.addresses, ("ann.smith@corp.test", "asmith@mail.corp.test"))
        self.assertEqual((ann.groups, ann.enabled), (("Mail",), True))
        self.assertFalse((await self.found(directory, "off@corp.test")).enabled)
        self.assertTrue(await directory.accepts(ann, PASSWORD))
        self.assertEqual(await directory.recipient("asmith@mail.corp.test"), ann)

    async def test_one_account_of_active_directory_through_its_spellings(self) -> None:
        directory = self.in_ad()
        ann = await self.found(directory, "ann@corp.test")
        windows = {"CORP": "corp.test"}
        for typed in (b"CORP\\ASmith", b"ANN@CORP.TEST", b"Ann.Smith@corp.test", b"asmith@mail.corp.test"):
            self.assertEqual(await directory.find(login_name(typed, "", windows)), ann, typed)
