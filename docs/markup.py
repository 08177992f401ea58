"""What the pages that are made from the code are made of."""

from collections.abc import Iterable

NOTE = ".. This page is made from the code by ``make docs``; do not write here."

Row = Iterable[str]


def table(heads: Row, rows: Iterable[Row], widths: str, title: str = "") -> str:
    """A list-table; no cell has more than one paragraph."""
    lines = [f".. list-table:: {title}".rstrip(), f"   :widths: {widths}", "   :header-rows: 1", ""]
    for row in (heads, *rows):
        first, *rest = row
        lines += [f"   * - {first}".rstrip(), *(f"     - {cell}".rstrip() for cell in rest)]
    return "\n".join(lines) + "\n"


def heading(text: str, line: str = "-") -> str:
    return f"{text}\n{line * len(text)}\n"


def names(some: Iterable[str]) -> str:
    """Each as a literal."""
    return " ".join(f"``{name}``" for name in some) or "nothing"
