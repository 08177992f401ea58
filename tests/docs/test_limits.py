"""The table of limits in docs/operators/running.rst has the code's numbers."""

import re
from dataclasses import fields
from importlib import import_module
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.fields import fields_of, written
from mailtwist.config.values import Duration, Size
from tests.docs.example import ROOT

ROW = re.compile(r"   \* - (.*)\n     - (.*)\n     - (.*)\n     - (.*)\n     -(.*)\n")
SERVICES = ("smtp", "submission", "lmtp", "imap", "pop3")
SIZES = {"message", "command", "text_line", "line", "early_line", "literal", "early_literal"}
NOT_TOLD = {
    "answer": "a line of SASL, as long as rfc4954#4 wants it",
    "batch": "how answers are gathered",
    "idle_command_time": "is idle_time",
    "look_time": "how often a mailbox is looked at in IDLE",
}
"""What of the limits the table leaves out."""


def told() -> list[tuple[str, str, str, str]]:
    """(service, setting, default, not below), a row for each service."""
    text = (ROOT / "docs" / "operators" / "running.rst").read_text("utf-8")
    rows = ROW.findall(text[text.index("\nLimits\n") :])[1:]
    found = []
    for where, name, default, _, least in rows:
        services = SERVICES if where == "all" else where.split(", ")
        found += [(service, name, default, least.strip()) for service in services]
    return found


def settings(service: str) -> dict[str, Any]:
    return {one.name: one for one in fields_of(import_module(f"mailtwist.services.{service}").Settings)}


def limits(service: str) -> dict[str, Any]:
    protocol = {"submission": "smtp", "lmtp": "smtp"}.get(service, service)
    return {
        one.name: one.default
        for one in fields(import_module(f"mailtwist.protocols.{protocol}.limits").Limits)
    }


def spoken(name: str, value: Any) -> str:
    if name in SIZES:
        return written(Size(value))
    return written(Duration(value)) if isinstance(value, float) else str(value)


class Limits(SynchronousTestCase):
    def test_what_can_be_set(self) -> None:
        for service, name, default, least in told():
            if name.startswith("``"):
                field = settings(service)[name.strip("`")]
                self.assertEqual(default, written(field.make_default()), f"{service} {name}")
                self.assertEqual(least, field.limits.removeprefix("at least "), f"{service} {name}")

    def test_what_cannot(self) -> None:
        for service, name, default, least in told():
            if name.startswith("("):
                plain = name.strip("(`)")
                self.assertNotIn(plain, settings(service))
                self.assertEqual(
                    (default, least), (spoken(plain, limits(service)[plain]), ""), f"{service} {name}"
                )

    def test_defaults_of_settings_are_those_of_the_protocol(self) -> None:
        for service in SERVICES:
            known = limits(service)
            for name, field in settings(service).items():
                if name in known:
                    self.assertEqual(field.make_default(), known[name], f"{service} {name}")

    def test_none_is_left_out(self) -> None:
        there = {(service, name.strip("(`)")) for service, name, _, _ in told()}
        known = {(service, name) for service in SERVICES for name in limits(service) if name not in NOT_TOLD}
        nobody_logs_in = {("smtp", "failed_logins"), ("lmtp", "failed_logins")}
        self.assertEqual(known - there, nobody_logs_in)
