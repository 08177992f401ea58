"""How often something was done lately, counted by all processes of a machine together."""

import json
from contextlib import suppress
from pathlib import Path

from mailtwist.kit.files import Files, read_small, write_whole
from mailtwist.tls.acme.formats import Damaged, digest, read_object


class Spent:
    """Buckets in `folder`, a file for each.  For threads, under the store's lock."""

    def __init__(self, files: Files, folder: Path, most: int) -> None:
        self._files = files
        self._folder = folder
        self._most = most

    def spend(self, bucket: str, limit: int, window: float, now: float, for_good: bool) -> float:
        """0.0 when there is room, which is taken `for_good`; else seconds until there is."""
        path = self._folder / digest(bucket)
        times = self._times(path, now, window)
        if len(times) >= limit:
            return times[-limit] + window - now if limit > 0 else window
        if for_good:
            about = {"bucket": bucket, "window": window, "times": [*times, now]}
            write_whole(self._files, path, json.dumps(about).encode())
        return 0.0

    def clean(self, now: float) -> None:
        """Buckets in which nothing counts any more are gone."""
        for path in self._folder.iterdir():
            with suppress(OSError):  # what is no bucket
                if not self._times(path, now):
                    self._files.unlink(path)

    def _times(self, path: Path, now: float, window: float | None = None) -> list[float]:
        """When it was done, as far as that still counts.  What the clock of another day wrote counts as now;
        what is damaged is nothing: then the authority counts for us."""
        try:
            about = read_object(read_small(path, self._most))
            since = now - (float(about["window"]) if window is None else window)
            return sorted(min(float(time), now) for time in about["times"] if time > since)
        except FileNotFoundError:
            return []
        except (Damaged, KeyError, TypeError, ValueError):
            return []
