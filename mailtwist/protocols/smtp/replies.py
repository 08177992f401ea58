"""The words of SMTP for what went wrong.  rfc5321#4.2.3 rfc3463#3 rfc4954#6"""

from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.smtp.command import Reply, State
from mailtwist.protocols.smtp.grammar import BadRecipient, BadSender

_CODES = {
    "4.2.1": 450,
    "4.2.2": 452,
    "4.3.1": 452,
    "4.5.3": 452,
    "5.1.3": 501,
    "5.1.7": 501,
    "5.2.2": 552,
    "5.3.4": 552,
    "5.5.0": 554,
    "5.5.1": 503,
    "5.5.2": 500,
    "5.5.4": 501,
    "5.6.7": 553,
    "5.7.8": 535,
    "5.7.11": 538,
}
_BY_SUBJECT = {"5.4": 554, "5.6": 554}
_OF_LOGIN = {"5.7.9": 534, "5.7.11": 538, "4.7.12": 432}
_MALFORMED: dict[type[Malformed], str] = {BadSender: "5.1.7", BadRecipient: "5.1.3"}

TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors, goodbye", last=True)
TOO_MANY_UNKNOWN = Reply(421, "4.7.0", "Too many commands that there are not, goodbye", last=True)
TOO_MANY_USELESS = Reply(421, "4.7.0", "Too many commands and no mail, goodbye", last=True)
TOO_MANY_MAILS = Reply(421, "4.5.3", "Too many mails in one session, come again", last=True)
TOO_MANY_LOGINS = Reply(421, "4.7.0", "Too many failed logins, goodbye", last=True)
TOO_EARLY = Reply(554, "5.5.1", "You spoke before you were greeted, goodbye", last=True)
LOGIN_REQUIRED = Reply(530, "5.7.0", "Authentication required")
TLS_REQUIRED = Reply(530, "5.7.0", "Must issue a STARTTLS command first")
UNKNOWN = Reply(500, "5.5.1", "Command unrecognized")
NOT_ASCII = Reply(553, "5.6.7", "An address beyond ASCII needs SMTPUTF8")
CANNOT_SAY = Reply(252, "2.0.0", "Cannot say, but will take mail and try to deliver it")
CRASHED = Reply(421, "4.3.0", "Internal error, try again later", last=True)
LEAVING = Reply(421, "4.3.2", "The service is shutting down, try again later", last=True)
DISMISSED = Reply(421, "4.7.0", "Your login is over, log in again", last=True)
TOO_SLOW = Reply(421, "4.4.2", "Timeout, goodbye", last=True)


def malformed(error: Malformed) -> Reply:
    """Arguments that are none."""
    return Reply(501, _MALFORMED.get(type(error), "5.5.4"), str(error))


def refusal(trouble: Trouble) -> Reply:
    """The reply code for an enhanced status; 4xx and 5xx never change sides."""
    by_subject = _BY_SUBJECT.get(trouble.status[:3], 451 if trouble.temporary else 550)
    return Reply(_CODES.get(trouble.status, by_subject), trouble.status, trouble.public)


def login_refusal(trouble: Trouble) -> Reply:
    """The same for AUTH (rfc4954#6): a temporary problem never looks like a wrong password."""
    if trouble.status in _OF_LOGIN:
        return Reply(_OF_LOGIN[trouble.status], trouble.status, trouble.public)
    if trouble.temporary:
        return Reply(454, "4.7.0", "Temporary authentication failure")
    return Reply(535, "5.7.8", "Authentication failed")


def out_of_order(state: State, hello: str) -> Reply:
    """A command that may not come in `state`."""
    if state is State.NEW:
        return Reply(503, "5.5.1", f"Say {hello} first")
    return Reply(503, "5.5.1", "Bad sequence of commands")
