"""The mails themselves: whole, in ASCII, and nothing that a client said can change them."""

import string
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.notices import KINDS
from mailtwist.delivery.notice import mail
from mailtwist.delivery.wording import FACTS, GOODBYE, WORDINGS
from mailtwist.state.records import Notice
from mailtwist.testing.clock import BEGIN

ANN = "ann@example.org"
ALL = {
    **{fact: f"the {fact}" for fact in FACTS if fact != "when"},
    "name": ANN,
    "date": "2027-01-31",
    "new_network": "203.0.113.0/24",
}
TEXT = """\
This is about your mail account ann@example.org on mail.example.org.

A mail program logged in with your password and a fresh code. From now
on what it has saved is remembered, so that it need not ask for a code
each time.

    When:     2027-01-15 08:00:00 UTC
    Address:  192.0.2.7
    Program:  mutt

If this was you: there is nothing to do.

If this was not you: somebody knows your password. Change it at once,
and ask whoever runs this server to end all sessions and remembered
devices of your account.

This mail was written by a program; nobody reads answers to it.
"""


def made(kind: str = "new-device", to: str = ANN, contact: str = "", **facts: Any) -> bytes:
    told = {"name": ANN, "address": "192.0.2.7", "client": "mutt", **facts}
    notice = Notice("n1", "a1", kind, told, BEGIN, BEGIN)
    return mail(notice, to, "mail.example.org", "it@example.org", "IT of Bücher & Co", contact)


def read(octets: bytes) -> EmailMessage:
    return cast(EmailMessage, message_from_bytes(octets, policy=policy.default))


class NoticeMails(SynchronousTestCase):
    def test_it_says_what_happened_when_whence_and_what_to_do(self) -> None:
        self.assertEqual(read(made()).get_content().replace("\r\n", "\n"), TEXT)

    def test_its_header_is_that_of_a_program(self) -> None:
        message = read(made())
        told = {name: message[name] for name in ("To", "Date", "Message-ID", "Auto-Submitted")}
        self.assertEqual(
            told,
            {
                "To": ANN,
                "Date": "Fri, 15 Jan 2027 08:00:00 +0000",
                "Message-ID": "<n1@mail.example.org>",
                "Auto-Submitted": "auto-generated",
            },
        )
        self.assertEqual(message["From"], "IT of Bücher & Co <it@example.org>")
        self.assertEqual(message["Subject"], WORDINGS["new-device"].subject)
        self.assertEqual(message.get_content_type(), "text/plain")

    def test_the_same_notice_is_the_same_mail(self) -> None:
        self.assertEqual(made(), made())

    def test_everything_that_people_are_told_of_has_its_words(self) -> None:
        self.assertEqual(WORDINGS.keys(), KINDS.keys())

    def test_words_speak_of_facts_that_there_are(self) -> None:
        for kind, wording in WORDINGS.items():
            for text in (*wording.what, wording.mine, wording.not_mine, wording.subject):
                known = {name for _, name, _, _ in string.Formatter().parse(text) if name}
                self.assertLessEqual(known, ALL.keys(), kind)

    def test_each_kind_can_be_written_with_all_facts_and_with_none(self) -> None:
        for kind in WORDINGS:
            whole = read(made(kind, contact="Call 555.", **ALL)).get_content()
            for fact, name in FACTS.items():
                self.assertIn(f"{name}:", whole, kind)
                if fact != "when":
                    self.assertIn(f"the {fact}", whole, kind)
            self.assertIn("Call 555.", whole)
            bare = mail(Notice("n1", "a1", kind, {}, BEGIN, BEGIN), ANN, "mail.example.org", ANN, "")
            self.assertIn(GOODBYE, read(bare).get_content())
            self.assertNotIn("{", bare.decode())

    def test_it_is_ascii_in_short_lines_whatever_is_told(self) -> None:
        for facts in (
            {},
            {"client": "Grüße \U0001f4a9" * 30},
            {"client": "x" * 200},
            {"name": "jörg@example.org"},
            {"client": "."},
        ):
            octets = made(**facts)
            self.assertTrue(octets.isascii())
            self.assertTrue(octets.endswith(b"\r\n"))
            lines = octets.split(b"\r\n")
            self.assertFalse([line for line in lines if b"\r" in line or b"\n" in line])
            self.assertLess(max(map(len, lines)), 250)
        self.assertIn("Grüße", read(made(client="Grüße")).get_content())

    def test_a_client_adds_no_line(self) -> None:
        plain = made(client="x").count(b"\r\n")
        for hostile in (
            "x\r\nBcc: eve@example.org",
            "x\n.\n",
            "x\u2028y",
            "x\x1b[2Jy",
            "{name}",
            "%s",
            "\x00",
        ):
            octets = made(client=hostile, address=hostile)
            self.assertEqual(octets.count(b"\r\n"), plain, hostile)
            self.assertEqual(len(read(octets).keys()), len(read(made()).keys()))
            self.assertNotIn(b"\x1b", octets)

    def test_an_address_that_is_not_ascii_is_not_in_the_header(self) -> None:
        self.assertIsNone(read(made(to="jörg@example.org"))["To"])

    def test_an_odd_address_is_quoted(self) -> None:
        octets = made(to="a, b <x>@example.org")
        self.assertEqual(read(octets)["To"].addresses[0].addr_spec, '"a, b <x>"@example.org')
