"""How a server takes a mail: who sends it, who gets it, and the message, to its end.  rfc5321#3.3"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from mailtwist.kit.clock import Clock
from mailtwist.kit.spawn import started, uninterrupted
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.envelope import Envelope, Recipient
from mailtwist.protocols.server import spoken_tls
from mailtwist.protocols.smtp.command import Refusal, Reply
from mailtwist.protocols.smtp.conduct import Conduct
from mailtwist.protocols.smtp.door import Mail, Reception, SupportsParameters, Transfer
from mailtwist.protocols.smtp.extension import Dialect
from mailtwist.protocols.smtp.legacy import (
    ReceptionDelivery,
    StockAddress,
    StockTransfer,
    Taken,
    Together,
    address_in,
    answered,
    asked,
    let_stranger_in,
    outcomes,
    received_header,
    stock_user,
    validated_to,
)
from mailtwist.protocols.smtp.login import SignsIn

NO_BINARY = Reply(554, "5.6.1", "This recipient cannot get binary mail")


class TakesMail(SignsIn):
    """A part of the server.  What a third party overrides is asked as twisted.mail would ask it; where there
    is nothing of theirs, whoever takes the mail is asked without that."""

    clock: Clock
    settling: bool
    transport: Any
    conduct: Conduct
    host: Any
    delivery: Any
    deliveryFactory: Any
    _helo: Any
    _from: Any

    @property
    def dialect(self) -> Dialect:
        raise NotImplementedError

    def refused(self, error: Refusal | Trouble) -> Reply:
        raise NotImplementedError

    # -- who
    async def reception(self) -> object:
        await asked(self._somebody, None)
        return getattr(self.delivery, "reception", self.delivery)

    async def _somebody(self, origin: Any) -> None:
        """Whoever takes the mail is there; who has not logged in may be let in all the same."""
        if self.delivery is None and self.deliveryFactory is None:
            self._enter(await let_stranger_in(self.portal, origin))
        if self.deliveryFactory is not None:
            self.delivery = self.deliveryFactory.getMessageDelivery()

    async def accept_sender(self, mail: Mail) -> None:
        self._helo = (self.session.helo.encode("ascii"), self.address.encode("ascii", "replace"))
        if type(self).validateFrom is TakesMail.validateFrom and isinstance(self.delivery, ReceptionDelivery):
            self._from = None
            await begun(self.delivery.reception, mail)
        else:
            origin = StockAddress(mail.sender, self.host, mail.size)
            self._from = address_in(await asked(self.validateFrom, self._helo, origin)) or origin

    def validateFrom(self, helo: Any, origin: Any) -> Any:
        return started(self._validated(helo, origin))

    async def _validated(self, helo: Any, origin: Any) -> Any:
        await self._somebody(origin)
        return await answered(self.delivery.validateFrom, helo, origin)

    async def accept_recipient(self, recipient: Recipient) -> tuple[Any, Any]:
        if type(self).validateTo is TakesMail.validateTo and isinstance(self.delivery, ReceptionDelivery):
            await added(self.delivery.reception, recipient)
            return None, Taken(self.delivery.reception)
        mail = self.session.mail
        assert mail is not None
        origin = self._from = self._from or StockAddress(mail.sender, self.host)
        user = stock_user(recipient.address, self.host, self._helo, self, origin)
        taker = await asked(self.validateTo, user)
        if mail.binary and not isinstance(taker, Taken):
            raise Refusal(NO_BINARY)  # an IMessage gets lines
        return user, taker

    def validateTo(self, user: Any) -> Any:
        return validated_to(self.delivery, user)

    def receivedHeader(self, helo: Any, origin: Any, recipients: Any) -> Any:
        if self.delivery is None:
            return received_header(helo, self.host, self.clock.now())
        return self.delivery.receivedHeader(helo, origin, recipients)

    # -- what
    async def begin(self) -> Transfer:
        mail = self.session.mail
        assert mail is not None
        ours = [n for n, (_, taker) in enumerate(mail.takers) if isinstance(taker, Taken)]
        theirs = [n for n, (_, taker) in enumerate(mail.takers) if not isinstance(taker, Taken)]
        both = Together()
        try:
            if ours:
                reception = mail.takers[ours[-1]][1].reception
                envelope = self._envelope(mail, [mail.recipients[n] for n in ours], reception)
                both.add(await reception.begin(envelope, self._protocol(mail)), ours)
            if theirs:
                both.add(stock := StockTransfer(), theirs)
                await self._add(stock, [mail.takers[n] for n in theirs])
        except BaseException:
            await both.abort()
            raise
        return both.only or both

    async def _add(self, stock: StockTransfer, theirs: Sequence[tuple[Any, Any]]) -> None:
        for user, make in theirs:
            await stock.add(make, await asked(self.receivedHeader, self._helo, self._from, [user]))

    def _envelope(self, mail: Mail, recipients: Sequence[Recipient], reception: Reception) -> Envelope:
        return Envelope(
            sender=mail.sender,
            recipients=tuple(recipients),
            parameters=mail.parameters,
            helo=self.session.helo,
            peer=self.address,
            login=reception.login,
            tls=spoken_tls(self.transport) if self.startedTLS else "",
            **mail.facts,
        )

    def _protocol(self, mail: Mail) -> str:
        """rfc3848 rfc6531#4.3"""
        lmtp = self.dialect.protocol == "lmtp"
        if not self.session.extended:
            return "SMTP"
        kind = "UTF8" if mail.utf8 else "" if lmtp else "E"
        marks = f"{'S' if self.startedTLS else ''}{'A' if self.authenticated else ''}"
        return f"{kind}{'LMTP' if lmtp else 'SMTP'}{marks}"

    def block(self) -> AsyncIterator[bytes]:
        return self.turns.block()

    def chunk(self, size: int) -> AsyncIterator[bytes]:
        return self.turns.literal(size)

    def for_each(self, reply: Reply) -> Sequence[Reply]:
        mail = self.session.mail
        return [reply] * (len(mail.recipients) if self.dialect.protocol == "lmtp" and mail else 1)

    async def commit(self, transfer: Transfer) -> Sequence[Reply]:
        count = len(self.for_each(NO_BINARY))
        self.settling = True
        try:
            found = await uninterrupted(outcomes(transfer, count, self.dialect.protocol == "lmtp"))
        finally:
            self.settling = False
        answers = [self._outcome(outcome) for outcome in found]
        if any(answer.good for answer in answers):
            self.conduct.forgive()
        return answers

    def _outcome(self, outcome: str | Reply | Refusal | Trouble) -> Reply:
        if isinstance(outcome, Reply):
            return outcome
        if isinstance(outcome, str):
            return Reply(250, "2.0.0", f"Taken as {outcome}" if outcome else "Taken")
        return self.refused(outcome)


async def begun(reception: Reception, mail: Mail) -> None:
    """MAIL, said to whoever takes the mail."""
    if isinstance(reception, SupportsParameters):
        await reception.mail_from(mail)
    else:
        await reception.sender(mail.sender, mail.size)


async def added(reception: Reception, recipient: Recipient) -> None:
    """RCPT, the same."""
    if isinstance(reception, SupportsParameters):
        await reception.rcpt_to(recipient)
    else:
        await reception.recipient(recipient.address)
