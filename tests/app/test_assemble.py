"""Parts are built once, begin in order, end in reverse."""

import os
from dataclasses import dataclass
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.app.assemble import Assembled, CannotAssemble
from mailtwist.config.part import Part
from mailtwist.config.places import Folder
from mailtwist.config.sections import Config, Section
from mailtwist.config.server import ServerSettings
from mailtwist.kit.spawn import started


@dataclass(frozen=True)
class Settings:
    needs: tuple[tuple[str, str], ...] = ()
    fails: str = ""


class Made:
    def __init__(self, settings, assembly, diary):
        self.name = assembly.name
        self.fails = settings.fails
        self.needs = [assembly.part(*key) for key in settings.needs]
        self.diary = diary

    async def _note(self, what):
        self.diary.append(f"{what} {self.name}")
        if what in self.fails:
            raise OSError(what)

    async def start(self):
        await self._note("start")

    async def stop(self):
        await self._note("stop")

    async def reload(self):
        await self._note("reload")


class Assembly(SynchronousTestCase):
    def setUp(self):
        self.diary = []
        self.folder = Path(self.mktemp())

    def assembled(self, **sections):
        """`mail=("store", needs...)`."""
        kind = Part(Settings, lambda settings, assembly: Made(settings, assembly, self.diary))
        found = tuple(
            Section(room, name, "x", kind, settings, 0, {}) for name, (room, settings) in sections.items()
        )
        config = Config(Path("x.ini"), ServerSettings(hostname="h", state=Folder(self.folder)), found)
        return Assembled(config)

    def test_everybody_gets_the_same_part(self):
        whole = self.assembled(
            mail=("store", Settings()),
            a=("service", Settings((("store", "mail"),))),
            b=("service", Settings((("store", "mail"),))),
        )
        self.assertIs(whole.part("service", "a").needs[0], whole.part("service", "b").needs[0])
        self.assertEqual(list(whole.parts("service")), ["a", "b"])

    def test_what_has_ports_is_bound_services_first_each_once(self):
        whole = self.assembled(
            public=("tls", Settings()),
            imaps=("service", Settings((("tls", "public"),))),
            pop3s=("service", Settings()),
        )
        whole.build()
        services = list(whole.parts("service").values())
        for part in (whole.part("tls", "public"), services[1]):
            part.bind = part.adopt = part.withdraw = lambda *facts: None
        bound = whole.with_ports()
        self.assertEqual(bound[:2], services)  # also one that a third party made, without the other two
        self.assertEqual([getattr(part, "name", "port 80") for part in bound[2:]], ["public", "port 80"])

    def test_what_is_needed_begins_first_and_ends_last(self):
        whole = self.assembled(
            imaps=("service", Settings((("store", "mail"),))),
            public=("tls", Settings()),
            mail=("store", Settings((("state", "db"),))),
            db=("state", Settings()),
        )
        whole.build()
        self.successResultOf(started(whole.start()))
        self.assertEqual(self.diary, ["start public", "start db", "start mail", "start imaps"])
        self.diary.clear()
        self.successResultOf(started(whole.stop()))
        self.assertEqual(self.diary, ["stop imaps", "stop mail", "stop db", "stop public"])

    def test_a_start_that_fails_ends_what_had_begun(self):
        whole = self.assembled(
            a=("tls", Settings()), b=("tls", Settings(fails="start")), c=("tls", Settings())
        )
        whole.build()
        self.failureResultOf(started(whole.start()), OSError)
        self.assertEqual(self.diary, ["start a", "start b", "stop a"])

    def test_a_stop_that_fails_keeps_nobody_from_ending(self):
        whole = self.assembled(a=("tls", Settings()), b=("tls", Settings(fails="stop")))
        whole.build()
        self.successResultOf(started(whole.start()))
        self.successResultOf(started(whole.stop()))
        self.assertEqual(self.diary[2:], ["stop b", "stop a"])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_a_reload_that_fails_keeps_nobody_from_reloading(self):
        whole = self.assembled(a=("tls", Settings(fails="reload")), b=("tls", Settings()))
        whole.build()
        self.successResultOf(started(whole.start()))
        self.successResultOf(started(whole.reload()))
        self.assertEqual(self.diary[2:], ["reload a", "reload b"])

    def test_a_circle_is_said_in_a_sentence(self):
        whole = self.assembled(
            a=("store", Settings((("target", "b"),))),
            b=("target", Settings((("store", "a"),))),
        )
        error = self.assertRaises(CannotAssemble, whole.build)
        self.assertEqual(str(error), "[store:a] needs [target:b] needs [store:a]: that is a circle")

    def test_a_section_that_is_not_there_is_said_too(self):
        error = self.assertRaises(CannotAssemble, self.assembled().part, "store", "mail")
        self.assertEqual(str(error), "there is no section [store:mail]")

    def test_what_no_section_names_is_made_once_as_well(self):
        whole = self.assembled()

        def decision(assembly):
            return Made(Settings(), assembly, self.diary)

        self.assertIs(whole.one(decision), whole.one(decision))
        self.successResultOf(started(whole.start()))
        self.assertEqual(self.diary, ["start decision"])

    def test_the_state_folder_is_for_nobody_else(self):
        self.folder.mkdir(mode=0o755)
        self.successResultOf(started(self.assembled().start()))
        self.assertEqual(os.stat(self.folder).st_mode & 0o777, 0o700)

    def test_a_folder_that_others_need_is_not_taken_from_them(self):
        """`state = /var/lib`, as root."""
        self.folder.mkdir(mode=0o755)
        (self.folder / "dpkg").mkdir()
        refused = self.failureResultOf(started(self.assembled().start()), PermissionError)
        self.assertIn("name a folder of its own", refused.value.strerror)
        self.assertEqual(os.stat(self.folder).st_mode & 0o777, 0o755)
        (self.folder / "lock").touch()
        self.successResultOf(started(self.assembled().start()))
        self.assertEqual(os.stat(self.folder).st_mode & 0o777, 0o700)

    def test_the_ini_file_may_lie_in_it(self):
        self.folder.mkdir(mode=0o755)
        (self.folder / "x.ini").touch()
        self.successResultOf(started(self.assembled().start()))
        self.assertEqual(os.stat(self.folder).st_mode & 0o777, 0o700)

    def test_a_file_is_no_folder_and_stays_as_it_is(self):
        self.folder.write_text("somebody's")
        self.folder.chmod(0o644)
        self.failureResultOf(started(self.assembled().start()), NotADirectoryError)
        self.assertEqual(os.stat(self.folder).st_mode & 0o777, 0o644)

    def test_nothing_is_touched_before_the_start(self):
        self.assembled(a=("tls", Settings())).build()
        self.assertFalse(self.folder.exists())
