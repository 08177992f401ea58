"""Reasons: each that the code can give is known, documented, and has a sentence."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import mailtwist
from mailtwist.auth.explaining import BUCKETS, SOURCES, WAYS, reason_step, steps
from mailtwist.auth.reasons import REASONS
from mailtwist.config.fields import fields_of
from mailtwist.config.load import ONCE
from mailtwist.testing.durable import a_login

PACKAGE = Path(mailtwist.__file__).parent
DOCS = PACKAGE.parent / "docs" / "operators"
RAISED = {"LoginRefused", "TooManyAttempts"}
CODE = re.compile(r"[a-z]+(?:-[a-z]+)*")


def given() -> Iterator[tuple[str, str]]:
    """(file, code): what is written into a refusal."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in RAISED and node.args:
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield str(file.relative_to(PACKAGE)), part.value


class ReasonTests(SynchronousTestCase):
    def test_each_that_is_given_is_known(self) -> None:
        found = list(given())
        self.assertGreater(len(found), 5)
        for file, code in found:
            self.assertIn(code, REASONS, file)

    def test_each_that_is_known_is_given_somewhere(self) -> None:
        written = {
            part.value
            for file in PACKAGE.rglob("*.py")
            if file.name != "reasons.py"
            for part in ast.walk(ast.parse(file.read_text()))
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
        }
        self.assertEqual(REASONS.keys() - written, set())

    def test_each_has_a_sentence_and_is_documented(self) -> None:
        page = (DOCS / "reasons.rst").read_text("utf-8")
        for code, reason in REASONS.items():
            self.assertEqual(CODE.fullmatch(code)[0], code)
            self.assertRegex(reason.sentence, r"^[A-Z].*\.$", code)
            self.assertIn(f"``{code}``", page)
            self.assertIn(reason.sentence, page.replace("\\", ""), code)

    def test_settings_that_are_named_are_there(self) -> None:
        known = {name: {field.name for field in fields_of(kind)} for name, kind in ONCE.items()}
        for code, reason in REASONS.items():
            for setting in reason.settings:
                section, name = re.fullmatch(r"\[(\w+)\](?: (\w+))?", setting).groups()
                self.assertIn(section, known, code)
                if name:
                    self.assertIn(name, known[section], code)

    def test_trouble_is_no_guess(self) -> None:
        for reason in REASONS.values():
            self.assertFalse(reason.guess and reason.outcome == "unavailable", reason.code)


class ExplainTests(SynchronousTestCase):
    def test_each_reason_has_steps_with_its_settings(self) -> None:
        for code, reason in REASONS.items():
            record = replace(a_login("l1"), outcome=reason.outcome, reason=code, how="")
            told = steps(record)
            (its,) = [step for step in told if reason.sentence in step.words]
            self.assertEqual(its.settings, reason.settings)
            self.assertIn(reason.sentence, reason_step(code).words)

    def test_each_way_in_has_its_words(self) -> None:
        for how in WAYS:
            told = " ".join(step.words for step in steps(replace(a_login("l1"), how=how)))
            self.assertIn("Accepted.", told)
            self.assertNotIn("{", told)

    def test_what_is_known_is_told(self) -> None:
        facts = (
            '{"source": "untrusted", "rule": "policy:staff", "bucket": "account", "retry": 12.5,'
            ' "service": "imaps", "detail": "the disk is full"}'
        )
        record = replace(
            a_login("l1"), outcome="unavailable", reason="too-many-attempts", facts=facts, count=7
        )
        told = steps(record)
        words = " ".join(step.words for step in told)
        for piece in (
            "192.0.2.7",
            "[service:imaps]",
            "mutt",
            "[policy:staff]",
            "12.5 s",
            "the disk",
            "7 times",
        ):
            self.assertIn(piece, words)
        self.assertIn(SOURCES["untrusted"], words)
        settings = [setting for step in told for setting in step.settings]
        self.assertIn("[policy:staff] factor", settings)
        self.assertIn("[limits] account", settings)
        self.assertIn("account", BUCKETS)

    def test_what_is_not_known_is_not_told_and_nothing_breaks(self) -> None:
        for facts in ("", "[]", "not JSON", "null", '{"source": "nowhere", "bucket": 7, "rule": ""}'):
            record = replace(a_login("l1"), reason="of-tomorrow", outcome="refused", facts=facts)
            words = " ".join(step.words for step in steps(record))
            self.assertIn("of-tomorrow", words)
            self.assertNotIn("None", words)

    def test_nothing_else_is_a_reason(self) -> None:
        self.assertIsNone(reason_step("f7m1z5t4c6bd"))
