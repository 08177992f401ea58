"""The cases of the article that started it all, by name, with real programs on every door."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.peers import clients
from tests.peers.host import Person, shared_host
from tests.peers.programs import needs
from tests.peers.remote import OTHER_KEY, Remote, RemoteHost, remote_host

PASSWORD = 'päss w@rd %20+"\\'


class Doors(SynchronousTestCase):
    """What each door says to somebody."""

    timeout = 300
    ann: Any

    def tried(
        self,
        secret: str,
        user: str | None = None,
        *,
        who: Person | Remote | None = None,
        source: str = "127.0.0.1",
    ) -> dict[str, str]:
        """What each door says to `secret`: its last words."""
        login = replace((who or self.ann).login(secret, user), source=source)
        said = {}
        for scheme in ("imaps", "pop3s"):
            said[scheme] = clients.curl_said(login, "", scheme=scheme)
        sent = clients.curl_send(
            login, self.ann.address, self.ann.address, b"Subject: x\r\n\r\nx\r\n", ok=range(256)
        )
        said["smtps"] = sent
        return said

    def assertRefused(self, said: dict[str, str]) -> None:
        self.assertIn("NO [AUTHENTICATIONFAILED] Authentication failed.", said["imaps"])
        self.assertIn("-ERR [AUTH] Authentication failed.", said["pop3s"])
        self.assertIn("535 5.7.8 Authentication failed", said["smtps"])

    def assertIn_(self, said: dict[str, str]) -> None:
        self.assertRegex(said["imaps"], r"(?m)^< A\d+ OK")
        self.assertNotIn("-ERR", said["pop3s"])
        self.assertIn("< 235 2.7.0", said["smtps"])

    def assertLater(self, said: dict[str, str]) -> None:
        self.assertIn("NO [UNAVAILABLE] Try again later.", said["imaps"])
        self.assertIn("-ERR [SYS/TEMP] Try again later.", said["pop3s"])
        self.assertIn("454 4.7.0 Temporary authentication failure", said["smtps"])


@needs("curl")
class ArticleTests(Doors):
    whole = staticmethod(shared_host)

    def setUp(self) -> None:
        self.host = self.whole()
        self.ann: Person = self.host.person("article", password=PASSWORD)

    def test_good_login(self) -> None:
        self.assertIn_(self.tried(self.ann.secret))

    def test_no_code(self) -> None:
        self.assertRefused(self.tried(self.ann.password))

    def test_wrong_code(self) -> None:
        self.assertRefused(self.tried(f"{self.ann.password}@{self.ann.wrong_code()}"))

    def test_wrong_password(self) -> None:
        self.assertRefused(self.tried(f"not{self.ann.password}@{self.ann.new_code()}"))

    def test_used_code(self) -> None:
        """A code that let somebody in is refused with another string, in the same words."""
        code = self.ann.new_code()
        first = self.tried(f"{self.ann.password}@{code}")
        self.assertIn("< 235 2.7.0", first["smtps"])
        self.assertRefused(self.tried(f"{self.ann.password} @{code}"))

    def test_unknown_user_hears_the_same(self) -> None:
        self.assertRefused(
            self.tried(f"{self.ann.password}@{self.ann.new_code()}", user="nobody@example.test")
        )

    def test_limited(self) -> None:
        """After six different wrong strings from one place the right one is told to come later, too, whatever
        the door; what is saved goes on at home, and so does a new string there; it ends by itself."""
        who = self.host.person("article-limited")
        home, elsewhere = "127.0.77.1", "127.0.78.1"
        self.assertIn_(self.tried(who.secret, who=who, source=home))
        for n in range(6):
            wrong = f"guess {n}@{who.wrong_code()}"
            said = clients.curl_said(replace(who.login(wrong), source=elsewhere), "")
            self.assertIn("NO [AUTHENTICATIONFAILED] Authentication failed.", said)
        self.assertLater(self.tried(f"{who.password}@{who.new_code()}", who=who, source=elsewhere))
        self.assertIn_(self.tried(who.secret, who=who, source=home))
        self.assertIn_(self.tried(f"{who.password}@{who.new_code()}", who=who, source=home))
        self.host.advance(31 * 60)
        self.assertIn_(self.tried(f"{who.password}@{who.new_code()}", who=who, source=elsewhere))


@needs("curl")
class RemoteServiceTests(Doors):
    """A remote 2FA service decides: the fifth row."""

    whole: Callable[[], Any] = staticmethod(remote_host)
    made: Callable[[], Any] = staticmethod(RemoteHost)

    def setUp(self) -> None:
        self.host = self.whole()
        self.service = self.host.service

    def person(self, name: str) -> Remote:
        self.ann = Remote(self.host, name, PASSWORD)
        return self.ann

    def test_a_remote_2fa_service_decides(self) -> None:
        """Its yes lets in by each door, with one code for all programs that one client begins; its no does
        not.  It hears codes, and nothing of the password."""
        ann = self.person("yes")
        self.assertIn_(self.tried(ann.secret))
        self.assertIn_(self.tried(ann.secret))
        self.assertEqual(self.service.heard(ann.address), [ann.secret[-6:]])
        self.assertRefused(self.tried(f"{ann.password}@999999"))
        self.assertEqual(set(self.service.heard(ann.address)), {ann.secret[-6:], "999999"})
        self.assertIn_(self.tried(f"{ann.password}@{ann.new_code()}"))
        for part in ("päss", "w@rd", "%20"):
            self.assertNotIn(part, self.service.everything)

    def test_it_is_not_asked_about_what_is_no_code(self) -> None:
        """The end of a password that has an @ in it never leaves the house."""
        ann = self.person("forgetful")
        for secret in (ann.password, f"{ann.password}@Secret", f"{ann.password}@12345", f"{ann.password}@"):
            self.assertRefused(self.tried(secret))
        self.assertEqual(self.service.heard(ann.address), [])

    def test_its_yes_is_not_enough(self) -> None:
        ann = self.person("half")
        self.assertRefused(self.tried(f"not{ann.password}@{ann.new_code()}"))

    def test_a_code_is_right_once_although_it_says_yes_again(self) -> None:
        ann = self.person("twice")
        code = ann.new_code()
        self.assertIn_(self.tried(f"{ann.password}@{code}"))
        self.assertRefused(self.tried(f"{ann.password} @{code}"))

    def test_nobody_is_blamed_when_it_is_away_or_lies_and_what_is_saved_gets_in(self) -> None:
        host = self.made()
        self.addCleanup(host.end)
        self.ann = ann = Remote(host, "away", PASSWORD)
        self.assertIn_(self.tried(ann.secret))
        for harm in (lambda: None, lambda: host.service.start(OTHER_KEY)):
            host.service.stop()
            harm()
            for secret in (f"{ann.password}@{ann.new_code()}", f"{ann.password}@999999"):
                self.assertLater(self.tried(secret))
            self.assertIn_(self.tried(ann.secret))
        host.service.stop()
        host.service.start()
        host.advance(120)  # it is left alone for a while
        self.assertIn_(self.tried(f"{ann.password}@{ann.new_code()}"))


class WhereTests(SynchronousTestCase):
    def test_the_state_folder_is_private(self) -> None:
        folder: Path = shared_host().state
        self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
