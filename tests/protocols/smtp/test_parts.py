"""Which command may come when, what advertises it, and that a choice of parts is a choice of both."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.trouble import Trouble
from mailtwist.protocols.smtp.command import Refusal, Reply, State
from mailtwist.protocols.smtp.door import Session
from mailtwist.protocols.smtp.extension import Dialect, Extension
from mailtwist.protocols.smtp.limits import Limits
from mailtwist.protocols.smtp.measure import LINE_TOO_LONG, TOO_BIG, Measure
from mailtwist.protocols.smtp.replies import login_refusal, refusal
from tests.protocols.smtp.scene import Scene

GOLDEN = Path(__file__).with_name("commands.golden")
STATES = (State.NEW, State.READY, State.SENDER, State.RECIPIENTS, State.CHUNKS)
ANYWAY = ("BDAT",)
"""It says itself that it may not come, when its octets have been read."""

REACHED = {
    State.NEW: b"",
    State.READY: b"EHLO me\r\n",
    State.SENDER: b"EHLO me\r\nMAIL FROM:<a@b>\r\n",
    State.RECIPIENTS: b"EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n",
    State.CHUNKS: b"EHLO me\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 3\r\nS:x",
}
WHOLE = {
    "EHLO": b"EHLO me",
    "HELO": b"HELO me",
    "MAIL": b"MAIL FROM:<a@b>",
    "RCPT": b"RCPT TO:<c@d>",
    "VRFY": b"VRFY ann",
    "EXPN": b"EXPN staff",
    "LHLO": b"LHLO me",
    "BDAT": b"BDAT 0 LAST",
    "AUTH": b"AUTH PLAIN AGFubgBzZXNhbWU=",
}


class TableTests(SynchronousTestCase):
    def test_the_table_of_commands_and_states_is_the_golden_one(self):
        kinds = {**Dialect.installed().commands, **Dialect.installed(protocol="lmtp").commands}
        rows = [
            f"{name:<9}" + "".join(f" {state.name if state in kind.states else '':<11}" for state in STATES)
            for name, kind in sorted(kinds.items())
        ]
        self.assertEqual("\n".join(row.rstrip() for row in rows) + "\n", GOLDEN.read_text())

    def test_the_server_keeps_to_the_table(self):
        for protocol, hello in (("smtp", b"EHLO"), ("lmtp", b"LHLO")):
            dialect = Dialect.installed(protocol=protocol)
            for name, kind in dialect.commands.items():
                for state in STATES:
                    wire = Scene().connect(dialect=dialect)
                    wire.send(REACHED[state].replace(b"EHLO", hello))
                    wire.read()
                    wire.send(WHOLE.get(name, name.encode()) + b"\r\n")
                    refused = wire.read() in (
                        b"503 5.5.1 Say " + hello + b" first\r\n",
                        b"503 5.5.1 Bad sequence of commands\r\n",
                    )
                    if name not in ANYWAY:
                        self.assertEqual(refused, state not in kind.states, (name, state))


class ChoiceTests(SynchronousTestCase):
    def test_what_is_left_out_is_neither_told_nor_understood(self):
        for name, keyword, command, parameter in (
            ("size", b"SIZE", b"", b"SIZE=1"),
            ("8bitmime", b"8BITMIME", b"", b"BODY=7BIT"),
            ("auth", b"AUTH", b"AUTH PLAIN", b"AUTH=<>"),
            ("starttls", b"STARTTLS", b"STARTTLS", b""),
            ("pipelining", b"PIPELINING", b"", b""),
            ("chunking", b"CHUNKING", b"BDAT 0", b""),
            ("chunking", b"BINARYMIME", b"", b""),
            ("binarymime", b"BINARYMIME", b"", b""),
            ("8bitmime", b"BINARYMIME", b"", b""),
            ("smtputf8", b"SMTPUTF8", b"", b"SMTPUTF8"),
            ("dsn", b"DSN", b"", b"RET=HDRS"),
            ("dsn", b"DSN", b"", b"ENVID=x"),
            ("limits", b"LIMITS", b"", b""),
            ("expn", b"EXPN", b"EXPN staff", b""),
            ("help", b"", b"HELP", b""),
        ):
            for without in ((), (name,)):
                scene = Scene()
                wire = scene.connect(
                    dialect=Dialect.installed(without), trusted=lambda address: True, vrfy="anybody"
                )
                wire.send(b"EHLO me\r\n")
                words = [line[4:].split()[0] for line in wire.read().splitlines()[1:]]
                there = not without
                if keyword:
                    self.assertEqual(keyword in words, there, keyword)
                if command:
                    wire.send(command + b"\r\n")
                    self.assertEqual(wire.read().startswith(b"500"), not there, command)
                if parameter:
                    wire = scene.greeted(dialect=Dialect.installed(without))
                    wire.send(b"MAIL FROM:<a@b> " + parameter + b"\r\n")
                    self.assertEqual(wire.read().startswith(b"555"), not there, parameter)

    def test_two_parts_cannot_bring_the_same(self):
        size = Extension(name="size", rfc=1870, mail_parameters={"SIZE": lambda value, door: None})
        self.assertRaises(ValueError, Dialect, (size, size))


class ReplyTests(SynchronousTestCase):
    def test_each_line_has_code_and_status(self):
        self.assertEqual(bytes(Reply(550, "5.1.1", "one\ntwo")), b"550-5.1.1 one\r\n550 5.1.1 two\r\n")

    def test_a_reply_is_always_one_reply(self):
        for text in ("a\r\n250 b", "a\r250", "gr\xfcn\0", "\u2028"):
            for line in bytes(Reply(550, "5.0.0", text)).split(b"\r\n")[:-1]:
                self.assertRegex(line, rb"^550[ -]5\.0\.0 [ -~]*$")

    def test_no_line_is_longer_than_a_reply_may_be(self):
        for line in bytes(Reply(550, "5.123.123", "x" * 999 + "\n" + "\x7f" * 999)).split(b"\r\n"):
            self.assertLessEqual(len(line) + 2, 512)

    def test_temporary_and_permanent_never_change_sides(self):
        for first in "45":
            for subject in range(8):
                for detail in range(15):
                    trouble = Trouble(f"{first}.{subject}.{detail}", "words")
                    self.assertEqual(refusal(trouble).code // 100, int(first))
                    self.assertEqual(login_refusal(trouble).code // 100, int(first))

    def test_421_is_kept_for_the_end(self):
        self.assertNotIn(421, {refusal(Trouble(f"4.{n}.{m}", "x")).code for n in range(8) for m in range(20)})

    def test_a_temporary_problem_is_no_wrong_password(self):
        self.assertEqual(login_refusal(Trouble("4.3.0", "x")).code, 454)
        self.assertEqual(login_refusal(Trouble("5.3.0", "x")).code, 535)


class MeasureTests(SynchronousTestCase):
    def of(self, *chunks, **limits):
        measure = Measure(Limits(**limits))
        return [measure.see(chunk) for chunk in chunks]

    def test_size(self):
        self.assertEqual(self.of(b"x" * 60, b"x" * 40, b"x", message=100), [None, None, TOO_BIG])

    def test_lines_wherever_they_are_cut(self):
        data = b"a" * 10 + b"\r\n" + b"b" * 11 + b"\r\n" + b"c\r\n"
        for limit, good in ((11, True), (10, False)):
            for cut in range(len(data)):
                if data[:cut].endswith(b"\r"):
                    continue  # a block does not cut there
                found = self.of(data[:cut], data[cut:], text_line=limit)
                self.assertEqual(found == [None, None], good, (limit, cut))
                self.assertTrue(good or LINE_TOO_LONG in found)


class SessionTests(SynchronousTestCase):
    def test_it_begins_anew(self):
        self.assertIs(Session(None).state, State.NEW)

    def test_a_refusal_says_its_words(self):
        self.assertEqual(str(Refusal(TOO_BIG)), "The message is too big")
