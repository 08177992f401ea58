"""POP3 for mail programs: port 110 with STLS, or 995 with TLS from the start."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from twisted.cred.portal import IRealm

from mailtwist.config.part import Assembly, Part
from mailtwist.config.problems import hint, shown
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, Duration, Names, PartName
from mailtwist.protocols.pop3.delays import Delays
from mailtwist.protocols.pop3.extension import GROUP, Dialect
from mailtwist.protocols.pop3.language import ENGLISH, Language
from mailtwist.protocols.pop3.limits import Limits
from mailtwist.protocols.pop3.server import POP3Server
from mailtwist.services.door import Guest
from mailtwist.services.portal import portal, realm
from mailtwist.services.service import MailService
from mailtwist.services.settings import ServiceSettings, free, known, mail_service

PORTS = (110, 995)


@dataclass(frozen=True)
class Settings(ServiceSettings):
    """POP3 for mail programs."""

    store: Annotated[str, PartName("store")] = setting(words="The store whose INBOX is the maildrop.")
    without: Names = setting(
        Names(), words="Commands that are not offered, by the names that `mailtwist parts` lists."
    )
    login_time: Annotated[Duration, AtLeast(5)] = setting(
        Duration(60), words="How long a client may be silent before it has logged in."
    )
    idle_time: Annotated[Duration, AtLeast(600, "rfc1939#3")] = setting(
        Duration(600), words="How long a client may be silent after login; nothing is deleted then."
    )
    failed_logins: Annotated[int, AtLeast(1)] = setting(
        3, words="After so many failed logins the connection ends."
    )
    expire: Duration | None = setting(
        None,
        words="How long messages are kept that a client has fetched; older ones are removed when it says"
        " QUIT. By default they are kept for ever, and clients are told so.",
        example="30 days",
    )
    login_delay: Duration = setting(
        Duration(0), words="How long an account has to wait after a login before the next one."
    )
    utf8_headers: Literal["downgrade", "refuse", "as_is"] = setting(
        "downgrade",
        words="A message with a header in UTF-8, for a program that does not know that: `downgrade` sends a"
        " stand-in with encoded words, `refuse` an error, `as_is` the message, against rfc6856#2.1.",
    )
    language: str = setting("en", words="The language of clients that say they like any (`LANG *`).")


class Server(Guest, POP3Server):
    """One connection."""


def preferred(tag: str, dialect: Dialect) -> Language:
    """ValueError says what is not installed."""
    there = {one.tag: one for one in (ENGLISH, *dialect.languages)}
    if tag not in there:
        raise ValueError(f'language: no language "{shown(tag)}" is installed{hint(tag, there)}')
    return there[tag]


def retention(expire: Duration | None, store: object) -> float | None:
    """None: mailboxes of somebody else's making, of which we cannot say.  ValueError when we are to."""
    if IRealm.providedBy(store):
        if expire is not None:
            raise ValueError("expire: a store of type realm removes messages by itself; leave it out")
        return None
    return math.inf if expire is None else expire


def build(settings: Settings, assembly: Assembly) -> MailService:
    limits = Limits(
        login_time=settings.login_time,
        idle_time=settings.idle_time,
        failed_logins=settings.failed_logins,
    )
    store = assembly.part("store", settings.store)
    dialect = Dialect.installed(known(GROUP, settings.without))
    return mail_service(
        settings,
        assembly,
        ports=PORTS,
        kind=Server,
        full=b"-ERR [SYS/TEMP] Too many connections from your network",
        facts={
            "portal": portal(assembly, realm(store)),
            "limits": limits,
            "dialect": dialect,
            "preferred_language": preferred(settings.language, dialect),
            "utf8_headers": settings.utf8_headers,
            "retention": retention(settings.expire, store),
            "delays": Delays(settings.login_delay),
            "trusted": assembly.trusted.contains,
        },
    )


part = Part(Settings, build, free(PORTS))
