"""A client that goes while its login waits, or in the middle of a message: nothing stays behind."""

import random

from twisted.trial.unittest import SynchronousTestCase

from tests.process.site import USER, Site, eventually, site
from tests.process.talk import Talker, stuffed

WRONG = b"not the password"


class WhileALoginWaits(SynchronousTestCase):
    def setUp(self) -> None:
        self.site: Site = site("leaving")
        with self.site.pop3():  # the person's string is remembered, the mailbox is there
            pass

    def leaves_nothing(self, service: str, *words: bytes) -> None:
        """Many say `words` and go, some politely, some not; then it is as it was."""
        before = self.site.open_files
        for number in range(12):
            talker = self.site.connect(service)
            talker.smtp() if service == "submission" else talker.line()
            for word in words[:-1]:
                talker.send(word + b"\r\n")
                talker.smtp() if service == "submission" else talker.line()
            talker.send(words[-1] + b"\r\n")
            self.goes(talker, number)
        self.assertTrue(eventually(lambda: self.site.open_files <= before), self.site.open_files)
        self.site.healthy()

    def goes(self, talker: Talker, number: int) -> None:
        if number % 2:
            talker.reset()
        else:
            talker.close()

    def test_from_imap(self) -> None:
        self.leaves_nothing("imap", b"a LOGIN %b %b" % (USER.encode(), b'"%b"' % WRONG))

    def test_from_pop3(self) -> None:
        self.leaves_nothing("pop3", b"USER " + USER.encode(), b"PASS " + WRONG)

    def test_from_submission(self) -> None:
        self.leaves_nothing(
            "submission", b"EHLO client.example.net", b"AUTH PLAIN AGFubkBleGFtcGxlLnRlc3QAeA=="
        )

    def test_with_the_right_password(self) -> None:
        """Who had gone when the mailbox was his does not keep it from others (rfc1939#4)."""
        self.leaves_nothing("pop3", b"USER " + USER.encode(), self.site.password)

        def free() -> bool:
            with self.site.connect("pop3") as pop3:
                pop3.line()
                pop3.pop3(b"USER " + USER.encode())
                return pop3.pop3(self.site.password).startswith(b"+OK")

        self.assertTrue(eventually(free, 10))
        self.leaves_nothing("imap", b"a " + self.site.login)

    def test_others_log_in_meanwhile(self) -> None:
        waiting = []
        for _ in range(8):
            talker = self.site.connect("imap")
            talker.line()
            talker.send(b"a LOGIN nobody@example.test xyz\r\n")
            waiting.append(talker)
        with self.site.imap() as imap:
            self.assertTrue(imap.imap(b"NOOP")[-1].startswith(b"OK "))
        for talker in waiting:
            talker.socket.setblocking(False)
            self.assertRaises(BlockingIOError, talker.socket.recv, 1)  # they still wait
            talker.reset()
        self.site.healthy()


class InTheMiddleOfAMessage(SynchronousTestCase):
    BIG = b"Subject: big\r\n\r\n" + b"A line of a big message.\r\n" * 40_000
    SMALL = b"Subject: small\r\n\r\nA line.\r\n"

    def setUp(self) -> None:
        self.site: Site = site("leaving")
        with self.site.imap(b"INBOX"):
            pass
        self.before = self.site.files()
        self.by = random.Random(7)

    def nothing_is_left(self) -> None:
        def nothing() -> bool:
            return self.site.files() == self.before

        self.assertTrue(eventually(nothing, 20), self.site.files())
        self.site.healthy()

    def goes(self, talker: Talker) -> None:
        talker.reset() if self.by.random() < 0.5 else talker.close()

    def in_data(self) -> Talker:
        smtp = self.site.smtp()
        for command in (b"MAIL FROM:<>", b"RCPT TO:<%b>" % USER.encode()):
            self.assertTrue(smtp.smtp(command).startswith(b"250 "))
        self.assertTrue(smtp.smtp(b"DATA").startswith(b"354 "))
        return smtp

    def test_of_data(self) -> None:
        for message in (self.BIG, self.SMALL) * 5:
            smtp = self.in_data()
            smtp.send(message[: self.by.randrange(len(message))])
            self.goes(smtp)
        self.nothing_is_left()

    def test_of_append(self) -> None:
        for message in (self.BIG, self.SMALL) * 5:
            imap = self.site.imap()
            imap.send(b"a APPEND INBOX {%d+}\r\n" % len(message))
            imap.send(message[: self.by.randrange(len(message))])
            self.goes(imap)
        self.nothing_is_left()

    def test_before_the_answer(self) -> None:
        """Each message is there or not, but whole, and nothing else is."""
        for message in (self.BIG, self.SMALL) * 5:
            smtp, imap = self.in_data(), self.site.imap()
            smtp.send(stuffed(message) + b".\r\n")
            imap.send(b"a APPEND INBOX {%d+}\r\n%b\r\n" % (len(message), message))
            self.goes(smtp)
            self.goes(imap)

        def settled() -> bool:
            files = self.site.files()
            return not files["tmp"] and len(files["cur"]) > len(self.before["cur"])

        self.assertTrue(eventually(settled, 20), self.site.files())
        for file in set(self.site.files()["cur"]) - set(self.before["cur"]):
            octets = file.read_bytes()
            self.assertTrue(octets.endswith(self.BIG) or octets.endswith(self.SMALL), file)
        self.site.healthy()
