"""Over the seam: mail for an `IMessageDelivery`; a `Reception` that looks like one.  rfc5321#4.4"""

import re
from collections.abc import Callable, Sequence
from email.utils import formatdate
from functools import partial
from typing import Any

from twisted.cred.credentials import Anonymous, IUsernamePassword
from twisted.cred.error import LoginFailed
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.mail import smtp
from zope.interface import implementer

from mailtwist.auth.api import LoginRefused
from mailtwist.auth.credentials import call_off
from mailtwist.kit.events import Event
from mailtwist.kit.spawn import shield, started
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address
from mailtwist.mail.headers import begins
from mailtwist.protocols.smtp.command import Refusal, Reply
from mailtwist.protocols.smtp.door import IReception, Reception, SupportsOutcomes, Transfer
from mailtwist.protocols.smtp.grammar import local_part

DELIVERY_FAILED = Event("smtp.delivery_failed", "an IMessage could not take a message", "error")

_WITH_STATUS = re.compile(r"([45]\.\d{1,3}\.\d{1,3}) (.*)", re.DOTALL)
_STATUS = {smtp.SMTPBadRcpt: "5.1.1", smtp.SMTPBadSender: "5.1.8"}

WANTED = (IReception, smtp.IMessageDeliveryFactory, smtp.IMessageDelivery)
"""What a portal is asked for, the best first."""


def takes_passwords(portal: Any) -> bool:
    """Its checkers judge user names and passwords."""
    return IUsernamePassword in portal.listCredentialsInterfaces()


async def let_in(portal: Any, credentials: Any) -> Any:
    """What the portal gives to who shows `credentials`: interface, avatar, logout.  `Trouble`; whatever else
    a checker raises is `LoginRefused`.  An avatar that comes when the client has gone is logged out."""
    try:
        login = maybeDeferred(partial(portal.login, credentials, None, *WANTED))
        return await shield(login, lambda found: found[2](), lambda: call_off(credentials))
    except Trouble:
        raise
    except LoginFailed as error:
        raise LoginRefused(str(error)) from None


async def let_stranger_in(portal: Any, origin: Any) -> Any:
    """The same for who has not logged in; a stock refusal of `origin`, where nobody may."""
    if portal is None:
        raise smtp.SMTPBadSender(origin, 550, "5.7.1 No mail is taken here")
    try:
        return await let_in(portal, Anonymous())
    except LoginRefused:
        raise smtp.SMTPBadSender(origin, 530, "5.7.0 Authentication required") from None


def stock_avatar(interface: Any, avatar: Any) -> tuple[Any, Any]:
    """What twisted.mail's own code can keep of an avatar."""
    if interface is IReception:
        return smtp.IMessageDelivery, ReceptionDelivery(avatar)
    return interface, avatar


def stock_user(address: Address, host: bytes, helo: Any, protocol: Any, origin: Any) -> Any:
    """A recipient, as `validateTo` wants it."""
    return smtp.User(StockAddress(address, host), helo, protocol, origin)


def address_in(answer: Any) -> Any:
    """The address that `validateFrom` answered, if it is one."""
    return answer if isinstance(answer, smtp.Address) else None


async def answered(ask: Callable[..., Any], *args: Any) -> Any:
    """What a hook answers, now or later."""
    return await maybeDeferred(ask, *args)


def validated_to(delivery: Any, user: Any) -> Any:
    """What `delivery` says to a recipient."""
    if delivery is None:
        raise smtp.SMTPBadRcpt(user)
    return delivery.validateTo(user)


class StockAddress(smtp.Address):
    """An address of twisted.mail, made of one of ours without its parser.  `size` is what MAIL said that the
    message has."""

    def __init__(self, address: Address, default_domain: bytes, size: int = 0) -> None:
        self.native = address
        self.size = size
        self.local = local_part(address).encode("utf-8")
        self.domain = address.domain.encode("ascii") or (b"" if address.null else default_domain)
        self.addrstr = b"<" + bytes(self) + b">"


def refused(error: Any) -> Refusal:
    """The answer that an `SMTPServerError` asks for."""
    words = error.resp.decode("ascii", "replace") if isinstance(error.resp, bytes) else str(error.resp)
    code = error.code if 400 <= error.code <= 599 else 451
    if (found := _WITH_STATUS.fullmatch(words)) is not None:
        return Refusal(Reply(code, found[1], found[2]))
    return Refusal(Reply(code, _STATUS.get(type(error), "5.0.0") if code >= 500 else "4.0.0", words))


async def asked(ask: Callable[..., Any], *args: Any) -> Any:
    """What a hook answers, now or later; its `SMTPServerError` becomes a `Refusal`."""
    try:
        return await maybeDeferred(ask, *args)
    except smtp.SMTPServerError as error:
        raise refused(error) from None


@implementer(smtp.IMessageDelivery)
class ReceptionDelivery:
    """A `Reception` where twisted.mail's hooks expect an IMessageDelivery."""

    def __init__(self, reception: Reception) -> None:
        self.reception = reception

    def validateFrom(self, helo: Any, origin: Any) -> Deferred[Any]:
        return started(self._sender(origin))

    def validateTo(self, user: Any) -> Deferred[Any]:
        return started(self._recipient(user.dest))

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> bytes:
        return b""

    async def _sender(self, origin: Any) -> Any:
        await self.reception.sender(_native(origin), getattr(origin, "size", 0))
        return origin

    async def _recipient(self, dest: Any) -> Any:
        await self.reception.recipient(_native(dest))
        return Taken(self.reception)


