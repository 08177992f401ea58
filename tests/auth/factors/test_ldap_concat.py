"""Password and code in one bind, against slapd with its overlay otp."""

from base64 import b32encode
from collections.abc import Sequence
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pyotp
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import AccountUnavailable, LoginUnavailable, Person
from mailtwist.auth.directories.ldap.directory import LdapDirectory
from mailtwist.auth.directories.ldap.template import Template
from mailtwist.auth.factors.api import Asked, SupportsBoth
from mailtwist.auth.factors.ldap_concat import STRANGERS, Attributes, LdapConcat, Settings, check, time_of
from mailtwist.config.login import LoginSettings
from mailtwist.config.values import Duration, File, Hostname, Hostnames
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import started
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.elsewhere import OTHER, PERSON
from mailtwist.testing.factor_elsewhere import BothContract
from tests.auth.directories.ldap.house import settings as ldap_settings
from tests.auth.directories.slapd import (
    AD,
    BASE,
    IPA,
    PEOPLE,
    READER_PASSWORD,
    Slapd,
    entry,
    entry_changed,
    person,
    until_the_end,
)
from tests.peers.programs import needs

PASSWORD = b"p@ss word"
SHA1 = "1.2.840.113549.2.7"

_numbers = count(1)


@cache
def slapd() -> Slapd:
    """One for these tests alone, who kill it, with forms of tokens."""
    made = until_the_end(Slapd("otp"))
    text = entry(
        f"cn=hotp,{BASE}",
        objectClass=("device", "oathHOTPParams"),
        cn="hotp",
        oathOTPLength="6",
        oathHMACAlgorithm=SHA1,
        oathHOTPLookAhead="20",
    )
    text += entry(
        f"cn=totp,{BASE}",
        objectClass=("device", "oathTOTPParams"),
        cn="totp",
        oathOTPLength="6",
        oathHMACAlgorithm=SHA1,
        oathTOTPTimeStepPeriod="30",
        oathTOTPTimeStepWindow="3",
    )
    made.change(text, "-a")
    return made


class Otto:
    """A new person with a token: of the time, or of a counter.  `noted`: slapd has noted when the password
    was changed, as it does when one is."""

    def __init__(self, kind: str = "HOTP", noted: bool = True) -> None:
        self.uid = f"otto{next(_numbers)}"
        self.key = f"the secret {self.uid:>9}".encode()
        self.name = f"{self.uid}@example.org"
        self.dn = f"uid={self.uid},{PEOPLE}"
        token = f"cn=token of {self.uid},{BASE}"
        form = {f"oath{kind}Params": f"cn={kind.lower()},{BASE}"}
        its = {
            "objectClass": ("device", f"oath{kind}Token"),
            "cn": f"token of {self.uid}",
            "oathSecret": self.key,
        }
        counter = {"oathHOTPCounter": "0"} if kind == "HOTP" else {}
        more: dict[str, Any] = {f"oath{kind}Token": token}
        text = entry(token, **its, **form, **counter)
        classes = ("inetOrgPerson", "user", f"oath{kind}User")
        text += person(self.uid, mail=self.name, objectClass=classes, userPassword=PASSWORD, **more)
        slapd().change(text, "-a")
        if noted:
            slapd().change(entry_changed(self.dn, "replace", pwdChangedTime="20260101000000Z"), "-e", "relax")
        self._counter = 0

    def code(self) -> str:
        """The next one of a counter."""
        self._counter += 1
        return pyotp.HOTP(b32encode(self.key).decode()).at(self._counter)

    def code_of_now(self) -> str:
        return pyotp.TOTP(b32encode(self.key).decode()).now()

    def changed(self, to: bytes) -> None:
        slapd().set_password(self.dn, to)


