"""What a section [upstream:...] can mean, and what it says when it cannot."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.load import BadConfig, load_text
from mailtwist.gateway.upstream.settings import Settings


class SettingsTests(SynchronousTestCase):
    def settings(self, *lines: str) -> Settings:
        text = "\n".join(("[upstream:x]", "type = server", "hosts = a.example, 192.0.2.1", *lines))
        [section] = load_text(text).sections
        found: Settings = section.settings
        return found

    def test_the_kinds_that_are_served(self) -> None:
        found = self.settings("imap = 993 implicit", "submission = 587 starttls", "lmtp = unix:/run/lmtp")
        self.assertEqual(list(found.ways()), ["imap", "submission", "lmtp"])
        self.assertEqual(found.ways()["imap"].port, 993)

    def test_what_cannot_be_meant_says_what_to_write(self) -> None:
        for lines, words in (
            (["login = master", "master_password = x"], 'write "master_user = ..."'),
            (["login = master", "master_user = x"], 'write "master_password = ..."'),
            (["master_user = x"], 'master_user is for "login = master"; take it out'),
            (["login = xoauth2"], 'oauth and "login = xoauth2" go together'),
            (["login = none", "pop3 = 110 plain"], "without a login there is no imap"),
            (["key = x.pem"], 'a key needs its certificate; write "certificate = ..."'),
            (["pins = sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="], 'all is "plain" here'),
            (["user_name = mine"], "canonical"),
            (["tls_policy = opportunistic", "smtp = 25 starttls"], "imap hands over whom it is for"),
            (["pop3 = 995"], "is not a way to a server"),
        ):
            with self.assertRaises(BadConfig) as raised:
                self.settings("imap = 143 plain", *lines)
            self.assertIn(words, str(raised.exception))

    def test_none_is_for_who_believes_us(self) -> None:
        found = self.settings("login = none", "submission = 587 starttls", "smtp = 25 starttls")
        self.assertTrue(found.xclient)
        with self.assertRaises(BadConfig) as raised:
            self.settings("login = none", "submission = 587 starttls", "xclient = no")
        self.assertIn('write "xclient = yes"', str(raised.exception))
