"""People in a text file."""

import hashlib
import os
from pathlib import Path
from typing import Any
from unittest import SkipTest
from unittest.mock import patch

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from mailtwist.auth.api import Directory, Person
from mailtwist.auth.directories.passwd_file import PasswdFile, Settings, check
from mailtwist.config.login import LoginSettings
from mailtwist.config.values import File, Hostname
from mailtwist.state.process import durable
from mailtwist.testing.assembly import OnePart
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.directory import NAME, PASSWORD, DirectoryContract

HELLO = "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"
LINES = f"""\
# people of example.org
bob:{HELLO}

Zoe@Example.ORG:{{PLAIN}}Hello world!:1000:1000::/home/zoe:/bin/sh
eve:!{HELLO}
old@example.net:*
"""


def pbkdf2(password: bytes) -> str:
    """As Dovecot writes it, and quick."""
    return f"{{PBKDF2}}$1$salt$10${hashlib.pbkdf2_hmac('sha1', password, b'salt', 10).hex()}"


class PasswdFileTests(DirectoryContract, TestCase):
    groups = ("staff",)

    async def make_directory(self) -> PasswdFile:
        return await self.opened(
            f"{NAME}:{pbkdf2(PASSWORD)}\n{LINES}", f"staff: {NAME} bob nobody\nall:bob\n"
        )

    async def opened(self, text: str, groups: str = "") -> PasswdFile:
        folder = Path(self.mktemp())
        folder.mkdir()
        self.path, self.others = folder / "passwd", folder / "groups"
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)
        self.write(text, self.path)
        self.write(groups, self.others)
        self.clock = ManualClock()
        login = LoginSettings(default_domain=Hostname("example.org"))
        self.assembly = OnePart(folder, clock=self.clock, login=login)
        self.addCleanup(self.assembly.stop)
        self.settings = Settings(file=File(self.path), groups=File(self.others))
        directory = PasswdFile(self.settings, self.assembly)
        await directory.start()
        self.assembly.made.append(directory)
        return directory

    def write(self, text: str | bytes, path: Path | None = None, ago: float | None = None) -> None:
        path = path or self.path
        path.touch(0o640)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        if ago is not None:
            os.utime(path, (self.clock.now() - ago,) * 2)

    def told(self, event: str) -> list[str]:
        found = [one for one in self.events if one.get("event_id") == event]
        return [one.get("problem") or one.get("error") or str(one.get("people")) for one in found]

    async def disable(self, directory: Directory) -> None:
        self.write(f"{NAME}:!{pbkdf2(PASSWORD)}\n", ago=10)
        self.clock.advance(1)

    async def take_away(self, directory: Directory) -> None:
        raise SkipTest("what it has read stays in memory")

    async def names(self, directory: PasswdFile) -> list[str]:
        self.clock.advance(1)
        return [person.name for person in await directory.people()]

    async def test_lines_of_dovecot_and_apache(self) -> None:
        directory = await self.make_directory()
        bob = await directory.find("bob@example.org")
        addresses = ("bob@example.org",)
        self.assertEqual(bob, Person("bob@example.org", "bob@example.org", addresses, True, ("staff", "all")))
        assert bob is not None
        self.assertIs(await directory.accepts(bob, b"Hello world!"), True)
        zoe = await directory.find("zoe@example.org")
        assert zoe is not None
        self.assertIs(await directory.accepts(zoe, b"Hello world!"), True)
        self.assertEqual(set(await directory.domains()), {"example.org", "example.net"})
        self.assertEqual(self.told("passwd_file.bad_line"), [])

    async def test_a_locked_line_is_somebody_who_may_not_log_in(self) -> None:
        directory = await self.make_directory()
        for name in ("eve@example.org", "old@example.net"):
            person = await directory.find(name)
            assert person is not None
            self.assertIs(person.enabled, False)
        self.assertIs(await directory.accepts(person, b"*"), False)

    async def test_a_line_that_cannot_be_used_keeps_nobody_else_out(self) -> None:
        lines = (
            "no colon",
            ":" + HELLO,
            "a@b@:x",
            "weak:$1$adg5fZ//$/d5Csy0cvDPpXEtGxhj6n1",
            "plain:hunter2",
            "free:{PLAIN}x::::::nopassword",
            f"near:{HELLO}:1:1::/home:/bin/sh:allow_nets=192.0.2.0/24",
            f"Bob@example.org:{HELLO}",
            "x" * 5000,
        )
        directory = await self.opened(f"bob:{HELLO}\n" + "\n".join(lines) + f"\nzoe:{HELLO}\n")
        self.assertEqual(await self.names(directory), ["bob@example.org", "zoe@example.org"])
        told = self.told("passwd_file.bad_line")
        self.assertEqual([line.split(":")[1] for line in told], [str(n) for n in range(2, 2 + len(lines))])
        self.assertNotIn("hunter2", repr(told))
        self.assertIn('nobody heeds "nopassword" here', told[5])
        self.assertEqual(await check(self.settings, self.assembly), [("file", line) for line in told])

    async def test_octets_that_are_no_text_are_told(self) -> None:
        directory = await self.opened("")
        self.write(b"\xff:x\n\0:y\r\nbob:" + HELLO.encode(), ago=10)
        self.assertEqual(await self.names(directory), ["bob@example.org"])
        self.assertEqual(len(self.told("passwd_file.bad_line")), 2)

    async def test_a_change_counts_when_it_is_complete(self) -> None:
        directory = await self.make_directory()
        self.write(f"new:{HELLO}\n", ago=0.5 - 1)
        self.assertIn(NAME, await self.names(directory))
        self.assertEqual(await self.names(directory), ["new@example.org"])
        with patch("mailtwist.auth.directories.passwd_file.read", side_effect=AssertionError):
            self.assertEqual(await self.names(directory), ["new@example.org"])

    async def test_a_changed_password_is_another_one_at_once(self) -> None:
        directory = await self.make_directory()
        person = await self.person(directory)
        self.assertIs(await directory.accepts(person, PASSWORD), True)
        self.write(f"{NAME}:{pbkdf2(b'new')}\n", ago=10)
        self.clock.advance(1)
        person = await self.person(directory)
        self.assertIs(await directory.accepts(person, PASSWORD), False)
        self.assertIs(await directory.accepts(person, b"new"), True)

    async def test_groups_change_too(self) -> None:
        directory = await self.make_directory()
        self.write(f"admins: {NAME}\n", self.others, ago=10)
        self.clock.advance(1)
        self.assertEqual((await self.person(directory)).groups, ("admins",))

    async def test_a_file_that_is_gone_or_open_to_others_leaves_all_as_it_was(self) -> None:
        directory = await self.make_directory()
        self.path.chmod(0o644)
        self.assertIn(NAME, await self.names(directory))
        self.assertIn(NAME, await self.names(directory))
        self.path.unlink()
        self.assertIn(NAME, await self.names(directory))
        told = self.told("passwd_file.not_read")
        self.assertEqual(len(told), 2)
        self.assertIn("chmod g-w,o-rwx", told[0])
        self.write(f"new:{HELLO}\n", ago=10)
        self.assertEqual(await self.names(directory), ["new@example.org"])

    async def test_it_does_not_begin_with_a_file_that_others_could_change(self) -> None:
        await self.make_directory()
        for mode in (0o644, 0o660, 0o602):
            self.path.chmod(mode)
            with self.assertRaises(PermissionError):
                await PasswdFile(self.settings, self.assembly).start()
            [(setting, words)] = await check(self.settings, self.assembly)
            self.assertEqual(setting, "file")
            self.assertIn("chmod", words)

    async def test_a_pipe_is_no_file_and_nobody_waits_for_it(self) -> None:
        await self.make_directory()
        self.path.unlink()
        os.mkfifo(self.path, 0o600)
        with self.assertRaises(OSError) as refused:
            await PasswdFile(self.settings, self.assembly).start()
        self.assertEqual(refused.exception.strerror, "it is no file")

    async def test_whoever_is_locked_or_gone_or_has_another_password_is_logged_out(self) -> None:
        kept = f"kept:{pbkdf2(PASSWORD)}\n"
        await self.opened(kept + "".join(f"{name}:{HELLO}\n" for name in ("gone", "locked", "changed")))
        directory = self.assembly.made[-1]
        state = durable(self.assembly)
        await self.assembly.start()
        self.write(f"{kept}locked:!{HELLO}\nchanged:{pbkdf2(PASSWORD)}\nnew:{HELLO}\n", ago=10)
        await self.names(directory)
        while len(ended := await state.endings(0)) < 3:
            await deferLater(reactor, 0.01)
        self.assertEqual(
            sorted((one.account, one.device, one.why) for one in ended),
            [(f"{name}@example.org", "", "file-changed") for name in ("changed", "gone", "locked")],
        )

    async def test_who_is_nobody_costs_what_somebody_costs(self) -> None:
        """The hash of somebody is made, the same one each time, and of others for other names."""
        directory = await self.make_directory()
        asked: list[tuple[str | None, bytes]] = []

        async def is_right(stored: str | None, password: bytes) -> bool:
            asked.append((stored, password))
            return True

        self.patch(directory._passwords, "is_right", is_right)
        for number in range(40):
            stranger = Person("?", f"stranger{number}")
            for _ in range(2):
                self.assertIs(await directory.accepts(stranger, b"secret"), False)
        self.assertEqual(asked[::2], asked[1::2])
        self.assertGreater(len(set(asked)), 1)
        self.assertNotIn("", [stored for stored, _ in asked])
        eve = Person("?", "eve@example.org")
        self.assertIs(await directory.accepts(eve, b"secret"), False)

    async def test_an_empty_file_has_work_to_do_too(self) -> None:
        directory = await self.opened("")
        self.assertIs(await directory.accepts(Person("?", "ann"), b"secret"), False)
