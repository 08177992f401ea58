"""What the client hears of trouble."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.api import EncryptionRequired, LoginRefused, LoginUnavailable, TooManyAttempts
from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.imap.command import No
from mailtwist.protocols.imap.replies import refusal, status
from mailtwist.store.api import CannotDo, Damaged, MailboxExists, MailboxInUse, MessageGone, NoSuchMailbox


class Replies(SynchronousTestCase):
    def test_every_trouble_has_its_code_and_tells_strangers_nothing_more(self) -> None:
        for trouble, code, words in (
            (LoginRefused("wrong code"), "AUTHENTICATIONFAILED", "Authentication failed."),
            (LoginUnavailable("ldap is away"), "UNAVAILABLE", "Try again later."),
            (TooManyAttempts("too-many-attempts", 60.0), "UNAVAILABLE", "Try again later."),
            (EncryptionRequired(), "PRIVACYREQUIRED", "Not without TLS."),
            (NoSuchMailbox("secret plans"), "NONEXISTENT", "No such mailbox"),
            (MailboxExists("x"), "ALREADYEXISTS", "The mailbox already exists"),
            (CannotDo("Not that"), "CANNOT", "Not that"),
            (MessageGone(), "EXPUNGEISSUED", "The message is gone"),
            (MailboxInUse(), "INUSE", "The mailbox is in use"),
            (Damaged("Wrong", "sda1"), "CORRUPTION", "Wrong"),
            (Trouble("5.3.5", "Badly made"), "CONTACTADMIN", "Badly made"),
            (Trouble("4.3.5", "Too new"), "CONTACTADMIN", "Too new"),
            (Trouble("4.3.1", "Disk", "sda1"), "UNAVAILABLE", "Disk"),
            (Trouble("5.2.2", "Full"), "OVERQUOTA", "Full"),
            (Trouble("4.2.2", "Full"), "OVERQUOTA", "Full"),
            (Trouble("5.3.4", "Big"), "TOOBIG", "Big"),
            (Trouble("5.7.1", "Not yours"), "NOPERM", "Not yours"),
            (Trouble("5.0.0", "No"), "", "No"),
            (No("No", "LIMIT"), "LIMIT", "No"),
        ):
            self.assertEqual(refusal(trouble), (code, words))

    def test_words_cannot_end_the_line_or_pass_for_a_code(self) -> None:
        self.assertEqual(status(b"a", b"NO", "x\r\nb OK [y]\0\u263a"), b"a NO x?b OK [y]??\r\n")
        self.assertEqual(status(b"a", b"NO", "[ALERT] x"), b"a NO . [ALERT] x\r\n")
        self.assertEqual(status(b"", b"BYE", "", "A\r\nB"), b"* BYE [A?B] Done\r\n")