class ConcatCase(TestCase):
    directory: LdapDirectory
    factor: LdapConcat
    assembly: OnePart

    async def made(self, ldap: dict[str, Any] | None = None, **how: Any) -> LdapConcat:
        folder = Path(self.mktemp())
        folder.mkdir()
        login = LoginSettings(default_domain=Hostname("example.org"))
        parts: dict[str, dict[str, Any]] = {"directory": {}}
        self.assembly = OnePart(folder, clock=SystemClock(), login=login, name="both", parts=parts)
        self.addCleanup(self.assembly.stop)
        one = {"servers": ldap_settings().servers.parse(slapd().url), "roots": File(slapd().certificate.root)}
        its = ldap_settings(**{**one, **(ldap or {})})
        self.directory = parts["directory"]["people"] = LdapDirectory(its, self.assembly)
        self.addCleanup(self.directory.stop)
        self.factor = LdapConcat(Settings(**{"directory": "people", **how}), self.assembly)
        await self.assembly.start()
        return self.factor

    async def about(self, name: str) -> Asked:
        found = await self.directory.find(name)
        assert found is not None, name
        return Asked(found, address="192.0.2.7")


@needs("slapd")
class ContractTests(ConcatCase, BothContract):
    PASSWORD = PASSWORD

    def setUp(self) -> None:
        self.ottos = {PERSON: Otto(), OTHER: Otto()}
        self.found: dict[Person, Person] = {}

    async def make_factor(self) -> SupportsBoth:
        factor = await self.made()
        for who, otto in self.ottos.items():
            self.found[who] = (await self.about(otto.name)).person
        return factor

    def asked(self, person: Person = PERSON, seconds: float = 30.0) -> Asked:
        return super().asked(self.found.get(person, person), seconds)

    async def code(self, person: Person = PERSON) -> str:
        return self.ottos[person].code()

    async def change_password(self) -> float:
        self.ottos[PERSON].changed(b"another one")
        return SystemClock().now()

    async def disable(self) -> None:
        uid = self.ottos[PERSON].uid
        change = entry_changed(f"uid={uid},{PEOPLE}", "replace", nsAccountLock="TRUE")
        slapd().change(change)

    async def kill(self) -> None:
        slapd().kill()
        self.addCleanup(slapd().resume)

    async def silence(self) -> None:
        slapd().program.freeze()
        self.addCleanup(slapd().program.thaw)

    def questions(self) -> int:
        """Binds as people."""
        return slapd().log.count("method=128") - slapd().log.count('cn=reader,dc=example,dc=org" method=128')

    def secrets(self) -> tuple[str, ...]:
        return (READER_PASSWORD,)


@needs("slapd")
class OtpTests(ConcatCase):
    async def test_a_code_of_the_time_works_once_there_and_has_one_mark_here(self) -> None:
        factor = await self.made()
        otto = Otto("TOTP")
        asked = await self.about(otto.name)
        code = otto.code_of_now()
        self.assertIsNone(await factor.verify_both(asked, PASSWORD, "000000"))
        proof = await factor.verify_both(asked, PASSWORD, code)
        assert proof is not None
        self.assertEqual((proof.password, proof.kind, proof.lasts), (True, "ldap-concat", True))
        self.assertEqual(proof.token, factor.proof(asked, code).token)
        self.assertIsNone(await factor.verify_both(asked, PASSWORD, code))
        self.assertIs(await self.directory.bound(asked.person, PASSWORD), False)
        self.assertIs(await self.directory.bound(asked.person, code.encode()), False)

    async def test_parallel_connections_with_one_code_have_one_proof(self) -> None:
        """The second is refused there; the decision joins them before (single flight)."""
        factor = await self.made()
        otto = Otto()
        asked, code = await self.about(otto.name), otto.code()
        first = await factor.verify_both(asked, PASSWORD, code)
        second = await factor.verify_both(asked, PASSWORD, code)
        self.assertIsNotNone(first)
        self.assertIsNone(second)

    async def test_the_code_may_come_first(self) -> None:
        factor = await self.made(order="code password", taken_once=False)
        asked = await self.about("ann@example.org")
        slapd().set_password(f"uid=ann,{PEOPLE}", b"123456secret")
        self.assertIsNotNone(await factor.verify_both(asked, b"secret", "123456"))
        self.assertIsNone(await factor.verify_both(asked, b"123456", "secret"))

    async def test_a_password_that_ends_in_digits_is_no_second_factor(self) -> None:
        """Of somebody who has no token there.  A code would be wrong the second time."""
        factor = await self.made()
        slapd().change(person("cid", mail="cid@example.org", userPassword=b"summer202611"), "-a")
        asked = await self.about("cid@example.org")
        logged: list[LogEvent] = []
        globalLogPublisher.addObserver(logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, logged.append)
        self.assertIsNone(await factor.verify_both(asked, b"summer", "202611"))
        self.assertIn("ldap_concat.no_code", [one.get("event_id") for one in logged])
        allowed = await self.made(taken_once=False)
        self.assertIsNotNone(await allowed.verify_both(asked, b"summer", "202611"))

    async def test_a_string_divided_in_another_way_has_the_same_mark(self) -> None:
        """`abc@12345678` and `abc12@345678` are one string there, and one code here."""
        for order, first, second in (
            ("password code", (b"abc", "12345678"), (b"abc12", "345678")),
            ("code password", (b"abc", "12345678"), (b"78abc", "123456")),
        ):
            factor = await self.made(order=order, taken_once=False)
            slapd().set_password(f"uid=ann,{PEOPLE}", b"abc12345678" if order[0] == "p" else b"12345678abc")
            asked = await self.about("ann@example.org")
            marks = [await factor.verify_both(asked, *one) for one in (first, second)]
            self.assertEqual(len({one.token for one in marks if one}), 1)
            self.assertNotIn(None, marks)

    async def test_who_has_no_token_there_needs_the_string_for_a_password(self) -> None:
        factor = await self.made()
        slapd().set_password(f"uid=bob,{PEOPLE}", PASSWORD)
        self.assertIsNone(await factor.verify_both(await self.about("bob@example.org"), PASSWORD, "123456"))

    async def test_what_is_no_code_goes_nowhere(self) -> None:
        factor = await self.made()
        asked = await self.about("bob@example.org")
        before = slapd().log.count("BIND")
        for code in ("", "12345", "abcdef", "123456 ", "1234567"):
            self.assertIsNone(await factor.verify_both(asked, PASSWORD, code))
        self.assertIsNone(await factor.verify(asked, "123456"))
        self.assertEqual(slapd().log.count("BIND"), before)


