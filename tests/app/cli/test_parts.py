"""`mailtwist parts` and `mailtwist sample`: what is installed, and a config of it."""

import json
import os
from importlib.metadata import EntryPoint
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.app.cli import parts
from mailtwist.config.page import page
from mailtwist.config.part import GROUPS, installed
from mailtwist.config.sample import sample
from tests.app.cli.words import ran, said


class PartsTests(SynchronousTestCase):
    def test_each_part_has_its_line_under_its_group(self) -> None:
        status, out, _ = said("parts", installed=installed)
        self.assertEqual(status, 0)
        below = out.partition("mailtwist.command\n")[2]
        self.assertRegex(
            below,
            r"(?m)^  sample +`mailtwist sample`: an annotated .* \(mailtwist\.app\.cli\.sample, mailtwist \d",
        )

    def test_as_json_it_is_for_programs(self) -> None:
        status, out, _ = said("parts", "--json", installed=installed)
        found = json.loads(out)
        self.assertEqual(status, 0)
        self.assertEqual(
            [one["group"] for one in found], sorted((one["group"] for one in found), key=GROUPS.index)
        )
        [one] = [one for one in found if (one["group"], one["name"]) == ("mailtwist.command", "parts")]
        self.assertEqual(one["module"], "mailtwist.app.cli.parts")
        self.assertEqual(
            one["words"], "`mailtwist parts`: what is installed, of mailtwist and of its extensions."
        )
        self.assertFalse(one["broken"])

    def test_a_broken_part_is_told_with_its_reason(self) -> None:
        def broken(group: str) -> dict[str, EntryPoint]:
            points = {
                "gone": EntryPoint("gone", "tests.app.cli.nowhere:part", group),
                "exiting": EntryPoint("exiting", "tests.config.exiting:part", group),
            }
            return points if group == "mailtwist.tls" else {}

        self.patch(parts, "installed", broken)
        self.assertEqual(
            [(one.name, one.broken) for one in parts.found()], [("gone", True), ("exiting", True)]
        )
        _, out, _ = said("parts", installed=installed)
        self.assertIn("gone                 BROKEN: ModuleNotFoundError", out)
        self.assertIn("exiting              BROKEN: SystemExit: 3", out)


class SampleTests(SynchronousTestCase):
    def test_the_sample_is_printed(self) -> None:
        self.assertEqual(said("sample", installed=installed), (0, sample(), ""))

    def test_the_page_is_printed(self) -> None:
        self.assertEqual(said("sample", "--page", installed=installed), (0, page(), ""))

    def test_a_reader_may_go_away(self) -> None:
        read, write = os.pipe()
        os.close(read)
        done = ran(Path.cwd(), "sample", stdout=write)
        os.close(write)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
