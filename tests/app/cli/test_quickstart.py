"""The unit file, and what is left to do; the whole of `mailtwist quickstart` is in tests/gateway/probe."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from unittest import SkipTest
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.app.cli.next_steps import First, next_steps
from mailtwist.app.cli.probe import status_of
from mailtwist.app.cli.quickstart import command, confirmed, gateway, given_to_the_owner
from mailtwist.app.cli.unit import STATE, unit
from mailtwist.auth.api import Person
from mailtwist.config.load import load
from mailtwist.gateway.probe.choice import Choice
from mailtwist.gateway.probe.found import Port
from mailtwist.gateway.probe.ini import Wishes, gateway_ini
from mailtwist.protocols.dialogue import Offer
from tests.peers.programs import absent

INI = Path("/etc/mailtwist/mailtwist.ini")


class Units(SynchronousTestCase):
    def test_the_usual_state_is_made_by_systemd(self) -> None:
        with patch.object(sys, "prefix", "/opt/mailtwist"):
            text = unit("mail.inside.example", INI, STATE, "mailtwist")
        for line in (
            "User=mailtwist",
            "StateDirectory=mailtwist",
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "ProtectHome=yes",
            "PrivateTmp=yes",
            "AmbientCapabilities=CAP_NET_BIND_SERVICE",
            "ExecReload=/bin/kill -HUP $MAINPID",
            "Restart=on-failure",
        ):
            self.assertIn(f"\n{line}\n", text)

    def test_another_one_may_be_written(self) -> None:
        text = unit("x", Path("/srv/a b/x.ini"), Path("/srv/a b/100% $x"), "ann")
        self.assertIn('\nReadWritePaths="/srv/a b/100%% $x"\n', text)
        self.assertIn('--config "/srv/a b/x.ini"\n', text)
        self.assertNotIn("StateDirectory", text)

    def test_what_lies_at_home_or_in_tmp_is_not_hidden(self) -> None:
        self.assertIn("\nProtectHome=no\n", unit("x", Path("/home/ann/x.ini"), STATE, "ann"))
        self.assertIn("\nPrivateTmp=no\n", unit("x", Path("/tmp/x/x.ini"), STATE, "ann"))

    def test_no_line_can_be_added(self) -> None:
        with self.assertRaises(ValueError):
            unit("x", Path("/srv/a\nExecStart=evil/x.ini"), STATE, "ann")

    def test_systemd_understands_it(self) -> None:
        program = shutil.which("systemd-analyze") or absent("systemd-analyze is not installed")
        path = Path(self.mktemp()).absolute() / "mailtwist.service"
        path.parent.mkdir()
        path.write_text(unit("x", Path("/srv/a b/x.ini"), Path("/srv/a b/100% $x"), "root"))
        done = subprocess.run([program, "verify", str(path)], capture_output=True, text=True, check=False)
        about = [line for line in done.stderr.splitlines() if path.name in line]
        self.assertEqual(about, [])


class Broken(TestCase):
    async def test_a_config_that_is_there_and_wrong_is_told(self) -> None:
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "mailtwist.ini").write_text("[nothing]\n")
        parser, err = ArgumentParser(), io.StringIO()
        command.arguments(parser)
        chosen = parser.parse_args(["gateway", "localhost", "--folder", str(folder)])
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
            self.assertEqual(await status_of(gateway, chosen), 78)
        self.assertIn("[nothing]", err.getvalue())
        self.assertFalse((folder / "mailtwist.service").exists())


class Asked:
    """`confirm` of second factors: one code is right."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def confirm(self, person: object, code: str, token: str) -> bool:
        self.heard.append(code)
        return code == "123456"


class Confirming(TestCase):
    async def typed(self, *lines: str) -> tuple[bool, list[str]]:
        factors, left = Asked(), list(lines)

        def ask(prompt: str) -> str:
            if not left:
                raise EOFError
            return left.pop(0)

        with contextlib.redirect_stdout(io.StringIO()):
            return await confirmed(factors, ann(), ask), factors.heard

    async def test_a_code_confirms(self) -> None:
        self.assertEqual(await self.typed("123 456"), (True, ["123456"]))
        self.assertEqual(await self.typed("1", "123456"), (True, ["1", "123456"]))

    async def test_it_can_wait(self) -> None:
        self.assertEqual(await self.typed(""), (False, []))
        self.assertEqual(await self.typed(), (False, []))

    async def test_three_wrong_ones_are_enough(self) -> None:
        self.assertEqual(await self.typed("1", "2", "3", "123456"), (False, ["1", "2", "3"]))


class Owners(SynchronousTestCase):
    def test_what_root_has_made_belongs_to_whose_folder_it_is(self) -> None:
        if os.geteuid() != 0:
            raise SkipTest("only root can give files away")
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "root's").touch()
        (folder / "other").touch()
        os.chown(folder / "other", 12, 12)
        given_to_the_owner(folder)
        self.assertEqual((folder / "root's").stat().st_uid, 0)
        os.chown(folder, 1, 1)
        os.symlink("/etc/hostname", folder / "link")
        given_to_the_owner(folder)
        self.assertEqual((folder / "root's").stat().st_uid, 1)
        self.assertEqual((folder / "other").stat().st_uid, 12)
        self.assertEqual(os.stat("/etc/hostname").st_uid, 0)


def ann() -> Person:
    return Person("a1", "ann@example.org")


class Steps(SynchronousTestCase):
    def steps(self, first: First, runs_as: str, email: str = "") -> str:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        offer = Offer(["IMAP4rev1"])
        port = Port("imap", 993, "192.0.2.1", True, True, security="implicit", offer=offer)
        wishes = Wishes("localhost", "gw.example.test", str(folder), email=email)
        text = gateway_ini(Choice({"imap": port}), wishes)
        (folder / "x.ini").write_text(text)
        return next_steps(load(folder / "x.ini"), INI, INI.with_suffix(".service"), first, runs_as)

    def test_root_is_told_how_to_start_it_as_somebody_else(self) -> None:
        text = self.steps(First("ann@example.org"), "mailtwist")
        self.assertIn("useradd --system", text)
        self.assertIn("systemctl enable --now /etc/mailtwist/mailtwist.service", text)
        self.assertIn("runuser -u mailtwist -- ", text)
        self.assertIn("otp confirm ann@example.org CODE", text)
        self.assertIn("open these ports here: 143, 993\n", text)
        self.assertIn("curl --insecure ", text)
        self.assertIn("until DNS has gw.example.test, write this machine's address", text)

    def test_who_has_certificates_that_come_by_themselves_opens_port_80_and_trusts_them(self) -> None:
        text = self.steps(First("ann@example.org"), "mailtwist", "ann@example.org")
        self.assertIn("open these ports here: 80, 143, 993\n", text)
        self.assertIn("curl --user ", text)
        self.assertIn("mailtwist tls list", text)

    def test_who_is_not_root_is_told_what_is_left_for_root(self) -> None:
        text = self.steps(First("ann@example.org", confirmed=True), "ann")
        self.assertIn("You are not root", text)
        self.assertNotIn("runuser", text)
        self.assertNotIn("otp confirm ann", text)
        self.assertIn(
            "curl --insecure --user ann@example.org:PASSWORD@CODE imaps://gw.example.test:993/", text
        )
