"""mbsync through the gateway, both ways; ten thousand messages in tests/soak."""

from pathlib import Path
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.whole import Gateway, before_dovecot
from tests.peers import clients
from tests.peers.mailboxes import name_of, named, opened, seen
from tests.peers.programs import needs
from tests.peers.test_sync import near_side


def both_ways(case: SynchronousTestCase, gateway: Gateway, name: str, count: int) -> None:
    """Half of `count` messages are there, half come from here; in the end they are on both sides, and in the
    Maildir of another program."""
    person = gateway.person(name)
    far = [named(n) for n in range(count // 2)]
    near = [named(n) for n in range(count // 2, count)]
    gateway.home.put(person.address, far)
    folder = Path(case.mktemp()).resolve()
    inbox = clients.maildir(folder / "mail" / "INBOX")
    for number, message in enumerate(near):
        (inbox / "new" / f"{number}.near").write_bytes(message.replace(b"\r\n", b"\n"))
    clients.mbsync(person.login(), folder, patience=3000)
    dice = Random(1)
    files = sorted((inbox / "cur").iterdir()) + sorted((inbox / "new").iterdir())
    for file in dice.sample(files, count // 20):
        file.rename(inbox / "cur" / f"{file.name.partition(':2,')[0]}:2,FS")
    clients.mbsync(person.login(), folder, patience=3000)
    wanted = near_side(inbox)
    case.assertEqual(wanted.keys(), {name_of(message) for message in far + near})
    with opened(person.login()) as imap:
        case.assertEqual(seen(imap), wanted)
    with opened(gateway.home.login(person.address, person.password)) as imap:
        case.assertEqual(seen(imap), wanted)


@needs("mbsync", "dovecot")
class SyncTests(SynchronousTestCase):
    timeout = 600

    def test_two_hundred_messages_both_ways(self) -> None:
        both_ways(self, before_dovecot(), "both-ways", 200)
