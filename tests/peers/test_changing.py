"""Real programs flag, delete and move; what another program finds afterwards is what they meant."""

import ssl
from pathlib import Path

from imapclient import IMAPClient
from twisted.trial.unittest import SynchronousTestCase

from tests.peers import clients, node_clients, terminal_clients
from tests.peers.host import Person, shared_host
from tests.peers.mailboxes import Seen, named, opened, seen
from tests.peers.programs import needs

ALL = [named(number) for number in range(4)]


def name(number: int) -> str:
    return f"round-{number}@sync.example"


class Changing(SynchronousTestCase):
    """What the tests of one program share."""

    timeout = 600

    def setUp(self) -> None:
        self.host = shared_host()
        self.folder = Path(self.mktemp()).resolve()

    def person(self, program: str) -> Person:
        """Has the messages 0 to 3 in INBOX."""
        return self.host.person(f"{program}-changer", fill=ALL)

    def assertThere(self, person: Person, inbox: Seen, archive: Seen) -> None:
        """Nothing else is in these mailboxes, but for flags that say a message was looked at."""
        with opened(person.login()) as imap:
            for mailbox, wanted in (("INBOX", inbox), ("Archive", archive)):
                found = {one: flags - {"\\Seen", "Old"} for one, flags in seen(imap, mailbox).items()}
                self.assertEqual(found, wanted, mailbox)


@needs("mutt")
class MuttTests(Changing):
    def changed(self, program: str) -> None:
        person = self.person(program)
        clients.mutt_change(person.login(), self.folder, program=program)
        self.assertThere(
            person,
            {name(0): frozenset({"\\Flagged"}), name(3): frozenset()},
            {name(2): frozenset()},
        )

    def test_it_changes(self) -> None:
        self.changed("mutt")


@needs("neomutt")
class NeomuttTests(MuttTests):
    def test_it_changes(self) -> None:
        self.changed("neomutt")


@needs("aerc", "tmux")
class AercTests(Changing):
    def test_it_changes(self) -> None:
        person = self.person("aerc")
        terminal_clients.aerc_change(person.login(), self.folder)
        self.assertThere(
            person,
            {name(0): frozenset(), name(3): frozenset({"\\Flagged"})},
            {name(1): frozenset()},
        )


@needs("alpine", "tmux")
class AlpineTests(Changing):
    def test_it_changes(self) -> None:
        person = self.person("alpine")
        terminal_clients.alpine_change(person.login(), self.folder)
        self.assertThere(
            person,
            {name(0): frozenset({"\\Flagged"}), name(3): frozenset()},
            {name(2): frozenset()},
        )


@needs("node")
class ImapflowTests(Changing):
    def test_it_changes_and_is_told_while_it_idles(self) -> None:
        person = self.person("imapflow")
        changes = {"flag": [1, 2], "move": [2], "delete": [3], "append": named(9)}
        told = node_clients.imapflow(person.login(), changes)
        self.assertEqual((told["found"], told["moved"], told["exists"]), ([1, 2], [1], 3))
        marked = frozenset({"\\Flagged", "$Work"})
        self.assertThere(
            person,
            {name(0): marked, name(3): frozenset(), name(9): frozenset()},
            {name(1): marked},
        )


class ImapclientTests(Changing):
    def session(self, person: Person) -> IMAPClient:
        login = person.login()
        tls = ssl.create_default_context(cafile=str(login.certificate))
        imap = IMAPClient("localhost", login.ports["imaps"], ssl_context=tls)
        self.addCleanup(imap.shutdown)
        imap.login(login.user, login.secret)
        imap.select_folder("INBOX")
        return imap

    def test_it_changes(self) -> None:
        person = self.person("imapclient")
        imap = self.session(person)
        imap.add_flags([1, 2], [b"\\Flagged", b"$Work"])
        imap.move([2], "Archive")
        imap.add_flags([3], [b"\\Deleted"])
        imap.uid_expunge([3])
        marked = frozenset({"\\Flagged", "$Work"})
        self.assertThere(person, {name(0): marked, name(3): frozenset()}, {name(1): marked})

    def test_it_is_told_while_it_idles(self) -> None:
        person = self.host.person("idle-changer", fill=ALL)
        watcher, other = self.session(person), self.session(person)
        watcher.idle()
        other.add_flags([1], [b"\\Answered"])
        told: list[object] = []
        while not told:
            told += watcher.idle_check(30)
        self.assertEqual(told[0][:2], (1, b"FETCH"))
        other.append("INBOX", named(9))
        other.delete_messages([2])
        other.expunge()
        while {one[1] for one in told} < {b"FETCH", b"EXISTS", b"EXPUNGE"}:
            more = watcher.idle_check(30)
            self.assertTrue(more)
            told += more
        watcher.idle_done()
        self.assertEqual(watcher.search(), [1, 3, 4, 5])
