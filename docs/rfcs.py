"""The index of RFC citations: `docs/rfcs.tsv` has a row for each RFC and each section that the code cites, or
a table of what other servers answer otherwise.

python docs/rfcs.py --check     every citation has a row, every row is cited (exit 1 and a list otherwise)
python docs/rfcs.py --add       rows for what is missing, their titles to be filled in
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INDEX = ROOT / "docs" / "rfcs.tsv"
# rfc822 is the name of a media type, of a FETCH item, of an address type.
CITATION = re.compile(r"\brfc(?!822\b)(\d{3,5})(?:#([A-Z0-9]+(?:\.\d+)*))?\b")
LOOSE = re.compile(r"\bRFC(?:[ -]\d{3,5}|\d{4,5})\b")

Key = tuple[int, str]


def cited(root: Path = ROOT) -> dict[Key, list[str]]:
    """(number, section) -> files that cite it, one for each time.  An RFC of which only sections are cited is
    there with section '' and no files."""
    found: dict[Key, list[str]] = {}
    tables = (root / "docs").glob("beside-*.tsv")
    for file in sorted([*(root / "mailtwist").rglob("*.py"), *tables]):
        for number, section in CITATION.findall(file.read_text()):
            found.setdefault((int(number), ""), [])
            found.setdefault((int(number), section), []).append(str(file.relative_to(root)))
    return found


def place(key: Key) -> tuple[int, list[tuple[bool, int, str]]]:
    """Sorts 6.3.2 in front of 6.3.10."""
    number, section = key
    parts = section.split(".") if section else []
    return number, [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def indexed(index: Path = INDEX) -> dict[Key, str]:
    """(number, section) -> title."""
    rows = {}
    for line in index.read_text().splitlines()[1:]:
        number, section, title = line.split("\t")
        rows[int(number), section] = title
    return rows


def problems(root: Path = ROOT) -> list[str]:
    """What keeps the index from being true, a sentence each."""
    code, index = cited(root), indexed(root / "docs" / "rfcs.tsv")
    said = [
        f"{_name(key)} is cited{f' in {files[0]}' if files else ''} and has no row"
        for key, files in code.items()
        if key not in index
    ]
    said += [f"{_name(key)} has a row and is cited nowhere" for key in index if key not in code]
    said += [f"{_name(key)} has no title" for key, title in index.items() if not title.strip()]
    if list(index) != sorted(index, key=place):
        said.append("the rows are not in order")
    for file in sorted((root / "mailtwist").rglob("*.py")):
        said += [
            f"{file.relative_to(root)}: write {m} as rfcN#section" for m in LOOSE.findall(file.read_text())
        ]
    return said


def written(rows: dict[Key, str]) -> str:
    """The text of the index."""
    lines = [f"{key[0]}\t{key[1]}\t{rows[key]}" for key in sorted(rows, key=place)]
    return "\n".join(["rfc\tsection\ttitle", *lines]) + "\n"


def _name(key: Key) -> str:
    number, section = key
    return f"rfc{number}#{section}" if section else f"rfc{number}"


def main(arguments: list[str]) -> int:
    if arguments == ["--add"]:
        known = indexed()
        INDEX.write_text(written({key: known.get(key, "") for key in cited()}))
        return 0
    said = problems()
    print("\n".join(said) or f"{len(indexed())} rows in docs/rfcs.tsv, one for each citation")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
