"""A program for `[dns:...] type = exec` that writes into the zones of tests; first come URL and FOLDER."""

import fcntl
import json
import sys
import urllib.request
from pathlib import Path


def main(url: str, folder: str, action: str, name: str, value: str) -> None:
    """The zones forget all values of a name at once: what else there is lies in a file."""
    file = Path(folder) / "texts.json"
    with file.open("a+") as texts:
        fcntl.flock(texts, fcntl.LOCK_EX)
        known = json.loads(file.read_text() or "{}")
        values = [one for one in known.get(name, []) if one != value]
        known[name] = [*values, value] if action == "add" else values
        file.write_text(json.dumps(known))
        tell(url, "clear-txt", host=f"{name}.")
        for one in known[name]:
            tell(url, "set-txt", host=f"{name}.", value=one)


def tell(url: str, what: str, **said: str) -> None:
    urllib.request.urlopen(f"{url}/{what}", json.dumps(said).encode(), timeout=20).close()


if __name__ == "__main__":
    main(*sys.argv[1:])
