"""Whole logins whose second factor a real server judges: FreeRADIUS, and slapd with its overlay otp."""

from pathlib import Path
from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Accepted, LoginRefused, LoginRequest, LoginUnavailable
from mailtwist.auth.decision import the_decision
from mailtwist.auth.directories.ldap.directory import LdapDirectory
from mailtwist.auth.factors.ldap_concat import LdapConcat
from mailtwist.auth.factors.ldap_concat import Settings as ConcatSettings
from mailtwist.auth.factors.radius.part import Settings as RadiusSettings
from mailtwist.auth.factors.radius.part import Word, build
from mailtwist.auth.factors.radius.servers import Places
from mailtwist.config.login import LoginSettings
from mailtwist.config.secret import Secret
from mailtwist.config.values import Duration, File
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import together
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.directory import MemoryDirectory
from tests.auth.directories.ldap.house import settings as ldap_settings
from tests.auth.factors.radius.freeradius import SECRET, FreeRadius, freeradius
from tests.auth.factors.test_ldap_concat import PASSWORD, Otto, slapd
from tests.auth.house import AWAY, HOME, memory
from tests.peers.programs import needs


class DecidedCase(TestCase):
    """A decision over `directory` and `factor`, which tests make."""

    def assemble(self) -> OnePart:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.parts: dict[str, dict[str, Any]] = {"directory": {}, "factor": {}, "state": {}}
        self.assembly = OnePart(folder, clock=SystemClock(), login=LoginSettings(), parts=self.parts)
        self.addCleanup(self.assembly.stop)
        self.parts["state"]["shared"] = memory(self.assembly)
        return self.assembly

    async def begin(self, directory: Any, factor: Any) -> None:
        self.parts["directory"]["people"] = directory
        self.parts["factor"]["it"] = factor
        self.decision = self.assembly.one(the_decision)
        await self.assembly.start()

    async def login(self, user: str, secret: bytes, address: str = HOME) -> Accepted:
        request = LoginRequest("imap", user.encode(), secret, address, tls=True)
        accepted = await self.decision.decide(request)
        assert isinstance(accepted, Accepted)
        return accepted

    async def refused(self, user: str, secret: bytes, address: str = HOME) -> str:
        with self.assertRaises(LoginRefused) as caught:
            await self.login(user, secret, address)
        return caught.exception.reason


@needs("freeradius")
class RadiusTests(DecidedCase):
    async def begun(self, port: int = 0, **how: Any) -> None:
        assembly = self.assemble()
        self.directory = MemoryDirectory()
        for name in ("ann@example.org", "push@example.org"):
            self.directory.add(name, PASSWORD, f"account of {name}")
        settings = RadiusSettings(
            servers=Places.parse(f"127.0.0.1:{port or freeradius().port}"), secret=Secret(SECRET), **how
        )
        factor = build(settings, assembly)
        self.addCleanup(factor.stop)
        await self.begin(self.directory, factor)

    async def test_a_code_gets_in_once_and_its_string_is_remembered(self) -> None:
        await self.begun()
        string = PASSWORD + b"@271828"
        at_once = await together(*(self.login("ann@example.org", string) for _ in range(5)))
        self.assertEqual({accepted.password for accepted in at_once}, {PASSWORD})
        self.assertNotEqual(at_once[0].device, "")
        self.assertEqual((await self.login("ann@example.org", string)).device, at_once[0].device)
        await self.refused("ann@example.org", string, AWAY)

    async def test_who_has_the_password_alone_gets_no_further_than_the_code(self) -> None:
        await self.begun()
        self.assertEqual(await self.refused("ann@example.org", PASSWORD + b"@000000"), "wrong-code")
        self.assertEqual(await self.refused("ann@example.org", b"wrong@271828"), "wrong-password")

    async def test_a_server_that_is_gone_is_nobodys_wrong_code(self) -> None:
        one = FreeRadius()
        self.addCleanup(one.stop)
        one.start()
        await self.begun(one.port)
        string = PASSWORD + b"@271828"
        await self.login("ann@example.org", string)
        one.program.kill()
        with self.assertRaises(LoginUnavailable):
            await self.login("push@example.org", PASSWORD + b"@271828")
        await self.login("ann@example.org", string)

    async def test_a_password_alone_is_asked_about_on_the_phone(self) -> None:
        await self.begun(push=Word("push"), push_timeout=Duration(2))
        self.assertEqual((await self.login("push@example.org", PASSWORD)).password, PASSWORD)
        asked = freeradius().program.said.count("ann@example.org")
        await self.refused("ann@example.org", b"wrong")
        self.assertEqual(freeradius().program.said.count("ann@example.org"), asked)


@needs("slapd")
class ConcatTests(DecidedCase):
    async def begun(self) -> None:
        assembly = self.assemble()
        one = {"servers": ldap_settings().servers.parse(slapd().url), "roots": File(slapd().certificate.root)}
        directory = LdapDirectory(ldap_settings(**one), assembly)
        self.addCleanup(directory.stop)
        self.parts["directory"]["people"] = directory
        await self.begin(directory, LdapConcat(ConcatSettings(directory="people"), assembly))

    def binds(self, otto: Otto) -> int:
        return slapd().log.count(f'BIND dn="{otto.dn}" method=128')

    async def test_one_bind_and_another_that_fails_and_what_is_saved_goes_on_until_the_password_changes(
        self,
    ) -> None:
        await self.begun()
        otto = Otto()
        string = PASSWORD + b"@" + otto.code().encode()
        at_once = await together(*(self.login(otto.name, string) for _ in range(5)))
        self.assertEqual({accepted.password for accepted in at_once}, {PASSWORD})
        self.assertNotEqual(at_once[0].device, "")
        await self.login(otto.name, string)
        self.assertEqual(self.binds(otto), 2)
        otto.changed(b"another one")
        await self.refused(otto.name, string)
        fresh = b"another one@" + otto.code().encode()
        await self.login(otto.name, fresh)
        self.assertEqual(self.binds(otto), 4)

    async def test_half_of_it_is_not_tried_there(self) -> None:
        await self.begun()
        otto = Otto()
        await self.refused(otto.name, PASSWORD)
        self.assertEqual(self.binds(otto), 0)

    async def test_where_nobody_tells_of_changes_each_login_needs_a_code(self) -> None:
        await self.begun()
        otto = Otto(noted=False)
        string = PASSWORD + b"@" + otto.code().encode()
        self.assertEqual((await self.login(otto.name, string)).device, "")
        await self.refused(otto.name, string, AWAY)
        again = PASSWORD + b"@" + otto.code().encode()
        self.assertEqual((await self.login(otto.name, again, AWAY)).device, "")
