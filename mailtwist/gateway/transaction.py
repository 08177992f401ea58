"""A client's mail, performed step by step at the server behind us: what that one refuses is refused.

The client speaks with our own server, which gives us values: addresses and parameters that it has understood,
and a message that it has scanned.  None of its octets reaches the server behind in another way."""

from zope.interface import implementer

from mailtwist.gateway.api import Session
from mailtwist.gateway.transaction_message import Chunks, Dotted, Incoming
from mailtwist.gateway.transaction_words import GONE, Dialogue, Head
from mailtwist.mail.address import Address
from mailtwist.mail.envelope import Envelope, Recipient
from mailtwist.protocols.dialogue import Offer
from mailtwist.protocols.smtp.command import Refusal
from mailtwist.protocols.smtp.door import IReception, Mail
from mailtwist.protocols.smtp.saying import mail_from, rcpt_to

FOR_A_COMMAND = 300.0
"""Seconds for the answer to MAIL and RCPT (rfc5321#4.5.3.2.2)."""

FOR_DATA = 120.0
"""For the answer to DATA (rfc5321#4.5.3.2.4)."""


@implementer(IReception)
class Performance:
    """A `protocols.smtp.door.Reception` at one `session` that is logged in, or that needs no login; the
    session is its own from now on.  `login` is the account id.  `head` is said in front of each message: the
    lines of a trace, for one.

    A message costs a message's worth of waiting, and no memory: what the server behind does not take, the
    client does not get rid of."""

    def __init__(self, session: Session, login: str = "", head: Head | None = None) -> None:
        self.login = login
        self.offer = Offer(session.offers)
        self._session = session
        self._head = head
        self._dialogue = Dialogue(session)
        self._mail: Mail | None = None
        self._message: Incoming | None = None
        self._leaving = False

    @property
    def lost(self) -> bool:
        """Nothing can be said at this session any more: it has ended, or what comes cannot be believed."""
        return self._dialogue.lost

    @property
    def introduced(self) -> bool:
        return self._session.introduced

    # -- what our server asks
    async def sender(self, address: Address, size: int = 0) -> None:
        await self.mail_from(Mail(address, {"SIZE": str(size)} if size else {}))

    async def recipient(self, address: Address) -> None:
        await self.rcpt_to(Recipient(address))

    async def mail_from(self, mail: Mail) -> None:
        """A new mail, there too."""
        command = mail_from(mail, self.offer)
        await self._forget()
        self._mail = mail
        answer = await self._dialogue.ask(command, FOR_A_COMMAND)
        if not answer.good:
            raise self._dialogue.refusal(answer)
        self._dialogue.in_mail = True

    async def rcpt_to(self, recipient: Recipient) -> None:
        """One more who gets it."""
        if self._mail is None or not self._dialogue.in_mail:
            raise Refusal(GONE)
        command = rcpt_to(recipient, self.offer, self._mail.utf8)
        answer = await self._dialogue.ask(command, FOR_A_COMMAND)
        if not answer.good:
            raise self._dialogue.refusal(answer)

    async def begin(self, envelope: Envelope, protocol: str) -> Incoming:
        """The message is about to come, and will be there when the server behind has said so."""
        mail = self._mail
        if mail is None or not self._dialogue.in_mail:
            raise Refusal(GONE)
        head = b"" if self._head is None else self._head(envelope, protocol)
        answers = len(envelope.recipients) if self._session.kind == "lmtp" else 1
        if self.offer.has("CHUNKING") and (mail.binary or mail.chunked):
            self._message = Chunks(self._dialogue, answers, head)
            return self._message
        answer = await self._dialogue.ask(b"DATA", FOR_DATA)
        if not answer.go_on:
            raise self._dialogue.refusal(answer)
        self._message = Dotted(self._dialogue, answers, head)
        return self._message

    async def close(self) -> None:
        """The client has gone; but a message that waits for its answer gets it first."""
        if self._leaving:
            return
        self._leaving = True
        if self._message is not None:
            await self._message.settled()
            await self._message.abort()
        self._dialogue.quit()
        await self._session.close()

    async def _forget(self) -> None:
        """Nothing is left there of the mail before."""
        if self._dialogue.owes and not self._dialogue.lost:
            await self._dialogue.answered(FOR_A_COMMAND)
        if self._dialogue.in_mail:
            answer = await self._dialogue.ask(b"RSET", FOR_A_COMMAND)
            if not answer.good:
                self._dialogue.cut()
                raise Refusal(GONE)
            self._dialogue.in_mail = False
