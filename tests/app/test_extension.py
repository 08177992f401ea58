"""An extension by entry points alone: installed into a venv, and all four of its parts are used."""

import imaplib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from argon2 import PasswordHasher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.server import RunningServer

ROOT = Path(__file__).parent.parent.parent

INI = """
[server]
hostname = mail.example.org
state = state
trusted_networks = 127.0.0.0/8

[login]
refusal = 0

[directory:family]
file = family.txt

[factor:paper]
lists = lists

[store:mail]
type = memory

[upstream:old]
type = server
hosts = 127.0.0.1
imap = 1143 plain

[upstream:new]
type = server
hosts = 127.0.0.1
imap = 2143 plain

[route:moved]
file = moved.txt
new = new
old = old

[service:imap]
listen = 127.0.0.1:0
store = mail
"""


def venv_with(package: Path, folder: Path) -> Path:
    """A Python in `folder` that has what this one has, mailtwist, and `package`."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    paths = {name: str(folder) for name in ("base", "platbase")}
    site = Path(sysconfig.get_path("purelib", "venv", vars=paths))
    ours = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), str(ROOT)}
    (site / "ours.pth").write_text("\n".join(sorted(ours)))
    source = shutil.copytree(package, folder / "source")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install"]
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", source]
    done = subprocess.run([*pip, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(done.stdout + done.stderr)
    return python


class Extension(SynchronousTestCase):
    def setUp(self) -> None:
        folder = Path(self.mktemp()).absolute()
        python = venv_with(ROOT / "tap-examples" / "extension", folder / "venv")
        environment = {"PYTHONPATH": ""}
        self.server = RunningServer(folder / "server", INI, python=str(python), environment=environment)
        line = f"ann@example.org {PasswordHasher(1, 64, 1).hash(b'secret')}\n"
        (self.server.folder / "family.txt").write_text(line)
        os.mkdir(self.server.folder / "lists")
        (self.server.folder / "lists" / "ann@example.org").write_text("windmill7\nlanterns3\nhedgehog8\n")

    def login(self, secret: str) -> imaplib.IMAP4:
        client = imaplib.IMAP4("127.0.0.1", self.server.port("imap"), timeout=30)
        self.addCleanup(client.shutdown)
        client.login("ann@example.org", secret)
        return client

    def test_its_command_its_factor_and_its_directory_work(self) -> None:
        with self.server:
            for wrong in ("secret", "wrong@windmill7", "secret@unwritten5", "secret@123456"):
                self.assertRaises(imaplib.IMAP4.error, self.login, wrong)
            client = self.login("secret@lanterns3")
            self.assertIn(b"XECHO", client.capability()[1][0].split())
            imaplib.Commands["XECHO"] = ("AUTH",)
            self.addCleanup(imaplib.Commands.pop, "XECHO")
            self.assertEqual(client._simple_command("XECHO", '"hello there"')[0], "OK")
            self.assertEqual(
                client._untagged_response("OK", [None], "XECHO")[1], [(b"{11}", b"hello there"), b""]
            )
            self.assertRaises(imaplib.IMAP4.error, self.login, "secret@windmill7")  # an older word
            self.login("secret@hedgehog8")
        listed = self.server.command("parts")
        for word in ("mailtwist_example.xecho", "mailtwist_example.paper", "mailtwist_example.family"):
            self.assertIn(word, listed)
        self.assertIn("mailtwist_example.moved", listed)
        self.assertIn("[route:moved]", self.server.command("sample"))
