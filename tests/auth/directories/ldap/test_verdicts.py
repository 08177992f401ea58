"""What servers say: Active Directory's reasons, codes of trouble, and octets that mean nothing."""

from collections.abc import Sequence
from threading import current_thread, main_thread
from types import SimpleNamespace
from typing import Any

from twisted.internet import reactor

from mailtwist.auth.api import AccountUnavailable, LoginUnavailable, Person
from mailtwist.auth.directories.ldap import connection, messages
from mailtwist.auth.directories.ldap.directory import LdapDirectory
from mailtwist.auth.directories.ldap.filters import tlv
from mailtwist.auth.directories.ldap.messages import LARGEST
from mailtwist.auth.directories.ldap.url import Urls
from mailtwist.config.values import Duration, Names
from mailtwist.kit.spawn import started
from tests.auth.directories.ldap.fake import BIND, EXTENDED, SEARCH, Asked, FakeLdap, entry, message, result
from tests.auth.directories.ldap.house import LdapCase

ANN = "CN=Ann,OU=People,DC=corp,DC=test"
NAME = "ann@corp.test"
NAMED = Names(("userPrincipalName",))
NESTED = b"1.2.840.113556.1.4.1941"
AD_WORDS = "80090308: LdapErr: DSID-0C090447, comment: AcceptSecurityContext error, data {}, v4563"
PERSON = {
    "objectGUID": [bytes(range(16))],
    "userPrincipalName": [NAME],
    "sAMAccountName": ["ann"],
    "memberOf": ["CN=Direct,DC=corp,DC=test"],
}


