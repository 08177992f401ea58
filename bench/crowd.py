"""Several clients at once, each a process: they are ready first, then work when told to."""

import os
import select
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

Work = Callable[[], object]


class ClientFailed(Exception):
    """Its own words are on stderr."""


class Crowd:
    """Clients that are ready."""

    def __init__(self, clients: "list[_Client]") -> None:
        self._clients = clients

    def work(self) -> None:
        """All have done their work."""
        self.begin()
        self.finish()

    def begin(self) -> None:
        for client in self._clients:
            client.tell()

    @property
    def busy(self) -> bool:
        """Somebody is still at work."""
        done, _, _ = select.select(self._clients, [], [], 0)
        return len(done) < len(self._clients)

    def finish(self) -> None:
        for client in self._clients:
            client.must_say(b"done!")


@contextmanager
def crowd(count: int, prepare: Callable[[int], Work]) -> Iterator[Crowd]:
    """`count` processes, which know their number, have prepared, each for itself; their connections stay to
    the end."""
    clients: list[_Client] = []
    try:
        for number in range(count):
            clients.append(_Client(partial(prepare, number), clients))
        for client in clients:
            client.must_say(b"ready")
        yield Crowd(clients)
    finally:
        for client in clients:
            client.end()


class _Client:
    def __init__(self, prepare: Callable[[], Work], others: "list[_Client]") -> None:
        hears, self._tell = os.pipe()
        self._hear, says = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            for one in (self, *others):  # else nobody's pipe would ever end
                one.close()
            os._exit(_client(prepare, hears, says))
        os.close(hears)
        os.close(says)

    def fileno(self) -> int:
        return self._hear

    def must_say(self, word: bytes) -> None:
        if os.read(self._hear, 5) != word:
            raise ClientFailed

    def tell(self) -> None:
        os.write(self._tell, b"!")

    def close(self) -> None:
        os.close(self._tell)
        os.close(self._hear)

    def end(self) -> None:
        self.close()
        os.waitpid(self._pid, 0)


def _client(prepare: Callable[[], Work], hears: int, says: int) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        work = prepare()
        os.write(says, b"ready")
        if os.read(hears, 1):
            work()
            os.write(says, b"done!")
            os.read(hears, 1)
        return 0
    except BaseException:
        traceback.print_exc()
        return 1