@needs("slapd")
class RememberedTests(ConcatCase):
    async def test_a_string_from_before_the_change_is_known_no_longer(self) -> None:
        factor = await self.made()
        otto = Otto()
        asked, now = await self.about(otto.name), SystemClock().now()
        self.assertIs(await factor.still_right(asked, now + 5), True)
        otto.changed(b"new")
        self.assertIs(await factor.still_right(asked, now - 5), False)

    async def test_where_nobody_tells_when_no_string_lasts(self) -> None:
        factor = await self.made()
        otto = Otto(noted=False)
        asked, now = await self.about(otto.name), SystemClock().now()
        proof = await factor.verify_both(asked, PASSWORD, otto.code())
        assert proof is not None
        self.assertIs(proof.lasts, False)
        self.assertIs(await factor.still_right(asked, now), True)  # those who come together
        self.assertIs(await factor.still_right(asked, now - 60), False)

    async def test_with_none_nothing_is_read_and_no_string_lasts(self) -> None:
        factor = await self.made(changed=Attributes.parse("none"))
        otto = Otto()
        asked = await self.about(otto.name)
        before = slapd().log.count("pwdChangedTime")
        proof = await factor.verify_both(asked, PASSWORD, otto.code())
        assert proof is not None
        self.assertEqual((proof.lasts, slapd().log.count("pwdChangedTime")), (False, before))

    async def test_freeipa_and_windows_tell_in_their_own_way(self) -> None:
        """Neither is here: their trees are, with the attributes as they write them."""
        for base, dn, name, told in (
            (IPA, f"uid=ann,cn=users,cn=accounts,{IPA}", "ann@ipa.test", "krbLastPwdChange"),
            (AD, f"CN=Smith\\, Ann,CN=Users,{AD}", "ann@corp.test", "pwdLastSet"),
        ):
            factor = await self.made({"base": base, "schema": "freeipa" if base == IPA else "ad"})
            value = "20260102030405Z" if base == IPA else "134117966450000000"
            slapd().change(entry_changed(dn, "replace", **{told: value}))
            asked = await self.about(name)
            self.assertIs(await factor.still_right(asked, 1767323046), True)
            self.assertIs(await factor.still_right(asked, 1767323044), False)
            if base == AD:
                slapd().change(entry_changed(dn, "replace", pwdLastSet="0"))
                self.assertIs(await factor.still_right(asked, 4_000_000_000.0), False)

    async def test_another_account_of_that_name_is_nobody(self) -> None:
        factor = await self.made()
        otto = Otto()
        other = Asked(Person("another account", otto.name))
        self.assertIs(await factor.still_right(other, 4_000_000_000.0), False)
        self.assertIsNone(await factor.verify_both(other, PASSWORD, otto.code()))


