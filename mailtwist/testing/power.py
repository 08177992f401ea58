"""A disk whose power goes: what can be found on it afterwards, for every moment of a run."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random

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

    def lasts_with(self, folder: Path) -> bool:
        """It is on the disk when `folder` was synced: also a folder's own move when the place it left was."""
        left = {path.parent for path in self.gone} if self.come and self.come[0][1].is_folder else set()
        return folder == self.folder or folder in left

    @property
    def is_between_folders(self) -> bool:
        """A file got a name in one folder and lost that in another: two writes."""
        return len(self.gone) == 1 and self.gone[0].parent != self.folder and not self.come[0][1].is_folder


@dataclass(frozen=True)
class _Moment:
    """So many steps were made, of which these last; the octets of each file, and how many of them do; what
    may lie beside; how often somebody had been told that something is done."""

    steps: int
    lasting: frozenset[int]
    contents: dict[_Node, tuple[bytes, int]]
    beside: tuple[dict[Path, bytes], ...]
    told: int


class PowerCut(WatchedFiles):
    """`Files` below `root`.  Names last once their folder was synced, contents once the file was; of the
    names that were not, any prefix may have come through: that is what file systems with a journal promise.
    `beside` are names of files that something else writes (SQLite): they are as at that moment, or as at any
    since they were `synced_beside`.

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
                self._lasting |= {n for n, step in enumerate(self._steps) if step.lasts_with(paths[0])}
        self._remember()

    def remains(self, into: Path, by: Random | None = None, share: float = 1.0) -> Iterator[tuple[int, Path]]:
        """(how many `tell` came before, a copy of what is left): each possible one, once; or a `share` of
        them, chosen `by` chance."""
        seen: set[tuple[int, int]] = set()
        for moment in self._moments:
            unsure = [n for n in range(moment.steps) if n not in moment.lasting]
            for lucky, beside in product(range(len(unsure) + 1), moment.beside):
                named = self._named(moment.lasting.union(unsure[:lucky]))
                left = {**{path: _synced(moment, node) for path, node in named.items()}, **beside}
                key = (moment.told, hash(frozenset(left.items())))
                if key not in seen:
                    seen.add(key)
                    if by is not None and by.random() >= share:
                        continue
                    yield moment.told, self._restored(left, into / str(len(seen)))

    def chances(self, into: Path, by: Random, share: float = 1.0) -> Iterator[tuple[int, Path]]:
        """The same where nothing is promised, one chance at each moment, or at a `share` of them. Of what was
        not synced, any names have come through, in any order; a file that moved between folders has one of
        its names or both; of unsynced octets some are there, or none, or zeros; of what lies beside, the last
        write has come through in part."""
        for number, moment in enumerate(self._moments):
            if by.random() < share:
                yield moment.told, self._restored(self._chance(moment, by), into / str(number))

    def _chance(self, moment: _Moment, by: Random) -> dict[Path, bytes | None]:
        lasting = set(moment.lasting)
        luck = by.random()
        lasting.update(n for n in range(moment.steps) if by.random() < luck)
        named = self._named(lasting, both={n for n in lasting if by.random() < 0.3})
        left = {path: _lucky(moment, node, by) for path, node in named.items()}
        version = by.randrange(len(moment.beside))
        beside = dict(moment.beside[version])
        if version + 1 < len(moment.beside):
            beside = {
                path: _torn(octets, moment.beside[version + 1].get(path, octets), by)
                for path, octets in beside.items()
            }
        return {**left, **beside}

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
        contents = {node: (node.octets, node.synced) for node in files}
        beside = {path: path.read_bytes() for name in self._beside for path in self._root.rglob(name)}
        if beside not in self._versions:
            self._versions.append(beside)
        versions = tuple(self._versions)
        moment = _Moment(len(self._steps), frozenset(self._lasting), contents, versions, self.told)
        self._moments.append(moment)

    def _named(self, lasting: Iterable[int], both: Collection[int] = ()) -> dict[Path, _Node]:
        """What has which name.  Steps of `both` took no name away from another folder."""
        names: dict[Path, _Node] = {}
        for number in sorted(lasting):
            step = self._steps[number]
            for path in () if number in both and step.is_between_folders else step.gone:
                names.pop(path, None)
            names.update(step.come)
        return names

    def _restored(self, left: dict[Path, bytes | None], into: Path) -> Path:
        into.mkdir(parents=True)
        for path, octets in left.items():
            place = into / path.relative_to(self._root)
            (place if octets is None else place.parent).mkdir(parents=True, exist_ok=True)
            if octets is not None:
                place.write_bytes(octets)
        return into


def _synced(moment: _Moment, node: _Node) -> bytes | None:
    """The octets that are sure to be there; None for a folder.  To a file that is gone nothing was written
    later."""
    octets, synced = moment.contents.get(node, (node.octets, node.synced))
    return None if node.is_folder else octets[:synced]


def _lucky(moment: _Moment, node: _Node, by: Random) -> bytes | None:
    """And perhaps others."""
    octets, synced = moment.contents.get(node, (node.octets, node.synced))
    if node.is_folder:
        return None
    more = octets[synced:]
    return octets[:synced] + by.choice((b"", more[: by.randint(0, len(more))], bytes(len(more)), more))


def _torn(before: bytes, after: bytes, by: Random) -> bytes:
    """A file that only grew has some of its new octets; another one is as it was before."""
    if not after.startswith(before):
        return before
    return after[: by.randint(len(before), len(after))]
