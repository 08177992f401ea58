"""Dovecot's answers about the same two hundred messages: the same, or the docs say by which RFC not."""

import csv
import shutil
import socket
import ssl
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.testing.corpus import SHAPES, messages
from tests.docs.example import ROOT
from tests.peers.answers import Asking, Value, values
from tests.peers.dovecot import Dovecot
from tests.peers.host import shared_host
from tests.peers.programs import needs

CORPUS = messages(200)
TABLE = ROOT / "docs" / "beside-dovecot.tsv"

ITEMS = {
    "ENVELOPE": "ENVELOPE",
    "BODY": "BODY",
    "BODYSTRUCTURE": "BODYSTRUCTURE",
    "RFC822.SIZE": "RFC822.SIZE",
    "RFC822.HEADER": "RFC822.HEADER",
    "BODY[]": "BODY.PEEK[]",
    "BODY[]<>": "BODY.PEEK[]<10.300>",
    "BODY[TEXT]<>": "BODY.PEEK[TEXT]<0.20>",
    "BODY[1]": "BODY.PEEK[1]",
    "BODY[2]": "BODY.PEEK[2]",
    "BODY[1.1]": "BODY.PEEK[1.1]",
    "BODY[2.HEADER]": "BODY.PEEK[2.HEADER]",
    "BODY[1.MIME]": "BODY.PEEK[1.MIME]",
    "BODY[2.MIME]": "BODY.PEEK[2.MIME]",
    "BINARY[1]": "BINARY.PEEK[1]",
    "BINARY[2]": "BINARY.PEEK[2]",
    "BINARY.SIZE[1]": "BINARY.SIZE[1]",
    "BINARY.SIZE[2]": "BINARY.SIZE[2]",
    "HEADER.FIELDS": "BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)]",
    "HEADER.FIELDS.NOT": "BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT FROM)]",
}
"""What the table calls it, and how it is asked for."""

WORDS = (
    *("", "sample", "sample-1", "foobar", "Foo", "example", "mooch", "level", "see below", "zo qh", "fwd"),
    *("multipart", "boundary", "a", "=?", ".png", "first@", "STRASSE", "résumé", "Grüße", "grüsse", "ü"),
    *("ß", "текст", "日本"),
)
KEYS = ("SUBJECT", "FROM", "TO", "CC", "BCC", "BODY", "TEXT")
OTHERS = (
    *("ALL", "SEEN", "UNSEEN", "ANSWERED", "UNDELETED", "KEYWORD $Junk", "1:10,20", "*", "UID 1:10"),
    *(
        "LARGER 1000",
        "LARGER 0",
        "SMALLER 500",
        "SMALLER 1",
        "NOT SUBJECT sample",
        "NOT (OR FROM foobar ALL)",
    ),
    *("SENTBEFORE 8-Feb-1994", "SENTON 7-Feb-1994", "SENTSINCE 7-Feb-1994", "SENTON 8-Feb-1994"),
    *('HEADER Message-Id ""', 'HEADER X-Nothing ""', 'HEADER Received ""', "HEADER Subject sample-11"),
    *("HEADER Content-Type multipart", "HEADER Date 1994", "HEADER MIME-Version 1.0"),
    *("HEADER Reply-To lonely", "HEADER Content-Transfer-Encoding base64"),
    *("OR SUBJECT sample-11 LARGER 20000", "SUBJECT sample-1 NOT FROM foobar"),
)
"""Not asked for: NEW, OLD, RECENT, which depend on who looked before."""


def shape(number: int) -> str:
    return SHAPES[(number - 1) % len(SHAPES)].__name__


