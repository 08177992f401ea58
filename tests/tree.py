"""A copy of the checkout in a temporary folder, so that tests may build, plant and break in it."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEAVE = ("__pycache__", "*.egg-info", ".hypothesis")
LEAVE_ABOVE = (*LEAVE, ".git", ".venv*", "_trial_temp*", "build", "dist", "state")


def copied(to: Path, *, tests: bool = True) -> Path:
    """The tree in `to`, modification times kept; without `tests`, that folder is an empty package."""
    above = shutil.ignore_patterns(*LEAVE_ABOVE, *([] if tests else ["tests"]))
    below = shutil.ignore_patterns(*LEAVE)

    def left(folder: str, names: list[str]) -> set[str]:
        return above(folder, names) if Path(folder) == ROOT else below(folder, names)

    shutil.copytree(ROOT, to, ignore=left)
    if not tests:
        (to / "tests").mkdir()
        (to / "tests" / "__init__.py").write_text('"""Planted."""\n')
    return to
