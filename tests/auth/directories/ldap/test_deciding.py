"""The whole decision with people in LDAP: codes are wanted and stay here, an account has one budget."""

from itertools import cycle
from typing import Any

import pyotp

from mailtwist.auth.api import LoginRefused, LoginRequest, LoginUnavailable, TooManyAttempts
from mailtwist.auth.decision import Decision, the_decision
from mailtwist.auth.directories.ldap.directory import LdapDirectory
from mailtwist.auth.factors.totp import Settings as TotpSettings
from mailtwist.auth.factors.totp import Totp
from mailtwist.config.domain import DomainSettings, Netbios
from mailtwist.config.login import LoginSettings
from mailtwist.config.values import Duration, Hostname
from mailtwist.kit.clock import SystemClock
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.directory import NAME, PASSWORD
from tests.auth.directories.ldap.fake import BIND, result
from tests.auth.directories.ldap.house import LdapCase, settings
from tests.auth.directories.ldap.test_verdicts import FakeCase
from tests.auth.directories.slapd import Slapd
from tests.auth.house import memory
from tests.peers.programs import needs

SPELLINGS = (b"ann@example.org", b"ANN", b"EXAMPLE\\Ann", b"a.smith@example.org", b"Ann@Example.ORG")


class Deciding(LdapCase):
    """`directory` judges passwords, and Ann has a token."""

    async def begin(self, directory: LdapDirectory, assembly: OnePart) -> Decision:
        self.state: dict[str, Any] = {}
        login = LoginSettings(
            default_domain=Hostname("example.org"), refusal=Duration(0), quantum=Duration(0.05)
        )
        self.totp_parts: dict[str, Any] = {}
        parts = {"directory": {"people": directory}, "factor": self.totp_parts, "state": self.state}
        named = {DomainSettings: {"example.org": DomainSettings(netbios=Netbios("EXAMPLE"))}}
        house = OnePart(assembly.folder, clock=SystemClock(), login=login, parts=parts, named=named)
        self.addCleanup(house.stop)
        self.state["shared"] = memory(house)
        totp = self.totp_parts["totp"] = Totp(TotpSettings(), house)
        decision = house.one(the_decision)
        await house.start()
        person = await self.found(directory, self.login_name)
        enrolment = await totp.enroll(person.account, person.name)
        self.codes = pyotp.TOTP(enrolment.secret)
        self.clock = house.clock
        assert await totp.confirm(person.account, self.code(-1))
        return decision

    login_name = NAME

    def code(self, steps: int = 0) -> str:
        return self.codes.at(int(self.clock.now()) + 30 * steps)

    def request(self, user: bytes, secret: bytes) -> LoginRequest:
        return LoginRequest("imap", user, secret, "192.0.2.7", tls=True)


@needs("slapd")
class DecidingTests(Deciding):
    async def made(self, **changed: Any) -> Decision:
        assembly = self.assembly()
        directory = LdapDirectory(settings(**changed), assembly)
        assembly.made.append(directory)
        return await self.begin(directory, assembly)

    async def test_a_password_alone_is_not_enough_and_with_a_code_it_is(self) -> None:
        decision = await self.made()
        with self.assertRaises(LoginRefused):
            await decision.decide(self.request(b"ann", PASSWORD))
        with self.assertRaises(LoginRefused):
            await decision.decide(self.request(b"ann", b"wrong@" + self.code().encode()))
        accepted = await decision.decide(self.request(b"ann", PASSWORD + b"@" + self.code(1).encode()))
        self.assertEqual((accepted.name, accepted.password), (NAME, PASSWORD))

    async def test_what_one_spelling_has_saved_works_for_all(self) -> None:
        decision = await self.made()
        secret = PASSWORD + b"@" + self.code().encode()
        accepted = [await decision.decide(self.request(typed, secret)) for typed in SPELLINGS]
        self.assertEqual({one.account for one in accepted}, {accepted[0].account})
        self.assertEqual({one.name for one in accepted}, {NAME})
        self.assertEqual({one.device for one in accepted}, {accepted[0].device})

    async def test_all_spellings_have_one_budget(self) -> None:
        decision = await self.made()
        said: list[type[BaseException]] = []
        for number, typed in zip(range(12), cycle(SPELLINGS), strict=False):
            with self.assertRaises((LoginRefused, TooManyAttempts)) as raised:
                await decision.decide(self.request(typed, PASSWORD + f"@{number:06}".encode()))
            said.append(type(raised.exception))
        self.assertEqual(said, [LoginRefused] * 6 + [TooManyAttempts] * 6)

    async def test_while_the_server_is_away_nobody_hears_that_a_password_is_wrong(self) -> None:
        away = Slapd("away")
        self.addCleanup(away.stop)
        away.start()
        decision = await self.made(servers=settings().servers.parse(away.url))
        away.kill()
        for secret in (PASSWORD, PASSWORD + b"@" + self.code().encode(), b"wrong"):
            with self.assertRaises(LoginUnavailable):
                await decision.decide(self.request(b"ann", secret))


class CodesStayHereTests(FakeCase, Deciding):
    login_name = "ann@corp.test"

    async def test_a_code_is_in_no_octet_that_is_sent(self) -> None:
        assembly = self.assembly()
        directory = self.made(starttls=False)
        decision = await self.begin(directory, assembly)
        code = self.code().encode()
        await decision.decide(self.request(b"ann@corp.test", b"secret-word@" + code))
        self.bind = [result(BIND, 49)]
        wrong = b"another-word@" + self.code(1).encode()
        with self.assertRaises(LoginRefused):
            await decision.decide(self.request(b"ann@corp.test", wrong))
        sent = b"".join(one.octets for one in self.fake.asked)
        self.assertIn(b"secret-word", sent)
        self.assertIn(b"another-word", sent)
        for octets in (b"@" + code, code, self.code(1).encode()):
            self.assertNotIn(octets, sent)
