"""The blocks of a page for operators: whole configs, and the halves of other programs."""

from collections.abc import Iterator
from pathlib import Path

from tests.docs.example import ROOT
from tests.docs.test_words import blocks

OPERATORS = ROOT / "docs" / "operators"
GUIDES = ("gateway", "dovecot", "postfix", "exchange", "microsoft-365", "from-nginx")
"""Pages with one whole config or more."""


def page(name: str) -> Path:
    return OPERATORS / f"{name}.rst"


def configs(name: str) -> list[str]:
    """The ini blocks of the page that are whole: they begin with [server]."""
    return [text for _, language, text in blocks(page(name)) if language == "ini" and _whole(text)]


def snippet(name: str, file: str) -> str:
    """The block of the page that says to be lines of `file`."""
    (found,) = _snippets(name, f"# {file}\n")
    return found


def _snippets(name: str, beginning: str) -> Iterator[str]:
    for _, language, text in blocks(page(name)):
        if language == "text" and text.startswith(beginning):
            yield text


def _whole(text: str) -> bool:
    return text.startswith("[server]\n")
