"""Who is logged in when an admin ends that: out within a second, with the words of his protocol."""

import atexit
import base64
import json
import shutil
import socket
import tempfile
import time
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pyotp
from twisted.trial.unittest import SynchronousTestCase

from tests.process.site import PASSWORD, USER, Site, eventually
from tests.process.talk import Gone, Talker, stuffed

SOON = 1.0
"""Seconds after the command has ended."""

MESSAGE = b"Subject: half\r\n\r\n" + b"A line.\r\n" * 2000


class Refused(Exception):
    """The server takes no mail any more."""


class Gadget:
    """The server of all tests, whose person has a gadget: that makes a new code without waiting for a clock,
    so that each test has a string of its own, with which nobody gets in afterwards."""

    def __init__(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="mailtwist-dismissed-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self.site = Site(folder, server="[factor:hotp]")
        atexit.register(self.site.end)
        made = json.loads(self.site.server.command("otp", "enroll", USER, "--kind", "hotp", "--json"))
        self._codes = pyotp.HOTP(made["secret"])
        self._step = count()
        self.site.server.command("otp", "confirm", USER, self.code())

    def code(self) -> str:
        return self._codes.at(next(self._step))

    def renewed(self) -> Site:
        """One more string is known."""
        self.site.secret = f"{PASSWORD}@{self.code()}"
        with self.site.imap(b"INBOX"):
            pass
        return self.site


@cache
def gadget() -> Gadget:
    return Gadget()


class Dismissals(SynchronousTestCase):
    def setUp(self) -> None:
        self.site = gadget().renewed()

    def command(self, *argv: str, typed: str = "") -> Any:
        """What `mailtwist argv --json` says; the time when it had ended is `ended`."""
        said = json.loads(self.site.server.command(*argv, "--json", typed=typed))
        self.ended = time.monotonic()
        return said

    def revoke(self) -> None:
        self.command("device", "revoke", USER, "--all")

    def submission(self, secret: str = "") -> Talker:
        """Logged in."""
        talker = self.site.connect("submission")
        talker.smtp()
        talker.smtp(b"EHLO laptop.example.net")
        plain = base64.b64encode(f"\0{USER}\0{secret or self.site.secret}".encode())
        self.assertTrue(talker.smtp(b"AUTH PLAIN " + plain).startswith(b"235 "))
        return talker

    def in_data(self) -> Talker:
        talker = self.submission()
        for command in (b"MAIL FROM:<%b>" % USER.encode(), b"RCPT TO:<%b>" % USER.encode()):
            self.assertTrue(talker.smtp(command).startswith(b"250 "))
        self.assertTrue(talker.smtp(b"DATA").startswith(b"354 "))
        return talker

    def idle(self) -> Talker:
        talker = self.site.imap(b"INBOX")
        talker.send(b"i IDLE\r\n")
        self.assertTrue(talker.line().startswith(b"+ "))
        return talker

    def last_words(self, talker: Talker) -> bytes:
        """All that it still hears; it is out soon after the command."""
        rest = talker.rest()
        self.assertLess(time.monotonic() - self.ended, SOON)
        return rest

    def nobody_gets_in(self) -> None:
        with self.site.connect("imap") as talker:
            talker.line()
            self.assertTrue(talker.imap(self.site.login)[-1].startswith(b"NO [AUTHENTICATIONFAILED]"))

    def test_a_revoked_device_is_out_of_every_protocol(self) -> None:
        imap, idle, pop3, smtp = self.site.imap(), self.idle(), self.site.pop3(), self.submission()
        self.revoke()
        for talker in (imap, idle):
            self.assertRegex(self.last_words(talker), rb"^\* BYE [^\r\n]+\r\n$")
        self.assertEqual(self.last_words(pop3), b"")
        self.assertRegex(self.last_words(smtp), rb"^421 4\.7\.0 [^\r\n]+\r\n$")
        self.nobody_gets_in()

    def test_half_a_message_is_not_taken(self) -> None:
        before = self.site.files()
        smtp = self.in_data()
        smtp.send(stuffed(MESSAGE)[:-100])
        self.revoke()
        self.assertNotIn(b"250 ", self.last_words(smtp))
        self.assertTrue(eventually(lambda: self.site.files() == before, 10), self.site.files())

    def test_whatever_was_answered_is_there_and_nothing_else(self) -> None:
        """Messages come while it ends; one of them is under way at any time."""
        before = self.messages()
        talkers = [self.submission() for _ in range(3)]
        taken = 0
        for _ in range(3):
            for talker in talkers:
                taken += self.sent(talker)
        self.site.server.command("device", "revoke", USER, "--all")
        self.ended = time.monotonic()
        for talker in talkers:
            try:
                while time.monotonic() - self.ended < 5:
                    taken += self.sent(talker)
                self.fail("still in")
            except (Gone, OSError, Refused):
                pass

        def there() -> bool:
            return self.messages() == before + taken and not self.site.files()["tmp"]

        self.assertTrue(eventually(there, 10), (before, taken, self.site.files()))

    def messages(self) -> int:
        files = self.site.files()
        return len(files["cur"]) + len(files["new"])

    def sent(self, talker: Talker) -> int:
        words = (b"MAIL FROM:<%b>" % USER.encode(), b"RCPT TO:<%b>" % USER.encode(), b"DATA")
        for word in words:
            if talker.smtp(word)[:1] not in (b"2", b"3"):
                raise Refused
        talker.send(stuffed(MESSAGE))
        return int(talker.smtp(b".").startswith(b"250 "))

    def test_who_does_not_read_is_cut_off(self) -> None:
        talker = self.site.imap(b"INBOX", held=4096)
        talker.imap(b"APPEND INBOX", b"Subject: x\r\n\r\n" + b"A line of a big message.\r\n" * 400_000)
        talker.send(b"a FETCH * BODY[]\r\n")
        before = self.site.open_files
        self.revoke()
        self.assertTrue(eventually(lambda: self.site.open_files < before, SOON), self.site.open_files)
        talker.socket.setblocking(True)
        self.assertNotIn(b"a OK", talker.rest())

    def test_another_password_ends_sessions_and_the_string(self) -> None:
        idle = self.idle()
        self.addCleanup(self.command, "user", "passwd", USER, "--password-stdin", typed=f"{PASSWORD}\n")
        self.command("user", "passwd", USER, "--password-stdin", typed="another\n")
        self.assertRegex(self.last_words(idle), rb"^\* BYE ")
        self.nobody_gets_in()
        devices = self.command("device", "list", USER)
        self.assertEqual({device["state"] for device in devices}, {"active"})
        self.command("user", "passwd", USER, "--password-stdin", "--revoke-devices", typed="third\n")
        self.assertEqual(self.command("device", "list", USER), [])

    def test_who_is_disabled_is_out_and_comes_back_when_enabled(self) -> None:
        idle = self.idle()
        self.command("user", "disable", USER)
        self.assertRegex(self.last_words(idle), rb"^\* BYE ")
        self.nobody_gets_in()
        self.command("user", "enable", USER)
        with self.site.imap():
            pass

    def test_who_is_removed_is_out(self) -> None:
        """On a server of its own, where nobody comes back."""
        self.site = Site(Path(tempfile.mkdtemp(prefix="mailtwist-removed-")))
        self.addCleanup(shutil.rmtree, self.site.folder, ignore_errors=True)
        self.addCleanup(self.site.end)
        pop3 = self.site.pop3()
        self.command("user", "remove", USER)
        self.assertEqual(self.last_words(pop3), b"")
        self.nobody_gets_in()

    def test_an_app_password_works_at_once_and_ends_alone(self) -> None:
        made = self.command("app-password", "add", USER, "--label", "laptop", "--protocol", "smtp")
        smtp, imap = self.submission(made["password"]), self.site.imap()
        with self.site.connect("imap") as other:
            other.line()
            answer = other.imap(f"LOGIN {USER} {made['password']}".encode())[-1]
            self.assertTrue(answer.startswith(b"NO [AUTHENTICATIONFAILED]"), answer)
        (listed,) = self.command("app-password", "list", USER)
        self.assertEqual((listed["label"], listed["protocols"]), ("laptop", ["smtp"]))
        self.command("app-password", "revoke", USER, made["id"])
        self.assertTrue(self.last_words(smtp).startswith(b"421 "))
        self.assertTrue(imap.imap(b"NOOP")[-1].startswith(b"OK "))

    def test_what_a_program_says_of_itself_is_in_the_list(self) -> None:
        with self.site.imap() as talker:
            talker.imap(b'ID ("name" "Hostile\\"Mail" "version" "7")')

        found: list[str] = []

        def listed() -> bool:
            devices = self.command("device", "list", USER)
            found[:] = [device["id"] for device in devices if device["client"] == 'Hostile"Mail 7']
            return len(found) == 1

        self.assertTrue(eventually(listed, 20))
        self.command("device", "label", USER, found[0], "my phone")
        labels = {device["id"]: device["label"] for device in self.command("device", "list", USER)}
        self.assertEqual(labels[found[0]], "my phone")

    def test_a_login_under_way_does_not_slip_through(self) -> None:
        """Logins come without end while the device is revoked; afterwards none of them is in."""
        talkers: list[Talker] = []
        for _ in range(12):
            talker = self.site.connect("imap")
            talker.line()
            talkers.append(talker)
        for talker in talkers[:6]:
            talker.send(b"a %b\r\n" % self.site.login)
        revoking = self.site.server.command("device", "revoke", USER, "--all", "--json")
        self.assertTrue(json.loads(revoking)["devices"])
        self.ended = time.monotonic()
        for talker in talkers[6:]:
            talker.send(b"a %b\r\n" % self.site.login)
        for talker in talkers[:6]:
            self.last_words(talker)
        for talker in talkers[6:]:
            self.assertTrue(talker.line().startswith(b"a NO [AUTHENTICATIONFAILED]"))
            talker.socket.shutdown(socket.SHUT_RDWR)

    def test_a_password_is_no_device(self) -> None:
        """What was remembered is the whole string, never the password in it."""
        with self.site.connect("imap") as talker:
            talker.line()
            answer = talker.imap(f'LOGIN {USER} "{PASSWORD}"'.encode())[-1]
            self.assertTrue(answer.startswith(b"NO [AUTHENTICATIONFAILED]"), answer)
