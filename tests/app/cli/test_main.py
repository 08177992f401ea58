"""`mailtwist WORD`: which command runs, which config it gets, what the process exits with."""

import contextlib
import io
import os

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.app.cli import main
from tests.app.cli.words import said


class MainTests(SynchronousTestCase):
    def setUp(self) -> None:
        before = dict(os.environ)
        self.addCleanup(os.environ.update, before)
        self.addCleanup(os.environ.clear)
        os.environ.pop("MAILTWIST_CONFIG", None)

    def test_a_command_runs_and_gives_the_status(self) -> None:
        self.assertEqual(said("say", "--status", "7")[0], 7)

    def test_the_config_is_the_usual_one(self) -> None:
        self.assertEqual(said("say"), (0, "/etc/mailtwist.ini\n", ""))

    def test_the_environment_names_a_config(self) -> None:
        os.environ["MAILTWIST_CONFIG"] = "/env.ini"
        self.assertEqual(said("say")[1], "/env.ini\n")

    def test_the_command_line_names_a_config_in_two_places(self) -> None:
        os.environ["MAILTWIST_CONFIG"] = "/env.ini"
        for argv in (("--config", "a.ini", "say"), ("say", "--config", "a.ini"), ("--config=a.ini", "say")):
            self.assertEqual(said(*argv)[1], "a.ini\n", argv)
        self.assertEqual(said("--config", "say", "say")[1], "say\n")
        self.assertEqual(said("--config", "a.ini", "say", "--config", "b.ini")[1], "b.ini\n")

    def test_a_percent_sign_in_the_configs_name(self) -> None:
        os.environ["MAILTWIST_CONFIG"] = "/100%s.ini"
        status, out, _ = said("say", "--help")
        self.assertEqual(status, 0)
        self.assertIn("/100%s.ini", out)

    def test_a_command_may_need_no_config(self) -> None:
        self.assertEqual(said("plain"), (0, "no config\n", ""))
        self.assertEqual(said("plain", "--config", "x")[0], 2)

    def test_help_lists_the_commands_even_broken_ones(self) -> None:
        for argv in (("--help",), ("-h",)):
            status, out, err = said(*argv)
            self.assertEqual((status, err), (0, ""))
            self.assertRegex(out, r"  say +says which config\n")
            self.assertRegex(out, r"  gone +cannot be used: ModuleNotFoundError: .*nowhere'\n")
            self.assertRegex(out, r"  odd +cannot be used: it is not a Command\n")

    def test_no_command_is_help_and_a_failure(self) -> None:
        status, out, err = said()
        self.assertEqual((status, out), (2, ""))
        self.assertIn("commands:", err)

    def test_a_broken_command_is_told_in_a_sentence(self) -> None:
        status, out, err = said("gone")
        self.assertEqual((status, out), (1, ""))
        self.assertRegex(
            err, r"^mailtwist: the command \"gone\" .* cannot be used: ModuleNotFoundError: .*\n$"
        )
        self.assertEqual(said("odd")[0], 1)

    def test_a_word_that_is_no_command(self) -> None:
        status, _, err = said("sya")
        self.assertEqual(status, 2)
        self.assertIn('there is no command "sya"; did you mean "say"?', err)
        self.assertNotIn("\x1b", said("\x1b[2J")[2])

    def test_problems_of_a_config_are_printed_in_order_and_the_status_is_78(self) -> None:
        status, out, err = said("say", "bad")
        self.assertEqual((status, out), (78, ""))
        self.assertEqual(err, "x.ini:1: [server] state: ü\nx.ini:2: [server] log: no\n")

    def test_trouble_is_told_with_its_detail(self) -> None:
        status, _, err = said("say", "trouble")
        self.assertEqual((status, err), (1, "mailtwist: 4.3.0 Try later (the disk is full)\n"))

    def test_a_full_disk_is_told(self) -> None:
        status, _, err = said("say", "disk")
        self.assertEqual((status, err), (1, "mailtwist: [Errno 28] No space left on device\n"))

    def test_a_command_may_end_with_a_sentence(self) -> None:
        self.assertEqual(said("say", "sentence"), (1, "", "mailtwist: there is no such user\n"))

    def test_sections_that_do_not_fit_together_are_a_bad_config(self) -> None:
        self.assertEqual(said("say", "circle"), (78, "", "[tls:a] needs [tls:a]\n"))

    def test_ctrl_c_is_no_traceback(self) -> None:
        self.assertEqual(said("say", "key"), (130, "", ""))

    def test_wrong_arguments_give_the_status_of_argparse(self) -> None:
        self.assertEqual(said("say", "--nonsense")[0], 2)
        self.assertEqual(said("--nonsense", "say")[0], 2)
        self.assertEqual(said("--config")[0], 2)

    def test_the_version_is_told(self) -> None:
        status, out, _ = said("--version")
        self.assertEqual(status, 0)
        self.assertRegex(out, r"^mailtwist \d+\.\d+")

    def test_installed_commands_are_found(self) -> None:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(main(["--help"]), 0)
        for word in ("check", "sample", "parts"):
            self.assertRegex(out.getvalue(), rf"\n  {word} +(?!cannot)[a-z]")
