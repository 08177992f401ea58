"""Access tokens from a program of the operator's: it reads a login name and writes a token."""

import subprocess
from dataclasses import dataclass

from mailtwist.auth.api import AccountUnavailable
from mailtwist.config.part import Assembly, Part
from mailtwist.config.places import File
from mailtwist.config.settings import setting
from mailtwist.gateway.api import SourceAway

NOBODYS = 3
"""The exit status for somebody who has no token."""


@dataclass(frozen=True)
class Settings:
    """Access tokens from a program."""

    program: File = setting(
        words="It reads a login name and writes an access token; status 3: there is none for this name.",
        example="/usr/local/bin/access-token",
    )


class TokenProgram:
    """`gateway.api.TokenSource`.  The program is asked each time."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._program = settings.program
        self._threads = assembly.threads

    async def access_token(self, account: str, name: str, *, refused: str = "") -> str:
        try:
            done = await self._threads.run(self._run, name)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise SourceAway(f"{self._program}: {type(error).__name__}") from None
        token = done.stdout.decode("ascii", "replace").strip()
        if done.returncode == NOBODYS:
            raise AccountUnavailable("not-connected")
        if done.returncode or not token or token == refused:
            raise SourceAway(f"{self._program} has no new token, status {done.returncode}")
        return token

    def _run(self, name: str) -> subprocess.CompletedProcess[bytes]:
        """The name is no argument: it could begin with a hyphen."""
        return subprocess.run([self._program], input=name.encode(), capture_output=True, timeout=10)


part = Part(Settings, TokenProgram)
