"""A server that is killed again and again while clients work, and what they were told of it."""

import os
import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from itertools import count
from pathlib import Path

from tests.process.site import Site
from tests.process.talk import Gone, Talker

FULL = os.environ.get("SOAK") == "full"
KILLS = 100 if FULL else 10
CLIENTS = 5
PATIENCE = 60.0  # seconds that clients may need between two kills
SEED = int(os.environ.get("SEED", "1"))
SIZES = (40, 40, 400, 4_000, 40_000, 300_000)
"""Octets of the messages; those above 256 KiB take another way through the store."""


def message(number: int) -> bytes:
    """The same whenever it is made; no two are alike."""
    size = random.Random(number).choice(SIZES)
    text = sha256(b"%d" % number).hexdigest().encode()
    return b"Subject: %d\r\n\r\n" % number + (text + b"\r\n") * (size // 66 + 1)


@contextmanager
def killed_site(name: str) -> Iterator[Site]:
    """A server and its folder, both gone in the end."""
    folder = Path(tempfile.mkdtemp(prefix=f"mailtwist-soak-{name}-"))
    try:
        site = Site(folder)
        try:
            yield site
            site.server.stop()
        finally:
            site.server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Kills:
    """Clients do their work, each over connections of its own, while the server is killed `KILLS` times."""

    def __init__(self, site: Site, name: str) -> None:
        self.site = site
        self._over = threading.Event()
        self._may_work = threading.Event()
        self.troubles: list[str] = []
        self.numbers = count(1)
        self._by = random.Random(f"{SEED} {name}")
        self._begun = count(1)
        self._done = 0

    def on(self) -> bool:
        """There is work to do.  The clients wait here while `begun` looks at what there is."""
        self._done = next(self._begun)
        self._may_work.wait()
        return not self._over.is_set()

    def go(self, works: Collection[Callable[[], None]], begun: Callable[[], None]) -> None:
        """Each of `works` begins again when the server has gone below it; `begun` is called after each new
        beginning of the server."""
        threads = [threading.Thread(target=self._until_it_is_over, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        try:
            for _ in range(KILLS):
                self._may_work.set()
                self._let_them(self._by.randint(2 * CLIENTS, 10 * CLIENTS))
                self.site.server.kill()
                self._may_work.clear()
                self._judge()
                self.site.server.start()
                begun()
        finally:
            self._over.set()
            self._may_work.set()
            for thread in threads:
                thread.join(120)
        self._judge()
        assert not self.troubles, self.troubles

    def _let_them(self, things: int) -> None:
        """So many things are done, however busy this machine is, and others are under way."""
        enough, patience = self._done + things, time.monotonic() + PATIENCE
        while self._done < enough and time.monotonic() < patience:
            time.sleep(0.005)
        time.sleep(self._by.uniform(0, 0.05))

    def _until_it_is_over(self, work: Callable[[], None]) -> None:
        while not self._over.is_set():
            try:
                work()
            except (OSError, Gone):
                time.sleep(0.05)  # the server begins again
            except BaseException as error:
                self.troubles.append(repr(error))
                raise

    def _judge(self) -> None:
        log = self.site.server.log
        if "Traceback" in log or " critical " in log:
            self.troubles.append(log)


class Uids:
    """What UIDs were ever seen to mean: the same for ever."""

    def __init__(self) -> None:
        self.meaning: dict[tuple[bytes, int, int], int] = {}
        self._lock = threading.Lock()

    def see(self, mailbox: bytes, validity: int, uid: int, number: int) -> None:
        with self._lock:
            known = self.meaning.setdefault((mailbox, validity, uid), number)
            validities = {v for m, v, _ in self.meaning if m == mailbox} if known == number else set()
        assert known == number, f"UID {uid} of {mailbox!r} was message {known} and is {number}"
        assert len(validities) <= 1, f"{mailbox!r} has had the UIDVALIDITY {validities}"


def contents(site: Site, mailbox: bytes, uids: Uids, first: int = 1) -> Mapping[int, int]:
    """UID to number of the messages from UID `first` on; each is whole."""
    found: dict[int, int] = {}
    with site.imap() as imap:
        opened = imap.imap(b"SELECT " + mailbox)
        validity = next(int(number_in(line, b"UIDVALIDITY ")) for line in opened if b"UIDVALIDITY" in line)
        for line in fetched(imap, first):
            head, _, octets = line.partition(b"\r\n")
            uid, number = number_in(head, b"UID "), number_in(octets, b"Subject: ")
            assert octets.removesuffix(b")").endswith(message(number)), f"{number} is not whole"
            uids.see(mailbox, validity, uid, number)
            found[uid] = number
    return found


def fetched(imap: Talker, first: int) -> Iterator[bytes]:
    """The FETCH answers with the messages from UID `first` on, a few at a time."""
    answer = imap.imap(b"UID SEARCH UID %d:*" % first)
    assert answer[-1].startswith(b"OK "), answer
    words = next((line.split()[2:] for line in answer if line.startswith(b"* SEARCH")), [])
    wanted = sorted(uid for uid in map(int, words) if uid >= first)
    for start in range(0, len(wanted), 50):
        numbers = b",".join(b"%d" % uid for uid in wanted[start : start + 50])
        answer = imap.imap(b"UID FETCH %b BODY.PEEK[]" % numbers)
        assert answer[-1].startswith(b"OK "), answer[-1]
        yield from (line for line in answer[:-1] if b" FETCH (" in line)


def number_in(line: bytes, word: bytes) -> int:
    """The number behind `word`."""
    rest = line.partition(word)[2]
    digits = rest[: len(rest) - len(rest.lstrip(b"0123456789"))]
    return int(digits)
