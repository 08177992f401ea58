"""Gives every Twisted application the word `--auth mailtwist:/etc/mailtwist.ini`."""

from typing import Any

from twisted.cred.credentials import IUsernamePassword
from twisted.cred.strcred import ICheckerFactory, InvalidAuthArgumentString
from twisted.plugin import IPlugin
from zope.interface import implementer


@implementer(ICheckerFactory, IPlugin)
class MailtwistCheckerFactory:
    """Makes checkers from ini files."""

    authType = "mailtwist"
    argStringFormat = "/path/to/mailtwist.ini"
    credentialInterfaces = (IUsernamePassword,)
    authHelp = """
    Logins are decided by mailtwist, with a second factor: the password is followed by "@" and a code. The
    directories, factors and state are those of the ini file.
    """

    def generateChecker(self, argstring: str) -> Any:
        # Only now: Twisted looks at this file whenever it looks for plugins.
        from mailtwist.app.assemble import CannotAssemble
        from mailtwist.app.strcred import checker_from
        from mailtwist.config.problems import BadConfig

        try:
            return checker_from(argstring)
        except (BadConfig, CannotAssemble) as error:
            raise InvalidAuthArgumentString(str(error)) from None


factory = MailtwistCheckerFactory()