class Taken:
    """A recipient that a `Reception` has taken; where twisted.mail has a callable that makes an IMessage."""

    def __init__(self, reception: Reception) -> None:
        self.reception = reception

    def __call__(self) -> Any:
        raise TypeError("whoever took this recipient makes no IMessage: let validateTo's answer be")


class StockTransfer:
    """A message for one `IMessage` per recipient, line by line."""

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._line: list[bytes] = []
        self._in_header = self._in_body = False

    async def add(self, make: Callable[[], Any], header: Any) -> None:
        """One recipient.  `header` is its Received field; '' and None say that there is none."""
        message = await asked(make)
        self._messages.append(message)
        text = header if isinstance(header, bytes) else str(header or "").encode("ascii", "replace")
        for line in text.splitlines():
            await asked(message.lineReceived, line)

    async def write(self, chunk: bytes) -> None:
        if b"\n" not in chunk:  # a chunk may begin with the half of a CRLF
            self._line.append(chunk)
            return
        *lines, rest = b"".join([*self._line, chunk]).split(b"\r\n")
        self._line = [rest]
        try:
            for line in lines:
                self._receive(line)
        except smtp.SMTPServerError as error:
            await self.abort()
            raise refused(error) from None

    async def commit(self) -> str:
        for outcome in await self.commit_each():
            if outcome:
                raise outcome
        return ""

    async def commit_each(self) -> Sequence[Any]:
        """As `SupportsOutcomes`; a `Refusal` too says why not."""
        messages, self._messages = self._messages, []
        ends = [maybeDeferred(message.eomReceived) for message in messages]
        return [await _end(end) for end in ends]

    async def abort(self) -> None:
        messages, self._messages = self._messages, []
        for message in messages:
            try:
                message.connectionLost()
            except Exception:
                DELIVERY_FAILED.failure()

    def _receive(self, line: bytes) -> None:
        if not self._in_header and not self._in_body:
            self._begin(line)
        self._in_body = self._in_body or not line
        for message in self._messages:
            message.lineReceived(line)

    def _begin(self, line: bytes) -> None:
        """Between our Received field and a message without a header there has to be an empty line."""
        if line and begins(line):
            self._in_header = True
        elif line:
            self._in_body = True
            for message in self._messages:
                message.lineReceived(b"")


class Together:
    """Several transfers as one, for recipients of different kinds."""

    def __init__(self) -> None:
        self._parts: list[tuple[Transfer, Sequence[int]]] = []

    def add(self, transfer: Transfer, recipients: Sequence[int]) -> None:
        """`recipients` are those of the mail, by number, whom this transfer is for."""
        self._parts.append((transfer, recipients))

    @property
    def only(self) -> Transfer | None:
        return self._parts[0][0] if len(self._parts) == 1 else None

    async def write(self, chunk: bytes) -> None:
        for transfer, _ in self._parts:
            await transfer.write(chunk)

    async def commit(self) -> str:
        try:
            names = [_name(await transfer.commit()) for transfer, _ in self._parts]
        except BaseException:
            await self.abort()
            raise
        return " ".join(names)

    async def commit_each(self) -> Sequence[Any]:
        found: dict[int, Any] = {}
        for transfer, recipients in self._parts:
            theirs = await outcomes(transfer, len(recipients), True)
            found.update(zip(recipients, theirs, strict=True))
        return [found[number] for number in sorted(found)]

    async def abort(self) -> None:
        for transfer, _ in self._parts:
            await transfer.abort()


def _name(outcome: str | Reply) -> str:
    return outcome.text if isinstance(outcome, Reply) else outcome


async def outcomes(transfer: Transfer, count: int, apart: bool) -> Sequence[Any]:
    """The transfer is at its end: for each of its `count` recipients the name of the message, or the
    `Trouble` or `Refusal` that says why not.  Unless they are told `apart`, they share one fate."""
    try:
        if apart and isinstance(transfer, SupportsOutcomes):
            found = await transfer.commit_each()
            if len(found) != count:  # the client would take an answer for that to its next command
                raise ValueError(f"{len(found)} outcomes for {count} recipients")
            return found
        return [await transfer.commit()] * count
    except (Trouble, Refusal) as refusal:
        await transfer.abort()
        return [refusal] * count
    except Exception:
        await transfer.abort()
        raise


def received_header(helo: Any, host: bytes, now: float) -> bytes:
    """For a third party that takes recipients and makes no header; theirs raises on Python 3."""
    name = helo[0] or b"unknown"
    peer = helo[1] if isinstance(helo[1], bytes) else str(helo[1]).encode("ascii", "replace")
    return b"Received: from %b ([%b]) by %b; %b" % (name, peer, host, formatdate(now).encode())


def _native(address: Any) -> Address:
    native: Address | None = getattr(
        address, "native", None
    )  # an `smtp.Address` made of one of ours has it too
    if native is not None:
        return native
    return Address(
        address.local.decode("ascii", "replace"), address.domain.decode("ascii", "replace").lower()
    )


async def _end(end: Deferred[Any]) -> Any:
    """What became of one IMessage: an answer, or '' when all is well."""
    try:
        await end
    except smtp.SMTPServerError as error:
        return refused(error)
    except Trouble as trouble:
        return trouble
    except Exception:
        DELIVERY_FAILED.failure()
        return Trouble("4.3.0", "The message could not be taken, try again later")
    return ""
