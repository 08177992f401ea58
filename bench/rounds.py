"""Operations are measured: all servers of one are up, their rounds take turns, the first is dropped."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.machine import CLIENTS, SERVERS, on_core
from bench.operation import Operation, Sample
from bench.servers.api import NotHere, Server
from bench.servers.tls import certified


@dataclass(frozen=True)
class Figures:
    """The medians, and the cost of each round that counts."""

    operation: Operation
    server: str
    cost: float
    rate: float
    costs: list[float]


class Yard:
    """Servers, started when they are needed, stopped when it closes; all have the same certificate."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.missing: dict[str, str] = {}
        self._tell = tell
        self._stack = ExitStack()
        self._running: dict[str, Server] = {}
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-tls-"))
        self._certificate, self._key = certified(Path(folder))

    def __enter__(self) -> "Yard":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def measured(self, operation: Operation) -> Iterator[Figures]:
        """One after the other, ours first."""
        with ExitStack() as fresh:
            stack = fresh if operation.fresh else self._stack
            found = [self._server(kind, stack, operation.fresh) for kind in operation.servers]
            servers = [server for server in found if server is not None]
            samples: dict[Server, list[Sample]] = {server: [] for server in servers}
            with on_core(CLIENTS):
                for number in range(operation.rounds):
                    for server in servers:
                        if number == 0 or not server.slow:
                            samples[server].append(operation.sample(server))
        for server in servers:
            yield _figures(operation, server.name, samples[server])

    def _server(self, kind: type[Server], stack: ExitStack, fresh: bool) -> Server | None:
        if kind.name in self._running and not fresh:
            return self._running[kind.name]
        if kind.name in self.missing:
            return None
        self._tell(f"starting {kind.name}")
        server = kind(self._certificate, self._key)
        stack.callback(server.stop)
        try:
            with on_core(None if kind.everywhere else SERVERS):
                server.start()
        except NotHere as why:
            self.missing[kind.name] = str(why)
            return None
        if not fresh:
            self._running[kind.name] = server
        return server


def _figures(operation: Operation, server: str, samples: list[Sample]) -> Figures:
    counted = samples[1:] or samples
    costs = [sample.cost for sample in counted]
    return Figures(operation, server, median(costs), median(sample.rate for sample in counted), costs)