@cache
def explained() -> Mapping[str, frozenset[str]]:
    """By question, the shapes for which the docs give a reason."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    found: dict[str, frozenset[str]] = {}
    for row in rows:
        more = frozenset(row["messages"].split(", "))
        found[row["question"]] = found.get(row["question"], frozenset()) | more
    return found


def asked_for(key: str, word: str) -> bytes:
    """A search for `word`."""
    if word.isascii():
        return f'SEARCH {key} "{word}"'.encode()
    octets = word.encode("utf-8")
    return b"SEARCH CHARSET UTF-8 %b {%d+}\r\n%b" % (key.encode(), len(octets), octets)


def searches() -> Iterator[tuple[str, bytes]]:
    """(what the table calls it, the command)"""
    for key in KEYS:
        for word in WORDS:
            yield key, asked_for(key, word)
    for one in OTHERS:
        yield one.split(" ")[0], f"SEARCH {one}".encode()


def numbers(told: Iterable[bytes]) -> set[int]:
    return {int(one) for line in told if line.startswith(b"SEARCH") for one in line.split()[1:]}


def fetched(told: Iterable[bytes]) -> dict[int, Value]:
    found = (values(line) for line in told)
    return {int(one[0]): one[2] for one in found if isinstance(one[0], bytes) and one[1] == b"FETCH"}


class Both:
    """The two servers, with the same messages under the same numbers."""

    def __init__(self) -> None:
        host = shared_host()
        login = host.person("reader", fill=CORPUS).login()
        tls = ssl.create_default_context(cafile=str(host.certificate))
        connection = socket.create_connection(("127.0.0.1", login.ports["imaps"]))
        self.ours = Asking(tls.wrap_socket(connection, server_hostname="localhost"))
        secret = login.secret.replace("\\", "\\\\").replace('"', '\\"')
        self.ours.told(f'LOGIN {login.user} "{secret}"'.encode())
        self.folder = Path(tempfile.mkdtemp(prefix="beside-dovecot-"))
        for name in ("cur", "new", "tmp"):
            (self.folder / name).mkdir()
        for number, message in enumerate(CORPUS, 1):
            (self.folder / "cur" / f"{1_000_000_000 + number}.M{number}.here:2,").write_bytes(message)
        self.dovecot = Dovecot(self.folder)
        self.dovecot.start()
        self.theirs = Asking(socket.create_connection(("127.0.0.1", self.dovecot.port)))
        self.theirs.told(b"LOGIN anybody secret")
        for server in (self.ours, self.theirs):
            server.told(b"EXAMINE INBOX")

    def ask(self, command: bytes) -> tuple[list[bytes], list[bytes]]:
        return self.ours.told(command), self.theirs.told(command)

    def end(self) -> None:
        self.ours.told(b"LOGOUT")
        self.theirs.told(b"LOGOUT")
        self.dovecot.stop()
        shutil.rmtree(self.folder)


@needs("dovecot")
class BesideDovecotTests(SynchronousTestCase):
    timeout = 600

    def setUp(self) -> None:
        self.both = Both()
        self.addCleanup(self.both.end)

    def assertExplained(self, different: Mapping[str, set[str]], kind: str) -> None:
        """`different` are shapes by question.  Each has its row, and each row has something to explain."""
        for question, shapes in different.items():
            reasons = explained().get(question, frozenset())
            if "any" not in reasons:
                self.assertEqual(shapes, reasons, question)
        rows = {question for question in explained() if question.startswith(kind)}
        self.assertEqual(rows, {question for question, shapes in different.items() if shapes})

    def test_what_fetch_tells(self) -> None:
        different: dict[str, set[str]] = {}
        for name, item in ITEMS.items():
            ours, theirs = map(fetched, self.both.ask(f"FETCH 1:* ({item})".encode()))
            self.assertEqual((len(ours), len(theirs)), (200, 200))
            different[f"FETCH {name}"] = {shape(n) for n in ours if ours[n] != theirs[n]}
        self.assertExplained(different, "FETCH ")

    def test_what_search_finds(self) -> None:
        different: dict[str, set[str]] = {}
        for name, command in searches():
            ours, theirs = map(numbers, self.both.ask(command))
            different.setdefault(f"SEARCH {name}", set()).update(map(shape, ours ^ theirs))
        self.assertExplained(different, "SEARCH ")
