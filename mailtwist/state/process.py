"""The state of this process: what `[state:...]` sections name, or what lies in the state folder."""

from typing import Any

from mailtwist.config.part import Assembly, installed
from mailtwist.state.api import Durable, Volatile
from mailtwist.state.keys import KeyFolder, Keys


def durable(assembly: Assembly) -> Durable:
    """The first `[state:...]` that lasts; without one, SQLite in the state folder."""
    for part in assembly.parts("state").values():
        if isinstance(part, Durable):
            return part
    return assembly.one(sqlite_state)


def volatile(assembly: Assembly) -> Volatile:
    """The first `[state:...]` that connections share; without one, SQLite in the state folder."""
    for part in assembly.parts("state").values():
        if isinstance(part, Volatile):
            return part
    return assembly.one(sqlite_volatile_state)


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
