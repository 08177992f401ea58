"""The state of this process: what `[state:...]` sections name, or what lies in the state folder."""

from typing import Any

from mailtwist.config.part import Assembly, installed
from mailtwist.state.api import Durable, Volatile
from mailtwist.state.keys import KeyFolder, Keys

TWO = "[state:{second}]: it keeps the same as [state:{first}], and one of the two has to go"


def durable(assembly: Assembly) -> Durable:
    """The `[state:...]` that lasts; without one, SQLite in the state folder.  Two are a ValueError."""
    found: Durable | None = _named(Durable, assembly)
    return assembly.one(sqlite_state) if found is None else found


def volatile(assembly: Assembly) -> Volatile:
    """The `[state:...]` that connections share; without one, SQLite in the state folder; as above."""
    found: Volatile | None = _named(Volatile, assembly)
    return assembly.one(sqlite_volatile_state) if found is None else found


def _named(half: Any, assembly: Assembly) -> Any:
    found = {name: part for name, part in assembly.parts("state").items() if isinstance(part, half)}
    if len(found) > 1:
        first, second = list(found)[:2]
        raise ValueError(TWO.format(first=first, second=second))
    return next(iter(found.values()), None)


def keys(assembly: Assembly) -> Keys:
    """The keys in `<state>/keys/`."""
    return assembly.one(state_keys)


def sqlite_state(assembly: Assembly) -> Durable:
    state: Durable = _by_default("sqlite", assembly)
    return state


def sqlite_volatile_state(assembly: Assembly) -> Volatile:
    state: Volatile = _by_default("sqlite_volatile", assembly)
    return state


def state_keys(assembly: Assembly) -> Keys:
    folder = KeyFolder(assembly.folder / "keys", assembly.files)
    made = Keys(folder, durable(assembly), assembly.threads)
    volatile(assembly).listen(made.heard)
    return made


def _by_default(kind: str, assembly: Assembly) -> Any:
    part = installed("mailtwist.state")[kind].load()
    return part.build(part.settings(), assembly)
