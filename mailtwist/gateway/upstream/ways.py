"""The ways to log in at a server behind us, by the value of the setting `login`."""

from collections.abc import Callable, Mapping
from typing import Protocol

from mailtwist.config.part import Assembly
from mailtwist.gateway.api import Errand
from mailtwist.gateway.upstream.master import Master
from mailtwist.gateway.upstream.none import Trusted
from mailtwist.gateway.upstream.passthrough import Passthrough
from mailtwist.gateway.upstream.sealed import Sealed
from mailtwist.gateway.upstream.settings import Settings
from mailtwist.gateway.upstream.talk import Talk
from mailtwist.gateway.upstream.token import Handed
from mailtwist.gateway.upstream.xoauth2 import Xoauth2


class LogsIn(Protocol):
    """One way."""

    async def log_in(self, talk: Talk, errand: Errand) -> None:
        """Whoever the errand is for is logged in.  `LoginRefused` only when his password is wrong; what
        another one could not mend is `LoginUnavailable`, or `AccountUnavailable` when it is his alone."""


LOGINS: Mapping[str, Callable[[Settings, Assembly], LogsIn]] = {
    "passthrough": Passthrough,
    "master": Master,
    "sealed": Sealed,
    "xoauth2": Xoauth2,
    "token": Handed,
    "none": Trusted,
}
