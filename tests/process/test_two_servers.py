"""Two servers, each with its doors, on one Maildir: what happens in one is heard in the other at once."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.process.site import USER, Site
from tests.process.talk import Talker, deliver

MESSAGE = b"Subject: between processes\r\n\r\nHeard at once.\r\n"


class TwoServers(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="mailtwist-two-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.here = Site(folder / "here")
        self.addCleanup(self.here.server.kill)
        self.there = Site(folder / "there", mail=folder / "here" / "state" / "mail")
        self.addCleanup(self.there.server.kill)

    def idling(self) -> Talker:
        """A session here that waits and never asks."""
        imap = self.here.imap(b"INBOX")
        self.addCleanup(imap.close)
        imap.send(b"i IDLE\r\n")
        self.assertTrue(imap.line().startswith(b"+ "))
        return imap

    def delivered_there(self) -> None:
        with self.there.smtp() as smtp:
            self.assertTrue(deliver(smtp, "x@example.net", [USER], MESSAGE).startswith(b"250 "))

    def hears(self, imap: Talker, words: bytes) -> bytes:
        """The line with `words` in it, which comes by itself."""
        while words not in (line := imap.line()):
            self.assertTrue(line.startswith(b"* "), line)
        return line

    def test_what_comes_and_goes_there_is_heard_here(self) -> None:
        imap = self.idling()
        self.delivered_there()
        self.hears(imap, b"1 EXISTS")
        with self.there.imap(b"INBOX") as other:
            other.imap(b"STORE 1 +FLAGS (\\Flagged $Work)")
            self.assertIn(b"\\Flagged", self.hears(imap, b"1 FETCH"))
            other.imap(b"APPEND INBOX", MESSAGE)
            self.hears(imap, b"2 EXISTS")
            other.imap(b"MOVE 2 Archive")
            self.hears(imap, b"2 EXPUNGE")
        with self.there.pop3() as pop3:
            self.assertTrue(pop3.pop3(b"DELE 1").startswith(b"+OK"))
            self.assertTrue(pop3.pop3(b"QUIT").startswith(b"+OK"))
        self.hears(imap, b"1 EXPUNGE")
        imap.send(b"DONE\r\n")
        self.assertTrue(imap.answer(b"i")[-1].startswith(b"OK "))

    def test_what_fsck_mends_is_heard_by_who_is_at_work(self) -> None:
        self.delivered_there()
        imap = self.idling()
        (file,) = (self.here.maildir / "cur").iterdir()
        file.write_bytes(b"cut off")
        self.here.server.command("store", "fsck")
        self.hears(imap, b"1 EXPUNGE")
        self.hears(imap, b"1 EXISTS")
        self.assertIn("0 problems", self.here.server.command("store", "verify", USER))

    def test_what_others_deliver_is_heard_here(self) -> None:
        imap = self.idling()
        maildir = self.here.maildir
        (maildir / "tmp" / "1.host").write_bytes(b"Subject: by procmail\n\n")
        os.rename(maildir / "tmp" / "1.host", maildir / "new" / "1.host")
        self.hears(imap, b"1 EXISTS")

    def test_a_maildrop_has_one_user_wherever_and_dies_with_him(self) -> None:
        self.delivered_there()
        with self.here.pop3() as pop3:
            self.assertTrue(pop3.pop3(b"STAT").startswith(b"+OK 1 "))
            with self.there.connect("pop3") as other:
                other.pop3()
                other.pop3(b"USER " + USER.encode())
                self.assertTrue(other.pop3(self.there.password).startswith(b"-ERR [IN-USE]"))
            os.kill(self.here.server.pid, signal.SIGKILL)
        self.here.server.wait()
        with self.there.pop3() as pop3:
            self.assertTrue(pop3.pop3(b"STAT").startswith(b"+OK 1 "))