class TimesTests(TestCase):
    def test_times_as_directories_write_them(self) -> None:
        for value, time in {
            b"20260102030405Z": 1767323046,
            b"20260102030405.123Z": 1767323046,
            b"202601020304Z": 1767323100,
            b"2026010203Z": 1767326400,
            b"20260102040405+0100": 1767323046,
            b"20260101220405-05": 1767323046,
            b"20251231235960Z": 1767225600,
            b"134117966450000000": 1767323045,
            b"0": float("inf"),
        }.items():
            self.assertEqual(time_of(value), time, value)

    def test_what_is_no_time_is_none(self) -> None:
        for value in (
            *(b"", b"Z", b"20260102030405", b"99999999999999Z", b"20261332000000Z", b"1" * 30, b"-1"),
            *(b"20260102030405z", b"20260102030405+9", b"00000101000000+0100", b"\xb2" * 14 + b"Z", b"never"),
        ):
            self.assertIsNone(time_of(value), value)


class SlowPeople:
    """A directory that refuses nobody soon."""

    def __init__(self) -> None:
        self.asked: list[Deferred[bool]] = []

    async def bound(self, person: Person, secret: bytes) -> bool:
        self.asked.append(Deferred())
        return await self.asked[-1]

    async def attributes(self, person: Person, names: Sequence[str]) -> dict[str, tuple[bytes, ...]]:
        return {}


class StrangersTests(TestCase):
    def test_strangers_leave_connections_for_others(self) -> None:
        people, clock = SlowPeople(), ManualClock()
        its = {"directory": {"people": people}}
        folder = Path(self.mktemp())
        folder.mkdir()
        assembly = OnePart(folder, clock=clock, name="both", parts=its)
        self.addCleanup(assembly.stop)
        factor = LdapConcat(Settings(directory="people"), assembly)
        tried = [
            started(factor.verify_both(Asked(Person("a", "a")), b"secret", f"{number:06}"))
            for number in range(STRANGERS + 2)
        ]
        self.assertEqual(len(people.asked), STRANGERS)
        people.asked[0].callback(False)
        self.assertIsNone(self.successResultOf(tried[0]))
        self.assertEqual(len(people.asked), STRANGERS + 1)
        clock.advance(10)
        self.failureResultOf(tried[-1], AccountUnavailable)
        for one in tried[1:-1]:
            self.failureResultOf(one, LoginUnavailable)
        again = started(factor.verify_both(Asked(Person("a", "a")), b"secret", "123456"))
        people.asked[-1].callback(False)
        self.assertIsNone(self.successResultOf(again))


class SettingsTests(ConcatCase):
    def test_attributes_as_operators_write_them(self) -> None:
        self.assertEqual(Attributes.parse("none"), ())
        self.assertEqual(str(Attributes.parse("a, b-c")), "a, b-c")
        for text in ("1a", "a b", "a, A", "*", "a(b"):
            self.assertRaises(ValueError, Attributes.parse, text)

    async def test_another_kind_of_directory_is_told(self) -> None:
        assembly = OnePart(Path("."), parts={"directory": {"people": object()}})
        self.addCleanup(assembly.stop)
        error = self.assertRaises(ValueError, LdapConcat, Settings(directory="people"), assembly)
        self.assertIn("type = ldap", str(error))


@needs("slapd")
class CheckTests(ConcatCase):
    async def test_what_cannot_be_read_is_told(self) -> None:
        await self.made()
        settings = Settings(directory="people", timeout=Duration(5))
        self.assertEqual(await check(settings, self.assembly), [])
        bound = {"user_dn": Template.parse(f"uid={{local}},{PEOPLE}"), "domains": Hostnames(("example.org",))}
        await self.made({**bound, "base": "", "bind_dn": "", "bind_password": None})
        ((name, words),) = await check(settings, self.assembly)
        self.assertEqual(name, "changed")
        self.assertIn("changed = none", words)
        none = Settings(directory="people", changed=Attributes())
        self.assertEqual(await check(none, self.assembly), [])
