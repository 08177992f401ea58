"""Mail that a third party keeps: any `IRealm` of twisted.cred with avatars for twisted.mail."""

from dataclasses import dataclass
from typing import Any

from twisted.cred.portal import IRealm

from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.config.values import Dotted


@dataclass(frozen=True)
class Settings:
    """Mailboxes of your own making: a realm whose avatars are twisted.mail's `IAccount`, POP3 `IMailbox` and
    `IMessageDelivery`.  Services that name this store hand their clients to it."""

    realm: Dotted = setting(
        words="An object that provides `twisted.cred.portal.IRealm`, or a class of such objects.",
        example="my_mail.store:Realm",
    )


def build(settings: Settings, assembly: Assembly) -> Any:
    """The realm itself: whoever asks for this store sees that it provides `IRealm`.  A class is called with
    no arguments."""
    found = settings.realm.resolve()
    if not IRealm.providedBy(found) and callable(found):
        found = found()
    if not IRealm.providedBy(found):
        raise ValueError(f"{settings.realm} does not provide twisted.cred.portal.IRealm")
    return found


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    try:
        build(settings, assembly)
    except Exception as error:
        return [("realm", str(error))]
    return []


part = Part(Settings, build, check)
