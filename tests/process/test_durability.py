"""What the kernel sees before a client reads 250 or OK: the message is on the disk, its UID in its name."""

from collections.abc import Callable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.peers.programs import needs
from tests.process.site import USER, Site, site
from tests.process.talk import deliver
from tests.process.trace import Call, watched

SMALL = b"Subject: small\r\n\r\nOne line.\r\n"
BIG = b"Subject: big\r\n\r\n" + b"".join(b"Line %d of a message.\r\n" % n for n in range(80_000))
SYNCS = ("fsync", "fdatasync")
WRITES = ("write", "writev", "pwrite64")
NAMES = ("rename", "renameat", "renameat2", "link", "linkat")
SAYS = ("sendto", "sendmsg", "write", "writev")


class Order:
    """The calls of one delivery.  Each method finds a call that begins after `then` has ended."""

    def __init__(self, calls: list[Call], answer: bytes) -> None:
        self.calls = calls
        said = [c for c in calls if c.name in SAYS and answer.decode() in c.words and _is_socket(c)]
        assert len(said) == 1, f"{answer!r} was said {len(said)} times in {_told(calls)}"
        self.answer = said[0]

    def first(self, names: tuple[str, ...], path: str, then: Call | None = None) -> Call:
        """The first of `names` with a path that ends with, or has in it, `path`; over before the answer."""
        for call in self.calls:
            if call.name in names and any(path in one for one in call.paths):
                if (then is None or call.begun > then.ended) and call.ended < self.answer.begun:
                    return call
        after = "" if then is None else f" after {_told([then])}"
        raise AssertionError(f"no {names} of {path}{after} before the answer, but {_told(self.calls)}")

    def all(self, names: tuple[str, ...], path: str) -> list[Call]:
        return [c for c in self.calls if c.name in names and any(path in one for one in c.paths)]


def _is_socket(call: Call) -> bool:
    return "<socket:" in call.words or "<TCP" in call.words


def _told(calls: list[Call]) -> str:
    return "\n" + "\n".join(f"{c.begun}-{c.ended} {c.name}({c.words[:200]}) = {c.result}" for c in calls)


@needs("strace")
class OnTheDisk(SynchronousTestCase):
    def site(self) -> Site:
        return site("durability")

    def traced(self, work: Callable[[], bytes]) -> Order:
        """`work` gives the answer that says that it is done."""
        answers: list[bytes] = []
        calls = watched(self.site().server.pid, Path(self.mktemp()), lambda: answers.append(work()))
        return Order(calls, answers[0])

    def appended(self, message: bytes) -> Order:
        with self.site().imap(b"INBOX") as imap:

            def append() -> bytes:
                answer = imap.imap(b"APPEND INBOX", message)[-1]
                self.assertTrue(answer.startswith(b"OK [APPENDUID "), answer)
                return answer

            return self.traced(append)

    def delivered(self, message: bytes) -> Order:
        with self.site().smtp() as smtp:

            def send() -> bytes:
                answer = deliver(smtp, "x@example.net", [USER], message)
                self.assertTrue(answer.startswith(b"250 "), answer)
                return answer

            return self.traced(send)

    def on_the_disk_first(self, order: Order, message: bytes) -> None:
        """Octets, sync, name, sync of the folder, the UID: each over before the next begins."""
        named = next(c for c in order.calls if c.name in NAMES and "/cur/" in c.paths[-1])
        old, new = named.paths
        self.assertIn("/tmp/", old)
        written = order.all(WRITES, old)
        self.assertGreaterEqual(sum(call.result for call in written), len(message))
        synced = order.first(SYNCS, old, max(written, key=lambda call: call.ended))
        self.assertLess(synced.ended, named.begun)
        folder = next(
            c for c in order.calls if c.name == "fsync" and c.begun > named.ended and _is(c, Path(new).parent)
        )
        self.assertLess(folder.ended, order.answer.begun)
        self.index_told(order, folder)

    def index_told(self, order: Order, then: Call) -> Call:
        """After `then` the index is told before the answer.  What the files tell need not be synced there
        (docs/adr/0015)."""
        return order.first(WRITES, "/mailtwist-index-wal", then)

    def index_on_the_disk(self, order: Order, then: Call) -> None:
        """And that is synced, too."""
        order.first(SYNCS, "/mailtwist-index-wal", self.index_told(order, then))

    def test_a_small_message_of_append(self) -> None:
        self.on_the_disk_first(self.appended(SMALL), SMALL)

    def test_a_message_of_append_in_many_blocks(self) -> None:
        self.on_the_disk_first(self.appended(BIG), BIG)

    def test_a_small_message_of_smtp(self) -> None:
        self.on_the_disk_first(self.delivered(SMALL), SMALL)

    def test_a_message_of_smtp_in_many_blocks(self) -> None:
        self.on_the_disk_first(self.delivered(BIG), BIG)

    def test_the_folders_of_a_new_mailbox(self) -> None:
        with self.site().imap() as imap:

            def create() -> bytes:
                return imap.imap(b"CREATE Fresh")[-1]

            order = self.traced(create)
        made = [c for c in order.calls if c.name in ("mkdir", "mkdirat")]
        self.assertGreaterEqual(len(made), 3)
        for call in made:
            parent = Path(call.paths[-1]).parent
            synced = [c for c in order.calls if c.name == "fsync" and _is(c, parent) and c.begun > call.ended]
            self.assertTrue(synced and synced[0].ended < order.answer.begun, _told([call]))
        self.index_on_the_disk(order, made[-1])

    def test_copies_and_moves(self) -> None:
        with self.site().imap(b"INBOX") as imap:
            for command in (b"UID COPY", b"UID MOVE"):
                answer = imap.imap(b"APPEND INBOX", SMALL)[-1]
                uid = answer.split()[3].rstrip(b"]")
                order = self.traced(lambda: imap.imap(b"%b %b Archive" % (command, uid))[-1])
                named = order.first(NAMES, "/.Archive/cur/")
                synced = [
                    c for c in order.calls if c.name == "fsync" and _is(c, Path(named.paths[-1]).parent)
                ]
                folder = next(c for c in synced if c.begun > named.ended)
                self.index_on_the_disk(order, folder)

    def test_flags(self) -> None:
        with self.site().imap(b"INBOX") as imap:
            uid = imap.imap(b"APPEND INBOX", SMALL)[-1].split()[3].rstrip(b"]")
            order = self.traced(lambda: imap.imap(b"UID STORE %b +FLAGS (\\Flagged)" % uid)[-1])
        named = order.first(NAMES, "/cur/")
        synced = [c for c in order.calls if c.name == "fsync" and _is(c, Path(named.paths[-1]).parent)]
        self.index_told(order, next(c for c in synced if c.begun > named.ended))


def _is(call: Call, folder: Path) -> bool:
    return call.paths == [str(folder)]
