"""A Postfix that stops in the middle of it: the client waits, nothing is taken that it has not taken."""

import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.backends import shared
from tests.backends.postfix import PostfixBehind
from tests.gateway.talking import Talking
from tests.gateway.whole import Gateway
from tests.peers.programs import needs

STEPS = (
    (b"MAIL FROM:<ann@inside.test>", b"250 "),
    (b"RCPT TO:<frozen@sink.test>", b"250 "),
    (b"DATA", b"354 "),
    (b"Subject: x\r\n\r\nhello\r\n.", b"250 "),
)
SOON = 0.5
"""Seconds without an answer."""


@needs("postfix", "dovecot")
class FrozenTests(SynchronousTestCase):
    timeout = 300

    def setUp(self) -> None:
        self.server = PostfixBehind(shared.dovecot().auth, relay=shared.sink().port)
        self.addCleanup(self.server.stop)
        self.server.start()
        self.addCleanup(self.server.thaw)
        home = shared.dovecot()
        people = (
            "\n[directory:people]\ntype = upstream\nupstream = inside\ndomains = inside.test\n"
            "judge = submission\n"
        )
        self.gateway = Gateway(self.server, home=home, people=people, inside="login_time = 3 s")
        self.addCleanup(self.gateway.end)
        self.login = self.gateway.person("ann").login()
        self.talking().close()

    def talking(self) -> Talking:
        talking = Talking(self.gateway, "submissions")
        self.addCleanup(talking.close)
        talking.log_in(self.login)
        return talking

    def got(self) -> int:
        return sum(b"frozen@sink.test" in one.recipients for one in shared.sink().kept)

    def test_at_each_step_the_client_waits_and_then_it_goes_on(self) -> None:
        before = self.got()
        talking = self.talking()
        for command, code in STEPS:
            self.server.freeze()
            talking.send(command + b"\r\n")
            self.assertTrue(talking.silent(SOON), command)
            self.server.thaw()
            told = talking.answer()
            self.assertTrue(told.startswith(code), (command, told))
        self.assertEqual(len(shared.sink().for_("frozen@sink.test", before + 1)), before + 1)

    def test_who_goes_meanwhile_has_sent_nothing(self) -> None:
        before = self.got()
        for step in range(1, len(STEPS)):
            talking = self.talking()
            for command, _ in STEPS[: step - 1]:
                talking.ask(command)
            self.server.freeze()
            talking.send(STEPS[step - 1][0] + b"\r\n")
            self.assertTrue(talking.silent(SOON))
            talking.close()
            time.sleep(SOON)
            self.server.thaw()
        self.talking().close()
        self.assertEqual(self.got(), before)
        self.assertFalse(self.server.lines("status=sent"))

    def test_killed_at_each_step(self) -> None:
        for step in range(len(STEPS)):
            talking = self.talking()
            for command, _ in STEPS[:step]:
                talking.ask(command)
            self.server.freeze()
            talking.send(STEPS[step][0] + b"\r\n")
            self.assertTrue(talking.silent(SOON))
            self.server.kill()
            told = talking.answer()
            self.assertTrue(told.startswith(b"451 4.4.2 "), (step, told))
            self.server.start()

    def test_a_login_is_for_later(self) -> None:
        self.server.freeze()
        with self.assertRaisesRegex(AssertionError, "454 4.7.0"):
            self.talking()

    def test_a_message_without_end_waits_at_the_client(self) -> None:
        """No more of it is held than the kernel and one block or two."""
        talking = self.talking()
        for command, _ in STEPS[:3]:
            talking.ask(command)
        self.server.freeze()
        before = self.memory()
        sent = talking.push((b"y" * 998 + b"\r\n") * 1000, 300, SOON)
        self.assertLess(sent, 100 << 20)
        self.assertLess(self.memory() - before, 16 << 20)
        talking.close()
        self.server.thaw()
        self.assertFalse(self.server.lines("status=sent"))

    def memory(self) -> int:
        status = Path(f"/proc/{self.gateway.server.pid}/status").read_text()
        (kilobytes,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")]
        return int(kilobytes) * 1024
