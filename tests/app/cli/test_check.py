"""`mailtwist check`: a config is read, its parts try themselves, all problems are told."""

import os
import socket
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase, TestCase

from mailtwist.app.assemble import Assembled, CannotAssemble
from mailtwist.app.cli import check
from mailtwist.config.load import load_text
from mailtwist.config.part import Part
from mailtwist.config.settings import setting
from tests.app.cli.words import ran


@dataclass(frozen=True)
class Settings:
    """A part that says what it is told to say."""

    says: str = setting("", words="A problem.")
    raises: str = setting("", words="An exception of `check`.")
    refuses: str = setting("", words="An exception of `build`.")
    is_wrong: str = setting("", words="A ValueError of `build`.")


def build(settings: Settings, assembly: Any) -> object:
    if settings.refuses:
        raise CannotAssemble(settings.refuses)
    if settings.is_wrong:
        raise ValueError(settings.is_wrong)
    return object()


def build_needing(settings: Settings, assembly: Any) -> object:
    return assembly.part("tls", "silent")


async def tried(settings: Settings, assembly: Any) -> list[tuple[str, str]]:
    if settings.raises:
        raise LookupError(settings.raises)
    await assembly.threads.run(str)
    return [("says", f"{assembly.name}: {settings.says}")] if settings.says else []


talking = Part(Settings, build, tried)
silent = Part(Settings, build)
needing = Part(Settings, build_needing)


def parts(group: str) -> dict[str, EntryPoint]:
    names = ("talking", "silent", "needing") if group == "mailtwist.tls" else ()
    return {name: EntryPoint(name, f"tests.app.cli.test_check:{name}", group) for name in names}


class TryingTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    async def told(self, text: str) -> list[str]:
        config = load_text(text, self.folder / "x.ini", parts)
        assembled = Assembled(config)
        self.addCleanup(assembled.threads.stop)
        found = await check.problems(config, assembled)
        return [str(problem).replace(f"{self.folder}/", "") for problem in found]

    async def test_a_good_config_has_no_problems(self) -> None:
        self.assertEqual(
            await self.told("[server]\nstate = new/state\nlog = log\n[tls:talking]\n[tls:silent]\n"), []
        )

    async def test_nothing_is_made(self) -> None:
        await self.told("[server]\nstate = new/state\nlog = log\n")
        self.assertEqual(list(self.folder.iterdir()), [])

    async def test_of_what_cannot_be_built_all_is_told_that_is_wrong(self) -> None:
        text = "[tls:a]\ntype = talking\nis_wrong = one of many\nsays = many\n"
        self.assertEqual(await self.told(text), ["x.ini:4: [tls:a] says: a: many"])

    async def test_what_stops_another_part_is_told_once_with_its_own_line(self) -> None:
        text = "[tls:needing]\n[tls:silent]\nis_wrong = no good\n"
        self.assertEqual(await self.told(text), ["x.ini:2: [tls:silent] no good"])

    async def test_what_a_part_says_has_its_line(self) -> None:
        text = "[server]\nstate = s\n[tls:a]\ntype = talking\nsays = a problem\n[tls:talking]\nsays = b\n"
        self.assertEqual(
            await self.told(text),
            [
                "x.ini:5: [tls:a] says: a: a problem",
                "x.ini:7: [tls:talking] says: talking: b",
            ],
        )

    async def test_a_part_that_cannot_be_built_does_not_hide_others(self) -> None:
        text = "[server]\nstate = s\n[tls:silent]\nrefuses = it does not fit\n[tls:talking]\nsays = b\n"
        self.assertEqual(
            await self.told(text),
            ["x.ini:3: [tls:silent] it does not fit", "x.ini:6: [tls:talking] says: talking: b"],
        )

    async def test_a_part_that_others_need_is_told_once_and_where_it_is(self) -> None:
        text = (
            "[server]\nstate = s\n[tls:one]\ntype = needing\n[tls:two]\ntype = needing\n"
            "[tls:silent]\nis_wrong = about this\n"
        )
        self.assertEqual(await self.told(text), ["x.ini:7: [tls:silent] about this"])

    async def test_two_sections_for_one_half_of_the_state_are_one_too_many(self) -> None:
        """What is counted would be in the first alone, whatever the second says."""
        text = (
            "[server]\nhostname = mail.example.org\nstate = s\n[directory:people]\ntype = sqlite\n"
            "[state:here]\ntype = memory\n[state:lasting]\ntype = sqlite\n"
            "[state:there]\ntype = sqlite_volatile\n[store:mail]\ntype = memory\n"
            "[service:imap]\nlisten = 127.0.0.1:0\nstore = mail\n"
        )
        config = load_text(text, self.folder / "x.ini")
        assembled = Assembled(config)
        self.addCleanup(assembled.threads.stop)
        [problem] = await check.problems(config, assembled)
        words = "[state:there] it keeps the same as [state:here], and one of the two has to go"
        self.assertTrue(str(problem).endswith(f"x.ini:10: {words}"), problem)

    async def test_a_part_that_breaks_is_told_in_a_sentence(self) -> None:
        text = "[server]\nstate = s\n[tls:talking]\nraises = oh\n"
        self.assertEqual(
            await self.told(text), ["x.ini:3: [tls:talking] it cannot be tried: LookupError: oh"]
        )

    async def test_the_state_folder_is_a_folder(self) -> None:
        (self.folder / "file").touch()
        self.assertEqual(
            await self.told("[server]\nstate = file/state\n"),
            ["x.ini:2: [server] state: file is not a folder"],
        )

    async def test_the_state_folder_can_be_written(self) -> None:
        self.patch(os, "access", lambda path, how: str(path) != str(self.folder))
        [told] = await self.told("[server]\nstate = state\n")
        self.assertIn("x.ini:2: [server] state: nothing can be written in", told)

    async def test_the_log_can_be_written(self) -> None:
        (self.folder / "folder").mkdir()
        begin = "[server]\nstate = state\n"
        self.assertEqual(
            await self.told(begin + "log = folder\n"), ["x.ini:3: [server] log: folder cannot be written"]
        )
        self.assertEqual(
            await self.told(begin + "log = none/log\n"),
            ["x.ini:3: [server] log: there is no folder none; make it"],
        )
        self.assertEqual(await self.told(begin + "log = folder/log\n"), [])


class CommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def check(self, text: str, *argv: str) -> tuple[int, str, str]:
        """The real thing in a process of its own: it runs a reactor."""
        (self.folder / "x.ini").write_text(text)
        done = ran(self.folder, *(argv or ("check", "x.ini")))
        return done.returncode, done.stdout, done.stderr

    def test_a_good_config_is_ok(self) -> None:
        good = "[server]\nstate = state\n[tls:self_signed]\n"
        self.assertEqual(self.check(good), (0, "ok\n", ""))
        self.assertEqual(self.check(good, "check", "--config", "x.ini"), (0, "ok\n", ""))

    def test_a_bad_config_is_told_and_the_status_is_78(self) -> None:
        self.assertEqual(
            self.check("[server]\nstat = state\n"),
            (78, "", 'x.ini:2: [server] stat: there is no such setting; did you mean "state"?\n'),
        )

    def test_what_a_part_finds_is_told_and_the_status_is_78(self) -> None:
        status, out, err = self.check(
            "[server]\nstate = s\n[tls:files]\ncertificate = none.pem\nkey = none.key\n"
        )
        self.assertEqual((status, out), (78, ""))
        self.assertRegex(err, r"^x\.ini:4: \[tls:files\] certificate: .*none\.pem cannot be read: .*\n$")

    def test_a_port_for_proofs_that_is_taken_is_told_with_its_line(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            place = f"127.0.0.1:{taken.getsockname()[1]}"
            acme = f"[tls:acme]\nagree_to_terms = yes\nhttp_listen = {place}\n"
            status, _, err = self.check(f"[server]\nhostname = mail.example.org\nstate = s\n{acme}")
        self.assertEqual(status, 78)
        told = rf"^x\.ini:6: \[tls:acme\] http_listen: cannot listen on {place}: .*http_listen = none"
        self.assertRegex(err, told)

    def test_a_site_that_shows_no_proofs_is_told(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            place = f"127.0.0.1:{free.getsockname()[1]}"
        acme = f"[tls:acme]\nagree_to_terms = yes\nhttp_listen = {place}\n"
        site = f"[service:web]\npages = health\nlisten = {place}\n"
        status, _, err = self.check(f"[server]\nhostname = mail.example.org\nstate = s\n{acme}{site}")
        self.assertEqual(status, 78, err)
        self.assertIn('add "acme_challenge" to its pages', err)

    def test_what_is_allowed_but_unwise_is_told_and_is_no_problem(self) -> None:
        """The problem here is that nobody listens there."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            place = f"http://127.0.0.1:{free.getsockname()[1]}/?user={{user}}&code={{code}}&sign={{sign}}"
        legacy = f"type = http\nlegacy_get = yes\nlegacy_key = k\nlegacy_secret = s\nurl = {place}\n"
        status, _, err = self.check(f"[server]\nstate = s\n[factor:old]\n{legacy}")
        self.assertEqual(status, 78, err)
        self.assertEqual(
            [line.partition(": codes")[0] for line in err.splitlines()[:2]],
            ["warning: [factor:old] legacy_get", "warning: [factor:old] url"],
        )
        self.assertRegex(err.splitlines()[2], r"^x\.ini:8: \[factor:old\] url: .*it refuses connections$")

    def test_no_config_is_told(self) -> None:
        status, _, err = self.check("", "check", "none.ini")
        self.assertEqual(
            (status, err),
            (78, 'none.ini: there is no such file; "mailtwist sample" prints one to begin with\n'),
        )
