"""One message in is one message out, octet by octet, or it is refused: whatever its end looks like."""

from twisted.trial.unittest import SynchronousTestCase

from tests.backends import shared
from tests.gateway.front import logged_in
from tests.gateway.mail_behind import Behind
from tests.gateway.smuggling import Case, cases, framed
from tests.gateway.talking import Talking
from tests.gateway.whole import before_dovecot, before_postfix

MAIL = b"MAIL FROM:<ann@inside.test>\r\nRCPT TO:<bob@sink.test>\r\n"
OK = b"250 2.0.0 Ok\r\n"


def stuffed(message: bytes) -> bytes:
    return b"\r\n".join(b"." + line if line.startswith(b".") else line for line in message.split(b"\r\n"))


class MemoryTests(SynchronousTestCase):
    """What the server behind hears, for every place where the octets of a client can be divided."""

    def heard(self, pieces: tuple[bytes, ...]) -> tuple[bytes, bytes]:
        """By the server behind after DATA, and by the client."""
        behind = Behind()
        client = logged_in(behind)
        client.send(MAIL + b"DATA\r\n")
        for answer in (OK, OK, b"354 go\r\n"):
            behind.heard()
            behind.says(answer)
        client.read()
        for piece in pieces:
            client.send(piece)
        heard = behind.heard()
        if heard.endswith(b"\r\n.\r\n"):
            behind.says(OK)
        return heard, client.read()

    def test_every_end_cut_everywhere(self) -> None:
        for case in cases():
            octets, message = case.octets, case.message
            cuts = [(octets[:at], octets[at:]) for at in case.cuts]
            single = tuple(octets[at : at + 1] for at in range(len(octets)))
            for pieces in ((octets,), single, *cuts):
                heard, told = self.heard(pieces)
                if message is None:
                    self.assertTrue(told.startswith(b"521 5.5.2 "), (case.end, told))
                    self.assertNotIn(b"\r\n.\r\n", heard)
                    self.assertTrue(framed(heard), (case.end, heard))
                else:
                    self.assertTrue(told.startswith(OK), (case.end, told))
                    self.assertEqual(heard, stuffed(message) + b".\r\n")


class RealTests(SynchronousTestCase):
    """Through a real gateway, to real servers."""

    timeout = 600

    def say(self, talking: Talking, case: Case, pieces: tuple[bytes, ...]) -> bool:
        """Whether the dialogue goes on."""
        for command in (b"MAIL FROM:<ann@inside.test>", b"RCPT TO:<%b>" % case.recipient):
            told = talking.ask(command)
            self.assertTrue(told.startswith(b"250 "), told)
        self.assertTrue(talking.ask(b"DATA").startswith(b"354 "))
        talking.send(*pieces)
        told = talking.answer()
        self.assertTrue(told.startswith(b"521 5.5.2 " if case.message is None else b"250 "), (case.end, told))
        if case.message is not None and talking.ask(b"NOOP").startswith(b"250 "):
            return True
        self.assertEqual(talking.answer(), b"")
        return False

    def test_every_end_in_front_of_dovecot_submission(self) -> None:
        gateway, sink = before_dovecot(), shared.sink()
        login = gateway.person("ann").login()
        tried = cases(first=1000)

        def connected() -> Talking:
            talking = Talking(gateway, "submissions")
            talking.log_in(login)
            return talking

        talking = connected()
        for case in tried:
            if not self.say(talking, case, (case.octets,)):
                talking.close()
                talking = connected()
        talking.close()
        for case in tried:
            if case.message is not None:
                (kept,) = sink.for_(case.recipient.decode())
                self.assertTrue(kept.text.endswith(b"\r\n" + case.message), (case.end, kept))
        self.unseen(tried)

    def unseen(self, tried: list[Case]) -> None:
        """No second message was made of any."""
        refused = {case.recipient for case in tried if case.message is None}
        victims = {case.victim for case in tried}
        for kept in shared.sink().kept:
            self.assertFalse((refused | victims).intersection(kept.recipients), kept)

    def cut(self, case: Case) -> list[tuple[bytes, ...]]:
        """Everywhere, where one connection is enough for it."""
        octets = case.octets
        cuts = [] if case.message is None else [(octets[:at], octets[at:]) for at in case.cuts]
        return [(octets,), *cuts]

    def test_every_end_in_front_of_postfix(self) -> None:
        gateway, postfix = before_postfix(), shared.postfix()
        tried = cases("inside.test", first=2000)
        talking: Talking | None = None
        for case, pieces in [(case, pieces) for case in tried for pieces in self.cut(case)]:
            if talking is None:
                talking = Talking(gateway, "smtp")
                talking.ask(b"EHLO client.example")
            if not self.say(talking, case, pieces):
                talking.close()
                talking = None
        for case in tried:
            if case.message is None:
                continue
            got = postfix.messages(case.recipient.decode(), 1 + len(case.cuts))
            self.assertEqual(len(got), 1 + len(case.cuts))
            for text in got:
                self.assertTrue(text.endswith(b"\n" + case.message.replace(b"\r\n", b"\n")), (case.end, text))
        self.assertEqual(postfix.lines("to=<victim2"), [])
        self.assertEqual(postfix.lines("evil@inside.test"), [])

    def test_chunks(self) -> None:
        gateway, sink = before_dovecot(), shared.sink()
        login = gateway.person("ann").login()
        taken = []
        for case in cases(first=3000):
            with Talking(gateway, "submissions") as talking:
                talking.log_in(login)
                talking.ask(b"MAIL FROM:<ann@inside.test>")
                talking.ask(b"RCPT TO:<%b>" % case.recipient)
                body = case.octets
                at = case.cuts[len(case.cuts) // 2]
                talking.send(b"BDAT %d\r\n" % at + body[:at] + b"BDAT %d\r\n" % (len(body) - at) + body[at:])
                told = [talking.answer(), talking.answer(), talking.ask(b"BDAT 0 LAST")]
                if framed(body):
                    self.assertEqual([one[:3] for one in told], [b"250"] * 3, (case.end, told))
                    taken.append(case)
                else:
                    self.assertNotEqual(told[2][:3], b"250", (case.end, told))
                self.assertTrue(talking.ask(b"NOOP").startswith(b"250 "))
        self.assertEqual(len(taken), len([case for case in cases() if framed(case.octets)]))
        for case in taken:
            (kept,) = sink.for_(case.recipient.decode())
            self.assertTrue(kept.text.endswith(b"\r\n" + case.octets), (case.end, kept))
        self.unseen([case for case in cases(first=3000) if case not in taken])
