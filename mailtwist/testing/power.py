"""A disk whose power goes: what can be found on it afterwards, for every moment of a run."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from mailtwist.testing.files import WatchedFiles


@dataclass(eq=False)
class _Node:
    """A file or folder, whatever it is called; only the first `synced` octets are sure to be there."""

    octets: bytes = b""
    synced: int = 0
    is_folder: bool = False


@dataclass(frozen=True)
class _Step:
    """One change of the names in `folder`."""

    folder: Path
    gone: tuple[Path, ...]
    come: tuple[tuple[Path, _Node], ...]


@dataclass(frozen=True)
class _Moment:
    """So many steps were made, of which these last; so much of each file does; what may lie beside; how often
    somebody had been told that something is done."""

    steps: int
    lasting: frozenset[int]
    contents: dict[_Node, bytes]
    beside: tuple[dict[Path, bytes], ...]
    told: int


class PowerCut(WatchedFiles):
    """`Files` below `root`.  Names last once their folder was synced, contents once the file was; of the
    names that were not, any prefix may have come through.  `beside` are names of files that something else
    writes (SQLite): they are as at that moment, or as at any since they were `synced_beside`.

    A test calls `tell()` whenever a client hears that something is done, and `remains` in the end.  One
    thread at a time."""

    def __init__(self, root: Path, beside: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.told = 0
        self._root = root
        self._beside = beside
        self._versions: list[dict[Path, bytes]] = [{}]
        self._nodes: dict[Path, _Node] = {}
        self._steps: list[_Step] = []
        self._lasting: set[int] = set()
        self._moments: list[_Moment] = []

    def tell(self) -> None:
        """A client knows."""
        self.told += 1
        self._remember()

    def synced_beside(self) -> None:
        """What lies beside is on the disk as it is now."""
        self._versions = []
        self._remember()

    def after(self, name: str, *paths: Path) -> None:
        match name:
            case "create" | "append" | "sync":
                self._written(paths[0], synced=name != "append")
            case "rename":
                self._renamed(*paths)
            case "link":
                self._step(paths[1], (), ((paths[1], self._nodes[paths[0]]),))
            case "unlink" | "remove_folder":
                self._step(paths[0], (paths[0],), ())
            case "make_folder":
                self._made(paths[0])
            case "sync_folder":
                self._lasting |= {n for n, step in enumerate(self._steps) if step.folder == paths[0]}
        self._remember()

    def remains(self, into: Path) -> Iterator[tuple[int, Path]]:
        """(how many `tell` came before, a copy of what is left): each possible one, once."""
        seen: set[tuple[int, int]] = set()
        for moment in self._moments:
            unsure = [n for n in range(moment.steps) if n not in moment.lasting]
            for lucky, beside in product(range(len(unsure) + 1), moment.beside):
                left = {**self._left(moment, moment.lasting.union(unsure[:lucky])), **beside}
                key = (moment.told, hash(frozenset(left.items())))
                if key not in seen:
                    seen.add(key)
                    yield moment.told, self._restored(left, into / str(len(seen)))

    def _written(self, path: Path, synced: bool) -> None:
        octets = path.read_bytes()
        if path not in self._nodes:
            self._step(path, (), ((path, _Node(octets, 0)),))
        node = self._nodes[path]
        node.octets = octets
        if synced:
            node.synced = len(octets)

    def _made(self, path: Path) -> None:
        """It is synced with its parents already."""
        for folder in reversed((path, *path.parents)):
            if self._root in folder.parents and folder not in self._nodes:
                self._lasting.add(len(self._steps))
                self._step(folder, (), ((folder, _Node(is_folder=True)),))

    def _renamed(self, old: Path, new: Path) -> None:
        moved = [path for path in self._nodes if path == old or old in path.parents]
        come = tuple((new / path.relative_to(old), self._nodes[path]) for path in moved)
        self._step(new, tuple(moved), come)

    def _step(self, changed: Path, gone: tuple[Path, ...], come: tuple[tuple[Path, _Node], ...]) -> None:
        self._steps.append(_Step(changed.parent, gone, come))
        for path in gone:
            self._nodes.pop(path, None)
        self._nodes.update(come)

    def _remember(self) -> None:
        files = (node for node in self._nodes.values() if not node.is_folder)
        contents = {node: node.octets[: node.synced] for node in files}
        beside = {path: path.read_bytes() for name in self._beside for path in self._root.rglob(name)}
        if beside not in self._versions:
            self._versions.append(beside)
        versions = tuple(self._versions)
        moment = _Moment(len(self._steps), frozenset(self._lasting), contents, versions, self.told)
        self._moments.append(moment)

    def _left(self, moment: _Moment, lasting: Iterable[int]) -> dict[Path, bytes | None]:
        """The octets of each file; None for a folder."""
        names: dict[Path, bytes | None] = {}
        for number in sorted(lasting):
            for path in self._steps[number].gone:
                names.pop(path, None)
            for path, node in self._steps[number].come:
                lost = node.octets[: node.synced]  # of a file that is gone nothing was written later
                names[path] = None if node.is_folder else moment.contents.get(node, lost)
        return names

    def _restored(self, left: dict[Path, bytes | None], into: Path) -> Path:
        into.mkdir(parents=True)
        for path, octets in left.items():
            place = into / path.relative_to(self._root)
            (place if octets is None else place.parent).mkdir(parents=True, exist_ok=True)
            if octets is not None:
                place.write_bytes(octets)
        return into
