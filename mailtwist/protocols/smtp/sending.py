"""One message is said to a server, and what becomes of it is known.  rfc5321#3.3 rfc5321#4.5.2"""

from dataclasses import dataclass, field

from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address
from mailtwist.mail.envelope import Recipient
from mailtwist.protocols.client import Call
from mailtwist.protocols.dialogue import Offer
from mailtwist.protocols.pop3.dots import stuffed
from mailtwist.protocols.smtp.answers import Answer, NotUnderstood, answer
from mailtwist.protocols.smtp.door import Mail
from mailtwist.protocols.smtp.saying import mail_from, rcpt_to

LONGEST_SAID = 300
"""Characters of a refusal that are kept."""


class NotTaken(Trouble):
    """The server's answer to this message."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(status, "The next server did not take the message", detail)


@dataclass(frozen=True)
class Outgoing:
    """`octets` have lines that end by CRLF; `sender` is an address, or null.  All is ASCII."""

    sender: Address
    recipient: Address
    octets: bytes = field(repr=False)


async def sent(call: Call, offers: Offer, mail: Outgoing) -> None:
    """Returns when the server has taken it.  `NotTaken` when it has refused it, for now or for good; any
    other `Trouble` leaves open what has become of it, and the call is of no use then."""
    if not str(mail.recipient).isascii():
        raise NotTaken("5.6.7", f"{mail.recipient}: it has letters that are not in ASCII")  # rfc6531#3.5
    size = {"SIZE": str(len(mail.octets))}
    _taken(call, await _said(call, mail_from(Mail(mail.sender, size), offers)))
    _taken(call, await _said(call, rcpt_to(Recipient(mail.recipient), offers)))
    go_on = await _said(call, b"DATA")
    if not go_on.go_on:
        raise _refusal(call, go_on)
    _in_step(call)
    call.write(stuffed(mail.octets))
    await call.drained()
    _taken(call, await answer(call))


async def _said(call: Call, command: bytes) -> Answer:
    _in_step(call)
    call.write(command + b"\r\n")
    return await answer(call)


def _in_step(call: Call) -> None:
    """What comes next is the answer to what is said next."""
    if call.unread:
        call.abort()
        raise NotUnderstood(f"{call.where}: an answer to nothing that was said")


def _taken(call: Call, told: Answer) -> None:
    if not told.good:
        raise _refusal(call, told)


def _refusal(call: Call, told: Answer) -> Trouble:
    """Anything but a clear no is for later."""
    if told.code < 400:
        call.abort()
        return NotUnderstood(f"{call.where}: {told} where that is no answer")
    digit = str(told.code)[0]
    return NotTaken(told.status or f"{digit}.0.0", f"{call.where}: {str(told)[:LONGEST_SAID]}")
