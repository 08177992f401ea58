"""From a login to what it opens: twisted.cred's portal between the decision and the mail."""

from collections.abc import Callable
from typing import Any

from twisted.cred.checkers import ANONYMOUS, AllowAnonymousAccess
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import maybeDeferred
from zope.interface import implementer

from mailtwist.auth.checker import LoginTicket, checker_before
from mailtwist.auth.sessions import Sessions, the_sessions
from mailtwist.config.part import Assembly
from mailtwist.delivery.pipeline import Reception
from mailtwist.kit.spawn import spawn, started
from mailtwist.protocols.smtp.door import IReception
from mailtwist.store.api import IMailAccount, Store

Avatar = tuple[Any, Any, Callable[[], object]]
NATIVE = (IMailAccount, IReception)


def portal(assembly: Assembly, realm: IRealm, *, strangers: bool = False) -> Portal:
    """A portal with the one decision in front of `realm`; `strangers` may come in without a login.  A realm
    with an attribute `behind` (`auth.api.Behind`) opens something with every login, as part of the
    decision."""
    checker = checker_before(getattr(realm, "behind", None), assembly)
    made = Portal(Watched(realm, assembly.one(the_sessions)), [checker])
    if strangers:
        made.registerChecker(AllowAnonymousAccess())
    return made


def realm(store: Any, reception: Callable[[str], Reception] | None = None) -> "OurRealm | TheirRealm":
    """What a service's clients get: `store` is a `Store` of ours, or a third party's `IRealm`."""
    return TheirRealm(store) if IRealm.providedBy(store) else OurRealm(store, reception)


@implementer(IRealm)
class OurRealm:
    """Gives `IMailAccount`: an `Account` of the store; and `IReception`: what takes a client's mail."""

    def __init__(self, store: Store | None, reception: Callable[[str], Reception] | None) -> None:
        self._store = store
        self._reception = reception

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        return started(self._avatar(avatarId, interfaces))

    async def _avatar(self, avatar_id: Any, interfaces: tuple[Any, ...]) -> Avatar:
        if IReception in interfaces and self._reception is not None:
            return IReception, self._reception("" if avatar_id is ANONYMOUS else str(avatar_id)), _nothing
        if IMailAccount in interfaces and self._store is not None and avatar_id is not ANONYMOUS:
            account = await self._store.account(str(avatar_id))
            return IMailAccount, account, lambda: spawn(account.close(), "closing an account")
        raise NotImplementedError("this realm has nothing of that kind")


@implementer(IRealm)
class TheirRealm:
    """A third party's realm.  It sees no interface of ours, and the avatar ids that twisted.cred's own
    checkers would give it: what a foreign checker said, or else the login name as octets."""

    def __init__(self, realm: Any) -> None:
        self._realm = realm

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        theirs = [interface for interface in interfaces if interface not in NATIVE]
        return maybeDeferred(self._realm.requestAvatar, _known_to_them(avatarId), mind, *theirs)


@implementer(IRealm)
class Watched:
    """A realm whose avatars leave when their login has ended: the server that asked, the `holder`, is told to
    `dismiss` its client.  It finds the `Session` as its attribute `presence`."""

    def __init__(self, realm: Any, sessions: Sessions) -> None:
        self._realm = realm
        self._sessions = sessions

    def requestAvatar(self, avatarId: Any, mind: Any, *interfaces: Any) -> Any:
        asked = maybeDeferred(self._realm.requestAvatar, avatarId, mind, *interfaces)
        if isinstance(avatarId, LoginTicket):
            asked.addBoth(_untaken_is_dropped, avatarId)
        if hasattr(getattr(avatarId, "holder", None), "dismiss"):
            asked.addCallback(self._registered, avatarId)
        return asked

    def _registered(self, avatar: Avatar, ticket: LoginTicket) -> Avatar:
        interface, avatar_itself, logout = avatar
        holder = ticket.holder
        session = self._sessions.register(
            str(ticket), ticket.device, ticket.login, ticket.mark, holder.dismiss, ticket.until
        )
        holder.presence = session

        def left() -> object:
            session.left()
            return logout()

        return interface, avatar_itself, left


def _untaken_is_dropped(result: Any, ticket: LoginTicket) -> Any:
    """What the login opened ends, when the realm had no use for it, or failed."""
    ticket.drop()
    return result


def _nothing() -> None:
    """Nobody has to be told."""


def _known_to_them(avatar_id: Any) -> Any:
    if not isinstance(avatar_id, LoginTicket):
        return avatar_id
    accepted = avatar_id.take()
    opened = None if accepted is None else accepted.opened
    return avatar_id.name.encode() if opened is None else opened
