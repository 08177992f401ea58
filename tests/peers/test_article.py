"""The cases of the article that started it all, by name, with real programs on every door."""

from dataclasses import replace
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.peers import clients
from tests.peers.host import Person, shared_host
from tests.peers.programs import needs


@needs("curl")
class ArticleTests(SynchronousTestCase):
    timeout = 300
    whole = staticmethod(shared_host)

    def setUp(self) -> None:
        self.host = self.whole()
        self.ann: Person = self.host.person("article", password='päss w@rd %20+"\\')

    def tried(
        self, secret: str, user: str | None = None, *, who: Person | None = None, source: str = "127.0.0.1"
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
        said = self.tried(f"{who.password}@{who.new_code()}", who=who, source=elsewhere)
        self.assertIn("NO [UNAVAILABLE] Try again later.", said["imaps"])
        self.assertIn("-ERR [SYS/TEMP] Try again later.", said["pop3s"])
        self.assertIn("454 4.7.0 Temporary authentication failure", said["smtps"])
        self.assertIn_(self.tried(who.secret, who=who, source=home))
        self.assertIn_(self.tried(f"{who.password}@{who.new_code()}", who=who, source=home))
        self.host.advance(31 * 60)
        self.assertIn_(self.tried(f"{who.password}@{who.new_code()}", who=who, source=elsewhere))


class WhereTests(SynchronousTestCase):
    def test_the_state_folder_is_private(self) -> None:
        folder: Path = shared_host().state
        self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
