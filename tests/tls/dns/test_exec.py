"""Records by a program of the operator's own: real programs."""

import os
import resource
import sys
from pathlib import Path
from threading import Event, Timer
from unittest.mock import patch

from twisted.trial.unittest import TestCase

from mailtwist.config.load import BadConfig, load_text
from mailtwist.config.secret import Secret
from mailtwist.config.values import Duration
from mailtwist.kit.spawn import started
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.dns import FIRST, DnsContract
from mailtwist.tls.dns.api import NotPublished
from mailtwist.tls.dns.exec import LARGEST, Command, Program, Settings, ended, part
from tests.backends.processes import eventually

NAME = "_acme-challenge.example.test"
RECORDS = """#!{python} -P
# One file for each name, one line for each value.
import fcntl, os, pathlib, sys
folder, action, name, value = sys.argv[1:]
assert (action, name, value) == tuple(os.environ["MAILTWIST_" + word] for word in ("ACTION", "NAME", "VALUE"))
with (pathlib.Path(folder) / name).open("a+") as file:
    fcntl.flock(file, fcntl.LOCK_EX)
    file.seek(0)
    values = [line for line in file.read().split("\\n") if line and line != value]
    file.truncate(0)
    file.write("\\n".join(values + [value] * (action == "add")))
"""


class Programs(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def script(self, text: str, name: str = "hook") -> str:
        file = self.folder / name
        file.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
        return str(file)

    def program(self, *command: str, timeout: float = 30) -> Program:
        settings = Settings(command=Command(command), timeout=Duration(timeout))
        made = Program(settings, OnePart(self.folder))
        self.addCleanup(made.stop)
        return made

    async def refused(self, script: str, **how) -> str:
        with self.assertRaises(NotPublished) as caught:
            await self.program(self.script(script), **how).add(NAME, FIRST)
        return caught.exception.words


class ContractTests(DnsContract, Programs):
    async def make_publisher(self) -> Program:
        (self.folder / "records").mkdir()
        hook = self.script(RECORDS.format(python=sys.executable))
        return self.program(hook, str(self.folder / "records"))

    async def texts(self, name: str) -> list[str]:
        file = self.folder / "records" / name
        return file.read_text().split() if file.exists() else []

    async def take_away(self, publisher: Program) -> None:
        (self.folder / "hook").unlink()


class ExecTests(Programs):
    async def test_nothing_of_it_is_for_a_shell(self) -> None:
        out = self.folder / "out"
        hook = self.script(f'printf "%s|" "$@" > {out}')
        await self.program(hook, "$(id); `id`", "*", "").add(NAME, FIRST)
        self.assertEqual(out.read_text(), f"$(id); `id`|*||add|{NAME}|{FIRST}|")

    async def test_it_has_our_environment_without_what_is_ours_alone(self) -> None:
        out = self.folder / "out"
        told = {"MAILTWIST_TEST_TOKEN": "hunter2", "NOTIFY_SOCKET": "/run/x", "AWS_REGION": "here"}
        with patch.dict(os.environ, told):
            self.assertEqual(Secret.parse("env:MAILTWIST_TEST_TOKEN").reveal(), "hunter2")
            await self.program(self.script(f"env > {out}")).add(NAME, FIRST)
        known = out.read_text()
        self.assertIn("AWS_REGION=here\n", known)
        for word in ("hunter2", "MAILTWIST_TEST_TOKEN", "NOTIFY_SOCKET"):
            self.assertNotIn(word, known)

    async def test_how_it_ended_is_told_with_what_it_complained_of(self) -> None:
        words = await self.refused('printf "no such zone\\n\\033[31mred\\007" >&2; exit 3')
        self.assertIn(f"hook add {NAME}: ended with 3: no such zone ?[31mred?", words)

    async def test_what_it_says_to_nobody_is_not_told(self) -> None:
        self.assertTrue((await self.refused("echo secret; exit 1")).endswith("ended with 1"))

    async def test_a_signal_is_told(self) -> None:
        self.assertIn("was killed by signal 9", await self.refused("kill -9 $$"))

    async def test_complaints_without_end_are_cut_and_hold_nothing_up(self) -> None:
        words = await self.refused("head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 1")
        self.assertLess(len(words), LARGEST + 200)

    async def test_who_complains_and_does_it_all_the_same_has_done_it(self) -> None:
        await self.program(self.script("echo well >&2")).add(NAME, FIRST)

    async def test_one_that_does_not_end_is_killed_with_all_that_it_has_started(self) -> None:
        pids = self.folder / "pids"
        hook = f"echo waiting >&2; sleep 600 & echo $! > {pids}; echo $$ >> {pids}; sleep 600"
        words = await self.refused(hook, timeout=5)
        self.assertIn("has not ended after 5 s and was killed: waiting", words)
        for pid in map(int, pids.read_text().split()):
            self.assertTrue(eventually(lambda pid=pid: _is_gone(pid)), pid)

    async def test_what_it_leaves_running_is_not_waited_for_and_does_not_stay(self) -> None:
        pid = self.folder / "pid"
        await self.program(self.script(f"sleep 600 & echo $! > {pid}")).add(NAME, FIRST)
        self.assertTrue(eventually(lambda: _is_gone(int(pid.read_text()))))

    async def test_the_end_of_the_server_is_its_end(self) -> None:
        pid = self.folder / "pid"
        program = self.program(self.script(f"echo $$ > {pid}.tmp; mv {pid}.tmp {pid}; exec sleep 600"))
        adding = started(program.add(NAME, FIRST))
        self.assertTrue(eventually(pid.exists))
        await program.stop()
        with self.assertRaises(NotPublished):
            await adding
        self.assertTrue(_is_gone(int(pid.read_text())))

    async def test_a_program_that_cannot_be_run_is_told(self) -> None:
        with self.assertRaises(NotPublished) as caught:
            await self.program(str(self.folder / "none")).add(NAME, FIRST)
        self.assertIn("cannot be run: No such file or directory", caught.exception.words)

    def test_many_open_files_are_no_hindrance(self) -> None:
        """A server has thousands of connections."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard < 3000:
            self.skipTest("this process may have too few open files")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3000), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
        try:
            wrong = ended([self.script("echo oh >&2; exit 2")], dict(os.environ), 30, Event())
        finally:
            for one in held:
                os.close(one)
        self.assertEqual(wrong, "ended with 2: oh")

    def test_called_off_it_ends_at_once(self) -> None:
        off = Event()
        Timer(0.2, off.set).start()
        self.assertIn("was killed", ended([self.script("exec sleep 600")], dict(os.environ), 600, off))

    async def test_check_looks_for_the_program(self) -> None:
        assembly = OnePart(self.folder)
        self.assertEqual(await part.check(Settings(command=Command([self.script("")])), assembly), [])
        for bad in (str(self.folder), str(self.folder / "none")):
            ((setting, _),) = await part.check(Settings(command=Command([bad])), assembly)
            self.assertEqual(setting, "command")


class SettingsTests(TestCase):
    def test_a_command_is_words(self) -> None:
        self.assertEqual(Command.parse("/bin/x 'a b' c\\ d"), ("/bin/x", "a b", "c d"))
        self.assertEqual(Command.parse(str(Command(["/bin/x", "a b"]))), ("/bin/x", "a b"))

    def test_what_is_no_command_is_told(self) -> None:
        for text in ("hook", "'", "/bin/x 'a", "~/x"):
            with self.assertRaises(BadConfig) as caught:
                load_text(f"[dns:main]\ntype = exec\ncommand = {text}\n")
            self.assertIn("is no command", str(caught.exception))


def _is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
