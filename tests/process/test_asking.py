"""A login that waits for its owner's yes, in whole servers: two workers, one page, several ends."""

import atexit
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.peers.programs import needs, program
from tests.process.asking import PEOPLE, URL, Asking, link
from tests.process.site import eventually

REFUSED = b"a1 NO [AUTHENTICATIONFAILED] Authentication failed."


@cache
def asking() -> Asking:
    """One for all tests that do it no harm."""
    folder = Path(tempfile.mkdtemp(prefix="mailtwist-asking-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    house = Asking(folder / "server")
    atexit.register(house.end)
    return house


@needs("curl")
class AskingTests(SynchronousTestCase):
    timeout = 120

    def setUp(self) -> None:
        self.house = asking()
        self.addCleanup(self.house.healthy)

    def test_yes_lets_it_go_on_whichever_worker_hears_it(self) -> None:
        for _ in range(2):
            talker = self.house.begun()
            message = self.house.phones.message()
            approve = link(message, "Approve")
            seen = {self.house.visit(approve)[0] for _ in range(8)}
            self.assertEqual(seen, {200})
            self.assertEqual(self.house.visit(approve, "POST")[0], 200)
            self.assertTrue(self.house.ended(talker).startswith(b"a1 OK "))
            self.assertEqual({self.house.visit(approve, "POST")[0] for _ in range(6)}, {410})
            talker.close()

    def test_no_and_nothing_look_the_same(self) -> None:
        denied, silent = self.house.begun(), self.house.begun()
        messages = [self.house.phones.message(), self.house.phones.message()]
        status, page = self.house.visit(link(messages[0], "Deny"), "POST")
        self.assertEqual(status, 200)
        self.assertIn("somebody knows your password", page)
        for talker in (denied, silent):
            self.assertEqual(self.house.ended(talker), REFUSED)
            talker.close()
        self.assertEqual(self.house.visit(link(messages[1], "Approve"), "POST")[0], 410)

    def test_who_has_hung_up_is_let_in_by_nobody(self) -> None:
        for begun in (self.house.begun, self.house.begun_by_pop3):
            before = self.gone
            talker = begun()
            message = self.house.phones.message()
            talker.close()
            self.assertTrue(eventually(lambda before=before: self.gone > before), self.house.server.log)
            self.assertEqual(self.house.visit(link(message, "Approve"), "POST")[0], 410)

    @property
    def gone(self) -> int:
        return self.house.server.log.count(" approval.gone ")

    def test_a_person_with_a_browser_presses_a_button(self) -> None:
        talker = self.house.begun()
        message = self.house.phones.message()
        self.assertTrue(message["click"].startswith(f"{URL}/approve?"))
        page = self.curl(message["click"])
        self.assertIn("Log in as p", page)
        forms = re.findall(r'<form method="post" action="([^"]+)"><button>(\w+)</button>', page)
        self.assertEqual([word for _, word in forms], ["Approve", "Deny"])
        self.assertIn("Approved", self.curl(f"{URL}/approve{forms[0][0]}", "--data", ""))
        self.assertTrue(self.house.ended(talker).startswith(b"a1 OK "))
        talker.close()

    def test_a_command_asks_for_real_and_the_servers_page_answers_it(self) -> None:
        """It tells what has to be done on the phone before."""
        topics: list[str] = []

        def says_yes() -> None:
            message = self.house.phones.message()
            topics.append(message["topic"])
            self.house.visit(link(message, "Approve"), "POST")

        person = threading.Thread(target=says_yes, daemon=True)
        person.start()
        told = self.house.server.command("factor", "test", "phone", PEOPLE[-1], "--ask")
        person.join(30)
        self.assertIn("he said yes", " ".join(told.split()))
        self.assertEqual(len(topics), 1)
        self.assertIn(topics[0], told)

    def curl(self, link: str, *more: str) -> str:
        port = self.house.server.port("site")
        url = link.replace(URL, f"http://127.0.0.1:{port}")
        done = subprocess.run([program("curl"), "-sS", *more, url], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def test_nothing_secret_is_in_the_log(self) -> None:
        talker = self.house.begun()
        message = self.house.phones.message()
        self.house.visit(link(message, "Approve"), "POST")
        self.house.ended(talker)
        talker.close()
        for secret in (message["topic"], link(message, "Approve")[-60:], link(message, "Deny")[-60:]):
            self.assertNotIn(secret, self.house.server.log)


class EndingTests(SynchronousTestCase):
    timeout = 120

    def test_a_server_that_ends_refuses_nobody_and_forgets_whom_it_asked(self) -> None:
        house = Asking(Path(self.mktemp()))
        self.addCleanup(house.end)
        talker = house.begun()
        message = house.phones.message()
        house.server.send(signal.SIGTERM)
        heard = house.ended(talker)
        self.assertNotIn(b"AUTHENTICATIONFAILED", heard)
        self.assertRegex(heard, rb"\A(a1 NO \[UNAVAILABLE\]|\* BYE)")
        house.server.wait()
        house.server.start()
        for method in ("GET", "POST"):
            self.assertEqual(house.visit(link(message, "Approve"), method)[0], 410)
        house.healthy()
