"""Over the seam: mail for an `IMessageDelivery`; a `Reception` that looks like one.  rfc5321#4.4"""

import re
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.mail import smtp
from zope.interface import implementer

from mailtwist.kit.events import Event
from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address
from mailtwist.protocols.smtp.command import Refusal, Reply
from mailtwist.protocols.smtp.door import Reception, Transfer
from mailtwist.protocols.smtp.grammar import local_part

DELIVERY_FAILED = Event("smtp.delivery_failed", "an IMessage could not take a message", "error")

_WITH_STATUS = re.compile(r"([45]\.\d{1,3}\.\d{1,3}) (.*)", re.DOTALL)
_STATUS = {smtp.SMTPBadRcpt: "5.1.1", smtp.SMTPBadSender: "5.1.8"}


class StockAddress(smtp.Address):
    """An address of twisted.mail, made of one of ours without its parser."""

    def __init__(self, address: Address, default_domain: bytes) -> None:
        self.native = address
        self.local = local_part(address).encode("ascii")
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
        await self.reception.sender(_native(origin))
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
        if b"\r\n" not in chunk:
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
        messages, self._messages = self._messages, []
        ends = [maybeDeferred(message.eomReceived) for message in messages]
        refusals = [refusal for refusal in [await _end(end) for end in ends] if refusal is not None]
        if refusals:
            raise refusals[0]
        return ""

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
        if b":" in line:
            self._in_header = True
        elif line:
            self._in_body = True
            for message in self._messages:
                message.lineReceived(b"")


class Together:
    """Several transfers as one, for recipients of different kinds."""

    def __init__(self) -> None:
        self._transfers: list[Transfer] = []

    def add(self, transfer: Transfer) -> None:
        self._transfers.append(transfer)

    @property
    def only(self) -> Transfer | None:
        return self._transfers[0] if len(self._transfers) == 1 else None

    async def write(self, chunk: bytes) -> None:
        for transfer in self._transfers:
            await transfer.write(chunk)

    async def commit(self) -> str:
        try:
            names = [await transfer.commit() for transfer in self._transfers]
        except BaseException:
            await self.abort()
            raise
        return " ".join(names)

    async def abort(self) -> None:
        for transfer in self._transfers:
            await transfer.abort()


def received_header(helo: Any, host: bytes, now: float) -> bytes:
    """For a third party that takes recipients and makes no header; theirs raises on Python 3."""
    name = helo[0] or b"unknown"
    peer = helo[1] if isinstance(helo[1], bytes) else str(helo[1]).encode("ascii", "replace")
    return b"Received: from %b ([%b]) by %b; %b" % (name, peer, host, formatdate(now).encode())


def _native(address: Any) -> Address:
    if isinstance(address, StockAddress):
        return address.native
    return Address(
        address.local.decode("ascii", "replace"), address.domain.decode("ascii", "replace").lower()
    )


async def _end(end: Deferred[Any]) -> Exception | None:
    """What became of one IMessage: an answer, or None when all is well."""
    try:
        await end
    except smtp.SMTPServerError as error:
        return refused(error)
    except Trouble as trouble:
        return trouble
    except Exception:
        DELIVERY_FAILED.failure()
        return Trouble("4.3.0", "The message could not be taken, try again later")
    return None
