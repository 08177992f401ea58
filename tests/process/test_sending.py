"""A client that sends too much, or too slowly, or never reads: it is answered or cut, and costs little."""

import select
import time
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from tests.process.site import USER, Site, site
from tests.process.talk import Gone, Talker, deliver

PACE = 30
MIB = 1 << 20
ROOM = 24 * MIB
FLOOD = 64 * MIB
"""What a client sends without reading, if it is let."""

LIMIT = 50 * MIB


def this_site() -> Site:
    return site("sending", PACE)


def greeted(service: str) -> Talker:
    talker = this_site().connect(service)
    talker.smtp() if service == "smtp" else talker.line()
    return talker


def flood(talker: Talker, octets: bytes, count: int) -> bool:
    """`octets`, `count` times, without reading what comes; False: the server closed, or takes no more."""
    talker.socket.settimeout(1.0)
    try:
        for _ in range(count):
            talker.socket.sendall(octets)
    except OSError:
        return False
    finally:
        talker.socket.settimeout(60.0)
    return True


class Big(SynchronousTestCase):
    """A message as large as is allowed passes through; one that is larger does not get in."""

    def message(self, size: int) -> bytes:
        line = b"x" * 998 + b"\r\n"
        return (b"Subject: large\r\n\r\n" + line * (size // 1000 + 1))[: size - 2] + b"\r\n"

    def test_by_append(self) -> None:
        message = self.message(LIMIT)
        with this_site().imap(b"INBOX") as imap:
            answers = []
            grown = this_site().peak_of(lambda: answers.append(imap.imap(b"APPEND INBOX", message)[-1]))
        self.assertTrue(answers[0].startswith(b"OK [APPENDUID"), answers)
        self.assertLess(grown, ROOM)

    def test_by_data(self) -> None:
        message = self.message(LIMIT - MIB)
        with this_site().smtp() as smtp:
            answers = []
            grown = this_site().peak_of(
                lambda: answers.append(deliver(smtp, "x@example.net", [USER], message))
            )
        self.assertTrue(answers[0].startswith(b"250 "), answers)
        self.assertLess(grown, ROOM)

    def test_a_larger_one_by_data_is_refused_at_its_end(self) -> None:
        message = self.message(LIMIT + MIB)
        before = this_site().files()
        with this_site().smtp() as smtp:
            answers = []
            grown = this_site().peak_of(
                lambda: answers.append(deliver(smtp, "x@example.net", [USER], message))
            )
            self.assertTrue(answers[0].startswith(b"552 5.3.4 "), answers)
            self.assertTrue(smtp.smtp(b"NOOP").startswith(b"250 "))
        self.assertLess(grown, ROOM)
        self.assertEqual(this_site().files(), before)

    def test_a_larger_one_by_append_is_not_asked_for(self) -> None:
        with this_site().imap() as imap:
            imap.send(b"a APPEND INBOX {%d}\r\n" % (LIMIT + 1))
            self.assertTrue(imap.line().startswith(b"a NO [TOOBIG] "))
            self.assertTrue(imap.imap(b"NOOP")[-1].startswith(b"OK "))

    def test_a_larger_one_that_comes_without_being_asked_for_is_thrown_away(self) -> None:
        before = this_site().files()
        with this_site().imap() as imap:
            answers = []
            message = self.message(LIMIT + 1)
            grown = this_site().peak_of(lambda: answers.append(imap.imap(b"APPEND INBOX", message)[-1]))
            self.assertTrue(answers[0].startswith(b"NO [TOOBIG] "), answers)
            self.assertTrue(imap.imap(b"NOOP")[-1].startswith(b"OK "))
        self.assertLess(grown, ROOM)
        self.assertEqual(this_site().files(), before)


class Endless(SynchronousTestCase):
    """What has no end does not fill the memory."""

    def refused(self, talker: Talker, octets: bytes, *words: bytes) -> None:
        """The flood is stopped, with one of `words` said before, if the client still gets to hear it."""
        grown = this_site().peak_of(lambda: self.assertFalse(flood(talker, octets, FLOOD // len(octets))))
        self.assertLess(grown, ROOM)
        said = talker.rest()
        if said:
            self.assertTrue(any(one in said for one in words), said[-200:])
        talker.close()
        this_site().healthy()

    def test_a_line_in_imap(self) -> None:
        self.refused(greeted("imap"), b"x" * 65536, b"* BYE ", b" BAD ")

    def test_a_line_in_imap_after_login(self) -> None:
        self.refused(this_site().imap(), b"x" * 65536, b"* BYE ", b" BAD ")

    def test_a_line_in_pop3(self) -> None:
        self.refused(greeted("pop3"), b"x" * 65536, b"-ERR ")

    def test_a_line_in_smtp(self) -> None:
        self.refused(greeted("smtp"), b"x" * 65536, b"500 ", b"521 ")

    def test_lines_that_are_too_long_by_a_little_are_answered(self) -> None:
        with greeted("imap") as imap:
            imap.send(b"a NOOP " + b"x" * 10_000 + b"\r\n")
            self.assertTrue(imap.line().startswith((b"a BAD ", b"* BAD ", b"* BYE ")))
        with greeted("pop3") as pop3:
            self.assertTrue(pop3.pop3(b"NOOP " + b"x" * 10_000).startswith(b"-ERR "))
            self.assertTrue(pop3.pop3(b"CAPA").startswith(b"+OK"))
        with this_site().smtp() as smtp:
            self.assertTrue(smtp.smtp(b"NOOP " + b"x" * 10_000).startswith(b"500 "))
            self.assertTrue(smtp.smtp(b"NOOP").startswith(b"250 "))

    def test_a_line_of_a_message(self) -> None:
        with this_site().smtp() as smtp:
            for command in (b"MAIL FROM:<>", b"RCPT TO:<%b>" % USER.encode()):
                self.assertTrue(smtp.smtp(command).startswith(b"250 "))
            self.assertTrue(smtp.smtp(b"DATA").startswith(b"354 "))
            self.refused(smtp, b"x" * 65536, b"500 5.", b"554 5.", b"552 5.")

    def test_a_literal_that_nobody_could_hold(self) -> None:
        for count in (b"99999999999", b"9" * 60):
            with greeted("imap") as imap:
                imap.send(b"a LOGIN {%b}\r\n" % count)
                self.assertTrue(imap.line().startswith(b"a BAD "))
                self.assertTrue(imap.imap(b"NOOP")[-1].startswith(b"OK "))
            for logged_in in (False, True):
                with this_site().imap() if logged_in else greeted("imap") as imap:
                    imap.send(b"a LOGIN {%b+}\r\n" % count)
                    self.assertTrue(imap.rest().startswith(b"* BYE "))
            with this_site().imap() as imap:
                imap.send(b"a APPEND INBOX {%b}\r\n" % count)
                self.assertTrue(imap.line().startswith(b"a NO [TOOBIG]"))
                imap.send(b"b APPEND INBOX {%b+}\r\n" % count)
                self.assertIn(b"* BYE ", imap.rest())

    def test_literals_without_end(self) -> None:
        """Each is small, together they are not."""
        self.refused(this_site().imap(), b"{9+}\r\nxxxxxxxxx " * 4096, b"* BYE ", b" BAD ")

    def test_a_queue_of_commands(self) -> None:
        """Nothing is read any more while the answers are not, and then comes the end."""
        for talker, command in (
            (greeted("imap"), b"a NOOP\r\n"),
            (this_site().imap(b"INBOX"), b"a UID SEARCH ALL\r\n"),
            (this_site().pop3(), b"STAT\r\n"),
            (this_site().smtp(), b"NOOP\r\n"),
        ):
            grown = this_site().peak_of(
                lambda: self.assertFalse(flood(talker, command * 8192, FLOOD // len(command) // 8192))
            )
            self.assertLess(grown, ROOM)
            talker.reset()
        this_site().healthy()


class Trickling(SynchronousTestCase):
    def test_octet_by_octet_is_not_for_ever(self) -> None:
        """In the middle of whatever may be long: a line, a literal, a message."""
        talkers = {name: begun(make) for name, make in TRICKLES.items()}
        deadline = time.monotonic() + 50
        while talkers and time.monotonic() < deadline:
            for name, talker in list(talkers.items()):
                if ended(talker):
                    talkers.pop(name).close()
            time.sleep(0.1)
        self.assertEqual(list(talkers), [])
        this_site().healthy()


def begun(make: tuple[Callable[[], Talker], bytes]) -> Talker:
    talker = make[0]()
    talker.send(make[1])
    return talker


def in_data() -> Talker:
    smtp = this_site().smtp()
    smtp.smtp(b"MAIL FROM:<>")
    smtp.smtp(b"RCPT TO:<%b>" % USER.encode())
    assert smtp.smtp(b"DATA").startswith(b"354 ")
    return smtp


TRICKLES: dict[str, tuple[Callable[[], Talker], bytes]] = {
    "a line of SMTP": (lambda: greeted("smtp"), b"NOOP "),
    "a line of IMAP": (lambda: greeted("imap"), b"a NOOP "),
    "a line of POP3": (lambda: greeted("pop3"), b"NOOP "),
    "a message by DATA": (in_data, b"Subject: "),
    "a message by APPEND": (lambda: this_site().imap(), b"a APPEND INBOX {1000000+}\r\n"),
    "a literal": (lambda: greeted("imap"), b"a LOGIN {4000+}\r\n"),
    "SASL": (lambda: greeted("imap"), b"a AUTHENTICATE PLAIN\r\n"),
}


def ended(talker: Talker) -> bool:
    """One octet more; True when the server has closed."""
    try:
        talker.send(b"x")
        if select.select([talker.socket], [], [], 0)[0]:
            talker.more()
    except (OSError, Gone):
        return True
    return False
