"""Secrets: where they come from, and that they do not show themselves."""

import copy
import os
import pickle
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.load import load_text
from mailtwist.config.values import Secret
from tests.config.kinds import parts


class SecretTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        before = dict(os.environ)
        self.addCleanup(os.environ.update, before)
        self.addCleanup(os.environ.clear)

    def loaded(self, text: str) -> Secret:
        ini = f"[service:everything]\nlisten = 143\nsecret = {text}\n"
        config = load_text(ini, self.folder / "x.ini", parts)
        secret = config.sections[0].settings.secret
        assert isinstance(secret, Secret)
        return secret

    def test_one_written_in_the_file(self) -> None:
        self.assertEqual(self.loaded("hunter2").reveal(), "hunter2")
        self.assertEqual(self.loaded("a:b=c # d").reveal(), "a:b=c # d")

    def test_one_that_looks_like_a_reference(self) -> None:
        self.assertEqual(self.loaded("inline:file:x").reveal(), "file:x")

    def test_one_in_a_file_near_the_ini_file(self) -> None:
        (self.folder / "key").write_bytes(b"  p\xc3\xa4ss \r\n")
        secret = self.loaded("file:key")
        self.assertEqual(secret.reveal(), "  päss ")
        self.assertEqual(secret.reveal_octets(), b"  p\xc3\xa4ss ")
        self.assertEqual(str(secret), f"file:{self.folder}/key")

    def test_only_one_line_break_at_the_end_goes(self) -> None:
        (self.folder / "key").write_bytes(b"a\n\n")
        self.assertEqual(self.loaded("file:key").reveal(), "a\n")

    def test_one_in_the_environment(self) -> None:
        os.environ["MAILTWIST_TEST"] = "hunter2"
        self.assertEqual(self.loaded("env:MAILTWIST_TEST").reveal(), "hunter2")

    def test_one_of_systemd(self) -> None:
        os.environ["CREDENTIALS_DIRECTORY"] = str(self.folder)
        (self.folder / "ldap").write_text("hunter2\n")
        self.assertEqual(self.loaded("credential:ldap").reveal(), "hunter2")

    def test_it_is_read_once(self) -> None:
        """What only root can read is still there after privileges are gone."""
        (self.folder / "key").write_text("hunter2")
        secret = self.loaded("file:key")
        (self.folder / "key").unlink()
        self.assertEqual(secret.reveal(), "hunter2")

    def test_it_does_not_show_itself(self) -> None:
        os.environ["MAILTWIST_TEST"] = "hunter2"
        for secret in (Secret("hunter2"), self.loaded("hunter2"), self.loaded("env:MAILTWIST_TEST")):
            for words in (str(secret), repr(secret), f"{secret}", repr([secret]), repr({"a": (secret,)})):
                self.assertNotIn("hunter2", words)
            self.assertRaises(TypeError, pickle.dumps, secret)
            self.assertRaises(TypeError, copy.copy, secret)

    def test_the_config_does_not_show_it(self) -> None:
        config = load_text("[service:everything]\nlisten = 143\nsecret = hunter2\n", "x.ini", parts)
        self.assertNotIn("hunter2", repr(config))

    def test_the_same_one_is_equal(self) -> None:
        same = Secret.parse("hunter2"), Secret.parse("inline:hunter2")
        self.assertEqual(*same)
        self.assertEqual(hash(same[0]), hash(same[1]))
        for other in (Secret.parse("hunter3"), Secret.parse("env:hunter2"), Secret.parse(""), "hunter2"):
            self.assertNotEqual(same[0], other)
        self.assertEqual(Secret.parse("env:A"), Secret.parse("env:A"))
        self.assertNotEqual(Secret.parse("env:A"), Secret.parse("env:B"))

    def test_references_are_written_back(self) -> None:
        for text in ("file:/a/b", "env:NAME", "credential:name"):
            self.assertEqual(str(Secret.parse(text)), text)
