"""Programs go on with what they have saved for as long as the device lives, and end when it is revoked."""

import imaplib
import json
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.peers import clients
from tests.peers.clients import Login
from tests.peers.host import Person, host_of_months
from tests.peers.mailboxes import named
from tests.peers.programs import needs

DAY = 86400.0
Fetch = Callable[[Login, Path], int]


def by_mbsync(login: Login, folder: Path) -> int:
    inbox = clients.mbsync(login, folder, ok=(0, 1))
    return len(clients.messages(inbox))


def by_mutt(login: Login, folder: Path) -> int:
    return len(clients.mutt(login, folder))


def by_fetchmail(login: Login, folder: Path) -> int:
    return len(clients.fetchmail(login, folder, protocol="imap", ok=(0, 1, 3)))


class SavedStrings(SynchronousTestCase):
    timeout = 600

    def setUp(self) -> None:
        self.host = host_of_months()

    def lives(self, name: str, fetch: Fetch) -> None:
        """It works for ninety days, at whatever intervals, and then no more; a new code begins a new life."""
        person = self.host.person(name, [named(0), named(1)])
        runs = 0
        for days in (0, 0, 29, 29, 29):
            self.host.advance(days * DAY)
            runs += 1
            self.assertEqual(fetch(person.login(), self.place(name, runs)), 2, f"run {runs}")
            self.wait_until_noted(person)
        self.host.advance(4 * DAY)
        self.assertEqual(fetch(person.login(), self.place(name, 6)), 0)
        again = f"{person.password}@{person.new_code()}"
        self.assertEqual(fetch(person.login(again), self.place(name, 7)), 2)
        self.assertEqual(fetch(person.login(again), self.place(name, 8)), 2)

    def ends(self, name: str, fetch: Fetch) -> None:
        """After `device revoke` the very next run is refused; another device goes on."""
        person = self.host.person(name, [named(0), named(1)])
        other = f"{person.password}@{person.new_code()}"
        self.assertEqual(fetch(person.login(), self.place(name, 1)), 2)
        (first,) = self.devices(person)
        self.assertEqual(fetch(person.login(other), self.place(name, 2)), 2)
        self.host.server.command("device", "revoke", person.address, first)
        self.assertEqual(fetch(person.login(), self.place(name, 3)), 0)
        self.assertEqual(fetch(person.login(other), self.place(name, 4)), 2)

    def devices(self, person: Person) -> list[str]:
        return [device["id"] for device in self.listed(person)]

    def listed(self, person: Person) -> list[dict[str, str]]:
        listed: list[dict[str, str]] = json.loads(
            self.host.server.command("device", "list", person.address, "--json")
        )
        return listed

    def wait_until_noted(self, person: Person) -> None:
        """The server gathers uses for a moment; here a month may go by in it."""
        day = datetime.fromtimestamp(self.host.now(), UTC).date()
        for _ in range(100):
            (device,) = self.listed(person)
            if datetime.fromisoformat(device["last_used"]).date() >= day:
                return
        self.fail("the use was not noted")

    def place(self, name: str, run: int) -> Path:
        return self.host.folder / "programs" / f"{name}-{run}"


@needs("mbsync")
class Mbsync(SavedStrings):
    def test_it_lives_for_ninety_days(self) -> None:
        self.lives("mbsync-lives", by_mbsync)

    def test_it_ends_when_it_is_revoked(self) -> None:
        self.ends("mbsync-ends", by_mbsync)


@needs("mutt")
class Mutt(SavedStrings):
    def test_it_lives_for_ninety_days(self) -> None:
        self.lives("mutt-lives", by_mutt)

    def test_it_ends_when_it_is_revoked(self) -> None:
        self.ends("mutt-ends", by_mutt)


@needs("fetchmail")
class Fetchmail(SavedStrings):
    def test_it_lives_for_ninety_days(self) -> None:
        self.lives("fetchmail-lives", by_fetchmail)

    def test_it_ends_when_it_is_revoked(self) -> None:
        self.ends("fetchmail-ends", by_fetchmail)


class FirstLogin(SavedStrings):
    """What a program does that opens five connections before the first has an answer."""

    def test_five_connections_at_once_use_one_code_and_become_one_device(self) -> None:
        person = self.host.person("five")
        secret = f"{person.password}@{person.new_code()}"
        with ThreadPoolExecutor(5) as pool:
            said = list(pool.map(lambda _: self.said(person.login(secret)), range(5)))
        self.assertEqual(said, ["OK"] * 5)
        self.assertEqual(len(self.devices(person)), 1)
        self.assertEqual(self.said(person.login(secret)), "OK")

    def said(self, login: Login) -> str:
        tls = ssl.create_default_context(cafile=str(login.certificate))
        with imaplib.IMAP4_SSL("localhost", login.ports["imaps"], ssl_context=tls) as imap:
            try:
                return imap.login(login.user, login.secret)[0]
            except imaplib.IMAP4.error as refused:
                return str(refused)
