"""What is installed of a group of entry points: nothing of it is imported before it is chosen."""

from importlib.metadata import EntryPoint, entry_points


def installed(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group by name, sorted; `.load()` gives a `Part` or an `Extension`."""
    found = {point.name: point for point in entry_points(group=group)}
    return dict(sorted(found.items()))
