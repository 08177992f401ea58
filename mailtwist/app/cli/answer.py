"""How commands answer: a table for people, JSON for programs, a QR code for phones."""

import io
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import segno

from mailtwist.config.problems import shown

Row = Mapping[str, object]


def print_rows(rows: Sequence[Row], columns: Sequence[str], as_json: bool, nothing: str) -> None:
    """Each row's `columns` side by side under their names, or all of `rows` as a JSON list.  `nothing` is
    said to people when there are no rows."""
    if as_json:
        print_json(list(rows))
    elif not rows:
        print(nothing)
    else:
        _print_table([list(columns), *([_text(row[column]) for column in columns] for row in rows)])


def print_json(told: object) -> None:
    print(json.dumps(told, indent=1, default=str))


def moment(seconds: float) -> str:
    """`2026-01-31T12:00:00Z`"""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def qr_code(text: str) -> str:
    """`text` for a phone's camera; '' when this terminal has no characters to draw it with."""
    drawn = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out=drawn, border=2, compact=True)
    try:
        drawn.getvalue().encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return ""
    return drawn.getvalue()


def _print_table(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _text(value: object) -> str:
    """What strangers sent (a client's name) is not for the terminal to interpret."""
    if isinstance(value, list | tuple):
        return shown(", ".join(map(str, value)), 80)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return shown(str(value), 80)
