"""What every durable state must do about servers behind us: part of `testing.durable.DurableContract`."""

from dataclasses import replace
from typing import TYPE_CHECKING

from mailtwist.state.api import Durable
from mailtwist.state.records import Backend, Drain

NOW = 1_800_000_000.0


if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported


def a_backend(host: str, kind: str = "imap") -> Backend:
    return Backend("inside", host, kind, True, "", since=NOW, seen=NOW, connections=3, process="a")


class BackendsContract(_TestCase):
    """Of `testing.durable.DurableContract`."""

    async def make_durable(self) -> Durable:
        """One that is empty."""
        raise NotImplementedError

    async def test_a_host_is_drained_once_and_until_somebody_says_otherwise(self) -> None:
        state = await self.make_durable()
        drain = Drain("mail1.inside", NOW, "root", "a new disk")
        self.assertTrue(await state.drain(drain))
        self.assertFalse(await state.drain(replace(drain, since=NOW + 5, by="ann")))
        await state.drain(Drain("mail0.inside", NOW))
        self.assertEqual([*await state.drains()], [Drain("mail0.inside", NOW), drain])
        self.assertEqual([await state.undrain("mail1.inside") for _ in range(2)], [True, False])
        self.assertEqual([one.host for one in await state.drains()], ["mail0.inside"])

    async def test_backends_are_as_they_were_noted_last(self) -> None:
        state = await self.make_durable()
        elsewhere = replace(a_backend("mail9.inside"), upstream="elsewhere")
        await state.note_backends("elsewhere", "a", [elsewhere])
        one, other = a_backend("mail1.inside"), replace(a_backend("mail1.inside"), process="b", seen=NOW + 60)
        await state.note_backends("inside", "a", [one, a_backend("mail1.inside", "pop3")])
        await state.note_backends("inside", "b", [other])
        down = replace(a_backend("mail2.inside"), up=False, reason="Connection refused", connections=0)
        await state.note_backends("inside", "a", [down, one])
        self.assertEqual([*await state.backends()], [elsewhere, one, other, down])

    async def test_processes_that_have_ended_are_forgotten(self) -> None:
        state = await self.make_durable()
        old = replace(a_backend("mail1.inside"), process="b", seen=NOW - 3601)
        await state.note_backends("inside", "b", [old])
        await state.note_backends("inside", "a", [a_backend("mail1.inside")])
        self.assertEqual([*await state.backends()], [a_backend("mail1.inside")])
