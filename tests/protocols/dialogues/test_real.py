"""Every password reaches a real Dovecot as it is, in whatever way that one takes it."""

from typing import Any

from twisted.trial.unittest import TestCase

from mailtwist.auth.api import LoginRefused
from tests.backends.passwords import PASSWORDS
from tests.backends.shared import dovecot, login_only
from tests.protocols.dialogues.calls import DIALOGUES, called, offered


class EveryPasswordTests(TestCase):
    """One method for each protocol and server."""

    timeout = 240

    async def each(self, server: Any, kind: str) -> None:
        for number, password in enumerate(PASSWORDS):
            user = f"{kind}{number}@example.org"
            server.add(user, password)
            call = await called(self, server.ports[kind])
            offer = await offered(kind, call)
            late = await DIALOGUES[kind].log_in(call, offer, user.encode(), password)
            self.assertTrue(late, password)
            call.close()

    async def refused(self, server: Any, kind: str) -> None:
        server.add("ann@example.org", b"right")
        call = await called(self, server.ports[kind])
        offer = await offered(kind, call)
        with self.assertRaises(LoginRefused) as raised:
            await DIALOGUES[kind].log_in(call, offer, b"ann@example.org", b"wrong")
        self.assertEqual(raised.exception.reason, "wrong-password")


def _of(make: Any, kind: str, words: str) -> Any:
    async def test(self: Any) -> None:
        await getattr(self, words)(make(), kind)

    return test


for _name, _make in (("by_plain", dovecot), ("by_login", login_only)):
    for _kind in DIALOGUES:
        setattr(EveryPasswordTests, f"test_{_kind}_{_name}", _of(_make, _kind, "each"))
        setattr(EveryPasswordTests, f"test_a_wrong_password_{_kind}_{_name}", _of(_make, _kind, "refused"))
