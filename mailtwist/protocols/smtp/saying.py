"""MAIL and RCPT as we say them to a server: built anew from what we have understood.  rfc5321#4.1.1.2"""

from collections.abc import Iterator

from mailtwist.mail.address import Address
from mailtwist.mail.envelope import OriginalRecipient, Recipient
from mailtwist.protocols.dialogue import Offer
from mailtwist.protocols.smtp.command import Refusal, Reply
from mailtwist.protocols.smtp.door import Mail
from mailtwist.protocols.smtp.grammar import local_part, to_xtext
from mailtwist.protocols.smtp.offers import binary

NO_UTF8 = Reply(550, "5.6.7", "The next server does not take internationalized mail")
NO_8BIT = Reply(554, "5.6.3", "The next server does not take 8-bit mail")
NO_BINARY = Reply(554, "5.6.1", "The next server does not take binary mail")

_OCCASIONS = ("SUCCESS", "FAILURE", "DELAY")


def mail_from(mail: Mail, offer: Offer) -> bytes:
    """Without CRLF.  Parameters are said where the server offers what they belong to; `Refusal` where mail
    would be another without.  What a client says of who handed it in first (rfc4954#5) is not passed on."""
    if mail.utf8 and not offer.has("SMTPUTF8"):
        raise Refusal(NO_UTF8)
    if mail.binary and not binary(offer):
        raise Refusal(NO_BINARY)
    if mail.facts.get("body") == "8BITMIME" and not offer.has("8BITMIME"):
        raise Refusal(NO_8BIT)
    return " ".join([f"MAIL FROM:{path(mail.sender)}", *_of_mail(mail, offer)]).encode()


def rcpt_to(recipient: Recipient, offer: Offer, utf8: bool = False) -> bytes:
    """Without CRLF; `utf8`: MAIL said SMTPUTF8."""
    words = [f"RCPT TO:{path(recipient.address)}"]
    if offer.has("DSN"):
        words += _of_rcpt(recipient, utf8)
    return " ".join(words).encode()


def path(address: Address) -> str:
    """`<local@domain>`, quoted where it must be; `<>` for the null path."""
    if address.null:
        return "<>"
    return f"<{local_part(address)}{'@' * bool(address.domain)}{address.domain}>"


def _of_mail(mail: Mail, offer: Offer) -> Iterator[str]:
    facts = mail.facts
    if mail.size and offer.has("SIZE"):
        yield f"SIZE={mail.size}"
    if facts.get("body") and offer.has("8BITMIME"):
        yield f"BODY={facts['body']}"
    if mail.utf8:
        yield "SMTPUTF8"
    if offer.has("DSN") and facts.get("ret"):
        yield f"RET={facts['ret']}"
    if offer.has("DSN") and facts.get("envid"):
        yield f"ENVID={to_xtext(facts['envid'].encode('ascii'))}"


def _of_rcpt(recipient: Recipient, utf8: bool) -> Iterator[str]:
    """rfc3461#4.1 rfc3461#4.2"""
    if recipient.notify is not None:
        words = [word for word in _OCCASIONS if word in recipient.notify]
        yield f"NOTIFY={','.join(words) or 'NEVER'}"
    if recipient.orcpt is not None:
        yield f"ORCPT={recipient.orcpt.kind};{_original(recipient.orcpt, utf8)}"


def _original(orcpt: OriginalRecipient, utf8: bool) -> str:
    if orcpt.kind != "utf-8":
        return to_xtext(orcpt.address.encode("ascii"))
    return "".join(
        letter if _plain(letter, utf8) else f"\\x{{{ord(letter):02X}}}" for letter in orcpt.address
    )


def _plain(letter: str, utf8: bool) -> bool:
    """A letter that stands for itself (rfc6533#3)."""
    return letter not in "\\+=" and ("!" <= letter <= "~" or (utf8 and not letter.isascii()))