class FakeCase(LdapCase):
    """A server whose people are Ann, who is in a group in a group; a bind as her is answered by `bind`."""

    def setUp(self) -> None:
        super().setUp()
        self.bind: Sequence[bytes] | None = [result(BIND, 0)]
        self.search: Sequence[bytes] | None = [entry(ANN, **PERSON), result(SEARCH, 0)]
        self.fake = FakeLdap(self.says)
        self.servers = [self.listening(self.fake)]

    def listening(self, fake: FakeLdap) -> str:
        port: Any = reactor.listenTCP(0, fake, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        return f"ldap://127.0.0.1:{port.getHost().port}"

    def says(self, asked: Asked) -> Sequence[bytes] | None:
        if asked.kind == BIND:
            return self.bind if b"CN=Ann" in asked.octets or b"cn=" in asked.octets else [result(BIND, 0)]
        if asked.kind == SEARCH and NESTED in asked.octets:
            groups = ("CN=Direct,DC=corp,DC=test", "CN=Mail,DC=corp,DC=test")
            return [*(entry(group) for group in groups), result(SEARCH, 0)]
        return self.search

    def made(self, **changed: Any) -> LdapDirectory:
        its: dict[str, Any] = {
            "servers": Urls.parse(",".join(self.servers)),
            "starttls": False,
            "roots": None,
        }
        its.update(schema="ad", base="DC=corp,DC=test", bind_dn="", bind_password=None, timeout=Duration(5))
        return self.directory(**{**its, **changed})

    async def trouble(self, directory: LdapDirectory) -> str:
        with self.assertRaises(LoginUnavailable) as raised:
            await directory.accepts(await self.found(directory, NAME), b"secret")
        return raised.exception.reason


class VerdictTests(FakeCase):
    async def test_active_directory_says_why_and_the_log_tells(self) -> None:
        reasons = {
            "530": "not-at-this-hour",
            "531": "not-from-this-computer",
            "532": "password-expired",
            "533": "disabled",
            "701": "account-expired",
            "773": "must-change",
            "775": "account-locked",
        }
        directory = self.made()
        ann = await self.found(directory, NAME)
        for data, reason in reasons.items():
            self.bind = [result(BIND, 49, AD_WORDS.format(data))]
            self.assertIs(await directory.accepts(ann, b"secret"), False)
            self.assertEqual(self.told("ldap.refused")[-1]["reason"], reason)

    async def test_a_wrong_password_is_no_news(self) -> None:
        directory = self.made()
        ann = await self.found(directory, NAME)
        wrong = [result(BIND, 49, AD_WORDS.format("52e")), result(BIND, 49, AD_WORDS.format("525"))]
        for said in (
            *wrong,
            result(BIND, 49),
            result(BIND, 49, "data ffffffff"),
            result(BIND, 32),
            result(BIND, 48),
        ):
            self.bind = [said]
            self.assertIs(await directory.accepts(ann, b"secret"), False)
        self.assertEqual(self.told("ldap.refused"), [])

    async def test_a_server_that_lets_everybody_in_lets_nobody_in_who_is_not_here(self) -> None:
        directory = self.made()
        for stranger in (Person("?somebody", NAME), Person("somebody-else", NAME)):
            self.assertIs(await directory.accepts(stranger, b"secret"), False)
        self.assertEqual([one.kind for one in self.fake.asked].count(BIND), 2)

    async def test_389_directory_server_has_words_of_its_own(self) -> None:
        directory = self.made()
        ann = await self.found(directory, NAME)
        inactive = result(BIND, 53, "Account inactivated. Contact system administrator.")
        locked = result(BIND, 19, "Exceed password retry limit. Please try later.")
        for said, reason in ((inactive, "disabled"), (locked, "account-locked")):
            self.bind = [said]
            self.assertIs(await directory.accepts(ann, b"secret"), False)
            self.assertEqual(self.told("ldap.refused")[-1]["reason"], reason)

    async def test_every_other_code_is_trouble(self) -> None:
        for code in (1, 2, 3, 7, 8, 10, 11, 12, 13, 14, 34, 50, 51, 52, 53, 54, 71, 80, 118):
            self.bind = [result(BIND, code, "words of the server")]
            reason = await self.trouble(self.made())
            self.assertIn(f"({code}): words of the server", reason)

    async def test_what_is_wrong_with_one_person_is_no_trouble_of_the_server(self) -> None:
        """Or an account whose entry a server chokes on would keep everybody out."""
        directory = self.made()
        ann = await self.found(directory, NAME)
        for code in (1, 53, 80):
            self.bind = [result(BIND, code)]
            with self.assertRaises(AccountUnavailable):
                await directory.accepts(ann, b"secret")
        self.bind = [result(BIND, 0)]
        self.assertTrue(await directory.accepts(ann, b"secret"))
        self.assertEqual(self.told("ldap.down"), [])

    async def test_a_server_that_is_busy_is_left_alone(self) -> None:
        for code in (51, 52):
            directory = self.made()
            ann = await self.found(directory, NAME)
            self.bind = [result(BIND, code)]
            for _ in range(2):
                with self.assertRaises(LoginUnavailable) as raised:
                    await directory.accepts(ann, b"secret")
                self.assertNotIsInstance(raised.exception, AccountUnavailable)
            self.assertIn("is left alone", raised.exception.reason)
        self.assertEqual(len(self.told("ldap.down")), 2)

    async def test_a_search_that_has_not_succeeded_finds_not_nobody(self) -> None:
        for code in (1, 3, 4, 10, 11, 32, 50, 51, 52, 53):
            self.search = [result(SEARCH, code)]
            directory = self.made()
            with self.assertRaises(LoginUnavailable, msg=code):
                await directory.find(NAME)

    async def test_referrals_are_not_followed(self) -> None:
        elsewhere = "ldap://192.0.2.1/DC=corp,DC=test"
        reference = tlv(0x73, tlv(4, elsewhere.encode()))
        self.search = [reference, entry(ANN, **PERSON), reference, result(SEARCH, 0)]
        directory = self.made()
        ann = await self.found(directory, NAME)
        self.bind = [result(BIND, 10, refers=elsewhere)]
        with self.assertRaises(LoginUnavailable) as raised:
            await directory.accepts(ann, b"secret")
        self.assertIn("refers to another server", raised.exception.reason)

    async def test_groups_in_groups_count(self) -> None:
        self.assertEqual((await self.found(self.made(), NAME)).groups, ("Direct", "Mail"))
        await self.found(self.made(require_group="CN=Mail,DC=corp,DC=test"), NAME)
        self.assertIsNone(await self.made(require_group="Others").find(NAME))

    async def test_a_guid_is_written_as_microsoft_does(self) -> None:
        ann = await self.found(self.made(), NAME)
        self.assertEqual(ann.account, "03020100-0504-0706-0809-0a0b0c0d0e0f")

    async def test_starttls_that_is_refused_is_trouble(self) -> None:
        self.fake.says = lambda asked: [result(EXTENDED, 2, "no TLS here")]
        with self.assertRaises(LoginUnavailable) as raised:
            await self.made(starttls=True).find(NAME)
        self.assertIn(
            "the server refuses StartTLS (protocol error (2): no TLS here)", raised.exception.reason
        )
        self.assertEqual([one.kind for one in self.fake.asked], [EXTENDED])

    async def test_octets_in_clear_behind_starttls_are_not_believed(self) -> None:
        self.fake.says = lambda asked: [result(EXTENDED, 0), result(BIND, 0)]
        with self.assertRaises(LoginUnavailable) as raised:
            await self.made(starttls=True).find(NAME)
        self.assertIn("octets in clear", raised.exception.reason)


class GarbageTests(FakeCase):
    async def test_what_is_no_answer_is_trouble(self) -> None:
        half = message(1, result(BIND, 0))[:-3]
        garbage = {
            b"HTTP/1.1 400 Bad Request\r\n\r\n": "does not speak LDAP",
            b"\x30\x80": "honest length",
            b"\x30\x84\x7f\xff\xff\xff": str(LARGEST),
            b"\x30\x03abc": "cannot be understood",
            message(99, result(BIND, 0)): "another question",
            message(1, result(SEARCH, 0)): "another question",
            message(1, entry(ANN)): "another question",
            message(1, b"\x61\x00"): "cannot be understood",
            b"\x00" * 100: "does not speak LDAP",
            half: "in time",
        }
        ann = await self.found(self.made(), NAME)
        for octets, words in garbage.items():
            self.fake.raw = octets
            directory = self.made(timeout=Duration(0.2))
            with self.assertRaises(LoginUnavailable, msg=octets) as raised:
                await directory.accepts(ann, b"secret")
            self.assertIn(words, raised.exception.reason, octets)

    async def test_an_answer_that_came_before_its_question_is_none(self) -> None:
        """The numbers of questions are no secret."""
        directory = self.made()
        ann = await self.found(directory, NAME)
        self.fake.raw = message(1, result(BIND, 49)) + message(2, result(BIND, 0))
        self.assertFalse(await directory.accepts(ann, b"secret"))
        self.fake.raw, self.bind = None, [result(BIND, 49)]
        self.assertFalse(await directory.accepts(ann, b"secret"))
        self.assertEqual(self.told("ldap.down"), [])

    async def test_a_right_answer_that_comes_in_pieces_is_one(self) -> None:
        directory = self.made()
        ann = await self.found(directory, NAME)
        pieces = [bytes([octet]) for octet in message(1, result(BIND, 0))]
        self.fake.raw = b"".join(pieces)
        self.assertTrue(await directory.accepts(ann, b"secret"))

    async def test_an_answer_without_an_end_has_one(self) -> None:
        reference = tlv(0x73, tlv(4, b"ldap://192.0.2.1/"))
        long_one = tlv(0x73, tlv(4, b"ldap://" + b"x" * 900_000))
        too_many = "more answers than were asked for"
        for words, answer in (("octets", long_one), (too_many, reference), (too_many, entry(ANN))):
            self.search = [answer] * 200
            with self.assertRaises(LoginUnavailable) as raised:
                await self.made().find(NAME)
            self.assertIn(words, raised.exception.reason)

    async def test_a_person_with_many_groups_is_read_whole(self) -> None:
        groups = [f"CN=Group {number},OU=Groups,DC=corp,DC=test" for number in range(500)]
        self.search = [entry(ANN, **{**PERSON, "memberOf": groups}), result(SEARCH, 0)]
        its = {"login_attribute": Names(("userPrincipalName",))}
        directory = self.made(schema="openldap", id_attribute=Names(("objectGUID",)), **its)
        self.assertEqual(len((await self.found(directory, NAME)).groups), 500)

    async def test_small_answers_with_many_parts_are_taken_apart_in_a_thread(self) -> None:
        """Each part needs some microseconds: the reactor would wait for all."""
        where: list[bool] = []

        def read_all(several: Sequence[bytes]) -> Any:
            where.append(current_thread() is main_thread())
            return messages.read_all(several)

        self.patch(connection, "messages", SimpleNamespace(**{**vars(messages), "read_all": read_all}))
        groups = ["CN=a"] * 200
        self.search = [entry(ANN, **{**PERSON, "memberOf": groups}), result(SEARCH, 0)]
        await self.found(
            self.made(schema="openldap", id_attribute=Names(("objectGUID",)), login_attribute=NAMED), NAME
        )
        self.assertIn(False, where)
        self.search = [entry(ANN, **PERSON), result(SEARCH, 0)]
        where.clear()
        await self.found(self.made(), NAME)
        self.assertEqual(set(where), {True})

    async def test_answers_without_an_end_have_one(self) -> None:
        self.search = [tlv(0x73, tlv(4, b"ldap://a"))] * 5000
        with self.assertRaises(LoginUnavailable) as raised:
            await self.made().find(NAME)
        self.assertIn("more answers than", raised.exception.reason)

    async def test_who_hangs_after_the_bind_is_waited_for_no_longer_than_said(self) -> None:
        directory = self.made(timeout=Duration(0.2))
        ann = await self.found(directory, NAME)
        self.bind = None
        with self.assertRaises(LoginUnavailable) as raised:
            await directory.accepts(ann, b"secret")
        self.assertIn("no answer in time", raised.exception.reason)

    async def test_a_slow_bind_of_one_person_is_no_trouble_of_the_others(self) -> None:
        """Whoever knows his name could keep all others out."""
        directory = self.made(timeout=Duration(0.3))
        ann = await self.found(directory, NAME)
        self.bind = None
        waiting = started(directory.accepts(ann, b"secret"))
        while BIND not in [one.kind for one in self.fake.asked]:
            await self.found(directory, NAME)
        await self.found(directory, NAME)
        with self.assertRaises(AccountUnavailable):
            await waiting
        self.assertEqual(self.told("ldap.down"), [])
        await self.found(directory, NAME)

    async def test_who_hangs_up_is_not_asked_for_ever(self) -> None:
        directory = self.made()
        ann = await self.found(directory, NAME)
        self.fake.raw, self.fake.hangs_up = b"", True
        with self.assertRaises(LoginUnavailable) as raised:
            await directory.accepts(ann, b"secret")
        self.assertIn("hung up", raised.exception.reason)
        self.assertEqual(self.fake.connections, 2)

    async def test_who_says_good_bye_is_believed(self) -> None:
        """The notice of disconnection has the number 0 (rfc4511#4.4.1)."""
        directory = self.made()
        ann = await self.found(directory, NAME)
        self.fake.raw = message(0, result(EXTENDED, 52, "shutting down"))
        with self.assertRaises(LoginUnavailable) as raised:
            await directory.accepts(ann, b"secret")
        self.assertIn("shutting down", raised.exception.reason)

    async def test_trouble_of_one_server_is_the_next_ones_question(self) -> None:
        other = FakeLdap(self.says)
        self.servers.insert(0, self.listening(other))
        self.servers.reverse()
        directory = self.made()
        ann = await self.found(directory, NAME)
        self.fake.raw = message(1, result(BIND, 51, "busy"))
        self.assertTrue(await directory.accepts(ann, b"secret"))
        self.assertIn(BIND, [one.kind for one in other.asked])

    async def test_passwords_are_in_no_trouble(self) -> None:
        self.bind = [result(BIND, 80, "words")]
        with self.hearing():
            reason = await self.trouble(self.made())
        told = f"{reason} {self.steps} {self.events}"
        self.assertNotIn("secret", told)

    async def test_a_question_that_is_called_off_is_answered_to_nobody(self) -> None:
        directory = self.made()
        ann = await self.found(directory, NAME)
        self.bind = None
        asking = started(directory.accepts(ann, b"secret"))
        while BIND not in [one.kind for one in self.fake.asked]:
            await self.found(directory, NAME)
        asking.cancel()
        asking.addErrback(lambda failure: None)
        self.bind = [result(BIND, 49)]
        self.assertFalse(await directory.accepts(Person(ann.account, NAME), b"secret"))
