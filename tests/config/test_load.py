"""An ini file becomes a config: parts, settings of every type, names of other sections."""

import socket
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.domain import DomainSettings, Separator
from mailtwist.config.fields import fields_of
from mailtwist.config.load import BadConfig, Config, load, load_text
from mailtwist.config.page import own
from mailtwist.config.part import ROOMS
from mailtwist.config.policy import Day, PolicySettings
from mailtwist.config.server import ServerSettings, machine_name
from tests.config import kinds
from tests.config.kinds import parts

FULL = """\
[server]
hostname = Mail.Example.ORG
state = state
log = log/mailtwist.log
threads = 2
trusted_networks = 127.0.0.0/8, ::1

[service:imaps]
type = everything
listen =
    [::]:993
    unix:run/imaps
text = hello, world = 1
number = 100
flag = off
choice = login
colour = green
size = 1 MiB
duration = 1 min
names = x,
    y
networks = 10.0.0.0/8
host = a.example
hosts = a.example, b.example
folder = mail
file = ../file
files = a, /b
secret = hunter2
dotted = os.path:join
"""


class LoadTests(SynchronousTestCase):
    def load(self, text: str) -> Config:
        return load_text(text, "/etc/mailtwist/x.ini", parts)

    def test_an_empty_file_is_a_config(self) -> None:
        config = load_text("", "x.ini")
        self.assertEqual(config.sections, ())
        self.assertEqual(config.server, ServerSettings(hostname=machine_name()))

    def test_sections_that_only_have_a_name(self) -> None:
        """They are told apart by name and kept in their order; where Python has the word for itself, it is
        written without the `_`."""
        config = self.load(
            "[policy:b]\nfactor = optional\n[domain:example.org]\nseparator = none\ndigits = 8\n"
            "[policy:a]\nfactor = required\nfrom = 2027-01-31\n"
        )
        self.assertEqual(list(config.several(PolicySettings)), ["b", "a"])
        self.assertEqual(config.several(PolicySettings)["a"].from_, Day(2027, 1, 31))
        self.assertEqual(
            config.several(DomainSettings), {"example.org": DomainSettings(separator=Separator(), digits=8)}
        )
        self.assertEqual(config.sections, ())

    def test_a_section_that_only_has_a_name_has_no_type(self) -> None:
        with self.assertRaises(BadConfig) as bad:
            self.load("[domain:example.org]\ntype = domain\n")
        self.assertIn("type: there is no such setting", str(bad.exception))

    def test_settings_of_every_type(self) -> None:
        [section] = self.load(FULL).sections
        got = section.settings
        self.assertEqual(str(got.listen), "[::]:993, unix:/etc/mailtwist/run/imaps")
        self.assertEqual((got.text, got.number, got.flag), ("hello, world = 1", 100, False))
        self.assertEqual((got.choice, got.colour), ("login", kinds.Colour.GREEN))
        self.assertEqual((got.size, got.duration, got.names), (1 << 20, 60.0, ("x", "y")))
        self.assertTrue(got.networks.contains("10.0.0.1"))
        self.assertEqual((got.host, got.hosts), ("a.example", ("a.example", "b.example")))
        self.assertEqual(got.secret.reveal(), "hunter2")
        self.assertEqual(got.dotted, "os.path:join")

    def test_paths_begin_at_the_ini_file(self) -> None:
        config = self.load(FULL)
        got = config.sections[0].settings
        here = Path("/etc/mailtwist")
        self.assertEqual((got.folder, got.file), (here / "mail", here / "../file"))
        self.assertEqual(got.files, (here / "a", Path("/b")))
        self.assertEqual(
            (config.server.state, config.server.log.path), (here / "state", here / "log/mailtwist.log")
        )
        self.assertEqual(config.folder, here)

    def test_a_relative_ini_file_gives_whole_paths(self) -> None:
        config = load_text("[server]\nstate = state\n", "conf/x.ini", parts)
        self.assertEqual(config.server.state, Path("conf/state").absolute())

    def test_defaults_hold_where_nothing_is_written(self) -> None:
        [section] = self.load("[service:everything]\nlisten = 143\n").sections
        got = section.settings
        self.assertEqual((got.text, got.number, got.names, got.host), ("hello", 50, ("one", "two"), None))

    def test_nothing_behind_the_equals_sign_is_nothing(self) -> None:
        text = "[service:pointing]\ntls = files\nusual = memory\nmaybe =\nmore =\n"
        text += "[service:everything]\nlisten = 143\nnames =\nhost =\n[tls:files]\n[store:memory]\n"
        pointing, everything, *_ = self.load(text).sections
        self.assertEqual((pointing.settings.maybe, pointing.settings.more), (None, ()))
        self.assertEqual((everything.settings.names, everything.settings.host), ((), None))

    def test_the_type_is_the_sections_name_unless_written(self) -> None:
        config = self.load("[tls:files]\n[tls:public]\ntype = files\n[tls:together]\ntype = files\n")
        self.assertEqual(
            [(s.name, s.type) for s in config.sections],
            [(n, "files") for n in ("files", "public", "together")],
        )
        self.assertIs(config.sections[0].part, kinds.nothing)

    def test_sections_are_found_by_name(self) -> None:
        config = self.load("[tls:files]\n[store:memory]\n")
        self.assertEqual(config.section("store", "memory"), config.sections[1])
        self.assertEqual(config.sections[1].title, "store:memory")
        self.assertIsNone(config.section("store", "files"))

    def test_later_problems_are_told_with_their_line(self) -> None:
        config = self.load("\n" + FULL)
        [section] = config.sections
        for found, told in (
            (config.problem(section, "size", "x"), "/etc/mailtwist/x.ini:19: [service:imaps] size: x"),
            (config.problem(section, "other", "x"), "/etc/mailtwist/x.ini:9: [service:imaps] other: x"),
            (config.problem(section, "type", "x"), "/etc/mailtwist/x.ini:10: [service:imaps] type: x"),
            (config.problem(section, "", "x"), "/etc/mailtwist/x.ini:9: [service:imaps] x"),
            (config.problem(None, "log", "x"), "/etc/mailtwist/x.ini:5: [server] log: x"),
            (config.problem(None, "", "x"), "/etc/mailtwist/x.ini:2: [server] x"),
        ):
            self.assertEqual(str(found), told)

    def test_names_of_other_sections(self) -> None:
        text = "[service:pointing]\ntls = a\nmore = a, b\n[tls:a]\ntype = together\nmembers = b\n"
        config = self.load(text + "[tls:b]\ntype = files\n[store:mail]\ntype = memory\n")
        self.assertEqual(config.sections[0].settings.more, ("a", "b"))

    def test_a_file_is_loaded(self) -> None:
        path = Path(self.mktemp())
        path.write_text("[server]\nhostname = a.example\n")
        self.assertEqual(load(path).server.hostname, "a.example")
        self.assertEqual(load(str(path)).path, path)

    def test_a_path_that_cannot_be(self) -> None:
        for path in ("", "a\0b", "/dev/null/x", "x" * 5000):
            self.assertRaises(BadConfig, load, path)

    def test_a_broken_part_harms_only_who_names_it(self) -> None:
        self.load("[tls:files]\n")
        with self.assertRaises(BadConfig) as caught:
            self.load("[tls:files]\n[directory:missing]\n")
        self.assertEqual(len(caught.exception.problems), 1)

    def test_one_problem_does_not_hide_another(self) -> None:
        with self.assertRaises(BadConfig) as caught:
            self.load("[server]\nlog_level = a\nstat = b\n[service:everything]\nnumber = c\nd = e\n[f]\ng\n")
        self.assertEqual([p.line for p in caught.exception.problems], [2, 3, 4, 5, 6, 7, 8])


class ServerTests(SynchronousTestCase):
    def named(self, hostname: str, full: str) -> str:
        self.patch(socket, "gethostname", lambda: hostname)
        self.patch(socket, "getfqdn", lambda: full)
        return machine_name()

    def test_the_machine_names_itself(self) -> None:
        self.assertEqual(self.named("mail.example.org", "other.example"), "mail.example.org")
        self.assertEqual(self.named("mail", "mail.example.org"), "mail.example.org")
        self.assertEqual(self.named("mail", "::1"), "mail")
        self.assertEqual(self.named("my_box", "my_box"), "localhost")


class InstalledTests(SynchronousTestCase):
    def test_no_part_has_a_default_that_depends_on_the_ini_file(self) -> None:
        """`Folder("mail")` as a default would be /etc/mail; the state folder is meant, so: None."""
        for room in ROOMS:
            for point in own(f"mailtwist.{room}").values():
                for field in fields_of(point.load().settings):
                    if field.make_default is not None:
                        here, there = (field.default(Path(folder)) for folder in ("/a", "/b"))
                        self.assertEqual(here, there, f"{point.value}: {field.name}")
