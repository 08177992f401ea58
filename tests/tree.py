"""A copy of the checkout in a temporary folder, so that tests may build, plant and break in it."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEAVE = shutil.ignore_patterns(
    ".git", ".venv*", "_trial_temp*", "__pycache__", "*.egg-info", "build", "dist", "state", ".hypothesis"
)


def copied(to: Path, *, tests: bool = True) -> Path:
    """The tree in `to`, modification times kept; without `tests` that folder is empty but for its package."""
    for item in ROOT.iterdir():
        if item.name in LEAVE(str(ROOT), [item.name]) or (item.name == "tests" and not tests):
            continue
        if item.is_dir():
            ignore = LEAVE if item.name != "mailtwist" else shutil.ignore_patterns("__pycache__")
            shutil.copytree(item, to / item.name, ignore=ignore)
        else:
            shutil.copy2(item, to / item.name)
    if not tests:
        (to / "tests").mkdir()
        (to / "tests" / "__init__.py").write_text('"""Planted."""\n')
    return to
