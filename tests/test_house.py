"""House rules: what nobody has to remember, nobody forgets."""

import ast
import importlib.util
import re
from configparser import ConfigParser
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.part import GROUPS

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mailtwist"
LINES = 400
NO_NAMES = {"util", "utils", "helpers", "common", "core", "manager", "misc"}


def modules(folder: Path = PACKAGE) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def entry_points() -> dict[str, dict[str, str]]:
    """group -> name -> "module:object", as setup.cfg has them."""
    setup = ConfigParser(delimiters=("=",))
    setup.read(ROOT / "setup.cfg")
    found = {}
    for group, lines in setup["options.entry_points"].items():
        pairs = (line.split("=") for line in lines.splitlines() if "=" in line)
        found[group] = {name.strip(): target.strip() for name, target in pairs}
    return found


class HouseTests(SynchronousTestCase):
    def test_files_stay_short(self) -> None:
        files = modules() + modules(ROOT / "tests")
        long = {str(f.relative_to(ROOT)): n for f in files if (n := len(f.read_text().splitlines())) > LINES}
        self.assertEqual(long, {})

    def test_the_first_line_says_what_a_module_is_for(self) -> None:
        for file in modules():
            first = (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n")[0]
            self.assertRegex(first, r"^\S.{14,}", f"{file}: no first line")

    def test_protocol_modules_end_their_first_line_with_their_rfc(self) -> None:
        for file in modules(PACKAGE / "protocols"):
            if file == PACKAGE / "protocols" / "__init__.py":
                continue
            first = (ast.get_docstring(ast.parse(file.read_text())) or "").split("\n")[0]
            self.assertRegex(first, r"  rfc\d+(#\S+)?( rfc\d+(#\S+)?)*$", f"{file}: no RFC")

    def test_names_say_something(self) -> None:
        for file in modules():
            parts = set(file.relative_to(PACKAGE).with_suffix("").parts)
            self.assertEqual(parts & NO_NAMES, set(), file)

    def test_class_names_have_no_filler(self) -> None:
        filler = re.compile(r"(Base|Abstract|Impl|Manager|Helper)")
        for file in modules():
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ClassDef):
                    self.assertIsNone(filler.search(node.name), f"{file}: {node.name}")

    def test_one_extension_a_file_and_one_line_in_setup_cfg(self) -> None:
        declared = entry_points()
        for protocol in ("imap", "smtp", "pop3", "sieve"):
            targets = sorted(declared[f"mailtwist.{protocol}"].values())
            self.assertEqual(len(targets), len(set(targets)))
            defined = []
            for file in modules(PACKAGE / "protocols" / protocol):
                extensions = [
                    node.targets[0].id
                    for node in ast.parse(file.read_text()).body
                    if isinstance(node, ast.Assign)
                    and isinstance(node.targets[0], ast.Name)
                    and isinstance(node.value, ast.Call)
                    and getattr(node.value.func, "id", "") == "Extension"
                ]
                self.assertLessEqual(len(extensions), 1, file)
                module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
                defined += [f"{module}:{name}" for name in extensions]
            self.assertEqual(sorted(defined), targets)

    def test_every_entry_point_leads_somewhere(self) -> None:
        for group, names in entry_points().items():
            for name, target in names.items():
                module, _, attribute = target.partition(":")
                self.assertIsNotNone(importlib.util.find_spec(module), f"{group} {name}")
                loaded = importlib.import_module(module)
                self.assertTrue(hasattr(loaded, attribute), f"{group} {name}: {target}")

    def test_the_groups_are_the_ones_named_for_good(self) -> None:
        words = (
            "service directory factor state store tls check target upstream route oauth dns"
            " imap smtp pop3 sieve sasl challenge page command"
        )
        self.assertEqual(sorted(GROUPS), sorted(f"mailtwist.{word}" for word in words.split()))
        self.assertLessEqual(set(entry_points()) - {"console_scripts"}, set(GROUPS))

    def test_every_citation_is_in_the_index(self) -> None:
        spec = importlib.util.spec_from_file_location("rfcs", ROOT / "docs" / "rfcs.py")
        assert spec is not None and spec.loader is not None
        rfcs = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(rfcs)
        self.assertEqual(rfcs.problems(ROOT), [])

    def test_there_is_no_package_above_the_plugin(self) -> None:
        self.assertFalse((ROOT / "twisted" / "__init__.py").exists())
        self.assertFalse((ROOT / "twisted" / "plugins" / "__init__.py").exists())


class OneWayInTests(SynchronousTestCase):
    """`auth.decision` is the only way in: no door checks a password by itself."""

    JUDGES = {"accepts", "verify", "checkPassword", "requestAvatarId", "compare_digest", "authenticate"}
    IMPORTS = re.compile(r"mailtwist\.auth\.(?!api|checker|credentials|names|sessions)")

    def doors(self) -> list[Path]:
        return [file for room in ("protocols", "services", "delivery") for file in modules(PACKAGE / room)]

    def test_no_door_judges_a_password(self) -> None:
        found = []
        for file in self.doors():
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Attribute) and node.attr in self.JUDGES:
                    found.append(f"{file.relative_to(ROOT)}:{node.lineno}: {node.attr}")
        self.assertEqual(found, [])

    def test_doors_know_only_the_words_of_the_decision(self) -> None:
        for file in self.doors():
            self.assertIsNone(self.IMPORTS.search(file.read_text()), file)

    def test_passwords_are_verified_in_auth_alone(self) -> None:
        for file in modules():
            text = file.read_text()
            if "argon2" in text and file.relative_to(PACKAGE).parts[0] not in ("auth", "config", "app"):
                self.fail(f"{file} knows of password hashes")
