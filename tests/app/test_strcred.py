"""`--auth mailtwist:x.ini` for any Twisted application."""

import json
import time
from pathlib import Path
from typing import Any

import pyotp
from twisted.cred import strcred
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.python.usage import Options, UsageError
from zope.interface import Interface, implementer

from mailtwist.app.cli.otp import command as otp_command
from mailtwist.app.cli.otp import work as otp_work
from mailtwist.app.cli.user import command as user_command
from mailtwist.app.cli.user import work as user_work
from mailtwist.auth.api import LoginUnavailable
from mailtwist.kit.spawn import together
from tests.app.cli.inside import InsideCase


class IThing(Interface):
    pass


@implementer(IRealm)
class Realm:
    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        return IThing, f"avatar of {avatarId.name}", lambda: None


class SomeOptions(Options, strcred.AuthOptionMixin):
    """Those of any application that takes `--auth`."""

    supportedInterfaces = (IUsernamePassword,)


class StrcredTests(InsideCase):
    async def begin(self) -> Portal:
        await self.said(user_command, user_work, "add", "ann", "--password-stdin", stdin=b"secret")
        _, told, _ = await self.said(otp_command, otp_work, "enroll", "ann", "--json")
        self.totp = pyotp.TOTP(json.loads(told)["secret"])
        await self.said(otp_command, otp_work, "confirm", "ann", self.totp.at(int(time.time()) - 30))
        return Portal(Realm(), [self.checker()])

    def checker(self) -> Any:
        options = SomeOptions()
        options.parseOptions(["--auth", f"mailtwist:{self.path}"])
        (checker,) = options["credCheckers"]
        self.addCleanup(checker.stop)
        return checker

    def credentials(self, secret: str) -> UsernamePassword:
        return UsernamePassword(b"ann", secret.encode())

    async def test_twisted_finds_the_word(self) -> None:
        checker = self.checker()
        self.assertTrue(ICredentialsChecker.providedBy(checker))
        self.assertIn("mailtwist", {factory.authType for factory in strcred.findCheckerFactories()})

    async def test_a_login_needs_its_code(self) -> None:
        portal = await self.begin()
        right = f"secret@{self.totp.at(int(time.time()))}"
        _, avatar, _ = await portal.login(self.credentials(right), None, IThing)
        self.assertEqual(avatar, "avatar of ann@example.org")
        for wrong in ("secret", "secret@000000", right, "x@" + right[-6:]):
            with self.assertRaises(UnauthorizedLogin):
                await portal.login(self.credentials(wrong), None, IThing)

    async def test_logins_that_come_at_once_begin_it_once(self) -> None:
        portal = await self.begin()
        checker = portal.checkers[IUsernamePassword]
        right = f"secret@{self.totp.at(int(time.time()))}"
        attempts = [right, "wrong@000000", "wrong@111111"]
        answers = await together(*(self.answer(portal, attempt) for attempt in attempts))
        self.assertEqual(answers, [True, False, False])
        begun = checker._begun
        await self.answer(portal, "secret")
        self.assertIs(checker._begun, begun)

    async def answer(self, portal: Portal, secret: str) -> bool:
        try:
            await portal.login(self.credentials(secret), None, IThing)
        except UnauthorizedLogin:
            return False
        return True

    async def test_after_an_end_it_begins_anew(self) -> None:
        portal = await self.begin()
        await self.answer(portal, "secret")
        await portal.checkers[IUsernamePassword].stop()
        self.assertTrue(await self.answer(portal, f"secret@{self.totp.at(int(time.time()))}"))

    async def test_what_cannot_begin_is_temporary_and_told(self) -> None:
        portal = await self.begin()
        state = self.folder / "state"
        (state / "keys").rename(state / "lost")
        for _ in range(2):
            with self.assertRaises(LoginUnavailable):
                await portal.login(self.credentials("secret"), None, IThing)
        self.assertEqual(len(self.flushLoggedErrors()), 0)
        (state / "lost").rename(state / "keys")
        self.assertTrue(await self.answer(portal, f"secret@{self.totp.at(int(time.time()))}"))

    async def test_a_config_that_is_wrong_is_told_at_once(self) -> None:
        for ini, words in (
            ("[servr]\n", '[servr] there is no such section; did you mean "server"?'),
            ("[directory:people]\ntype = cred\nchecker = mailtwist:x.ini\n", "cannot be its own directory"),
        ):
            path = Path(self.mktemp())
            path.write_text(ini)
            with self.assertRaises(UsageError) as refused:
                SomeOptions().parseOptions(["--auth", f"mailtwist:{path}"])
            self.assertIn(words.split(";")[0], str(refused.exception))
        with self.assertRaises(UsageError):
            SomeOptions().parseOptions(["--auth", "mailtwist:/nonexistent.ini"])
