"""What every target must do: subclass, say how to make one, get the tests."""

from dataclasses import replace
from typing import TYPE_CHECKING

from mailtwist.delivery.api import Place, Target
from mailtwist.kit.trouble import Trouble
from mailtwist.mail.address import Address

if TYPE_CHECKING:
    from unittest import TestCase as _TestCase
else:
    _TestCase = object  # a contract is no test case: trial would run it where it is imported

DOMAIN = "example.org"
ANN, BOB = Address("ann", DOMAIN), Address("bob", DOMAIN)
PIECES = (b"Subject: x\r\n", b"\r\nhel", b"lo\r\n", b".\r\n\x00\xff\r\n")


class TargetContract(_TestCase):
    """Mix into a trial `TestCase` that has `async def make_target()`, a new one for `DOMAIN` in which `ANN`
    and `BOB` get mail, and `async def inbox(target, account)`, the messages that have arrived."""

    async def make_target(self) -> Target:
        raise NotImplementedError

    async def inbox(self, target: Target, account: str) -> list[bytes]:
        raise NotImplementedError

    async def places(self, target: Target, *addresses: Address) -> list[Place]:
        """One for each address, in their order."""
        return [place for address in addresses for place in await target.places(address)]

    async def refusal(self, target: Target, address: Address) -> str:
        try:
            await target.places(address)
        except Trouble as trouble:
            return trouble.status
        self.fail(f"{address} was taken")

    async def test_it_serves_its_domain_and_no_other(self) -> None:
        target = await self.make_target()
        served = [await target.serves(domain) for domain in (DOMAIN, "example.com", f"x.{DOMAIN}", "")]
        self.assertEqual(served, [True, False, False, False])

    async def test_people_are_told_apart_and_spellings_are_not(self) -> None:
        target = await self.make_target()
        ann, bob = await self.places(target, ANN, BOB)
        self.assertNotEqual(ann.account, bob.account)
        self.assertEqual(await target.places(Address("ANN", DOMAIN)), [ann])

    async def test_nobody_is_5_1_1(self) -> None:
        target = await self.make_target()
        for local in ("nobody", "", " ", "a" * 500, "ann@example.org", "\x00", "*", "../ann", "+", "+ann"):
            self.assertEqual(await self.refusal(target, Address(local, DOMAIN)), "5.1.1")

    async def test_postmaster_is_somebody(self) -> None:
        target = await self.make_target()
        for postmaster in (
            Address("postmaster", DOMAIN),
            Address("PostMaster", ""),
            Address("postmaster", ""),
        ):
            self.assertTrue(await target.places(postmaster))

    async def test_an_account_owns_its_addresses(self) -> None:
        target = await self.make_target()
        (ann,) = await target.places(ANN)
        owned = [await target.owns(ann.account, address) for address in (ANN, BOB, Address("nobody", DOMAIN))]
        self.assertEqual(owned, [True, False, False])

    async def test_where_nothing_is_limited_there_is_room(self) -> None:
        target = await self.make_target()
        for size in (0, 50 << 20):
            await target.must_have_room(await self.places(target, ANN, BOB), size)

    async def test_everybody_has_it_when_commit_returns_and_nobody_before(self) -> None:
        target = await self.make_target()
        places = await self.places(target, ANN, BOB)
        transfer = await target.begin(places)
        for piece in PIECES:
            await transfer.write(piece)
        await transfer.prepare()
        self.assertEqual([await self.inbox(target, place.account) for place in places], [[], []])
        await transfer.commit()
        for place in places:
            self.assertEqual(await self.inbox(target, place.account), [b"".join(PIECES)])
        await transfer.abort()
        self.assertEqual([len(await self.inbox(target, place.account)) for place in places], [1, 1])

    async def test_each_copy_has_its_own_lines_on_top(self) -> None:
        target = await self.make_target()
        places = [
            replace(place, head=head)
            for place, head in zip(await self.places(target, ANN, BOB), (b"X: 1\r\n", b""), strict=True)
        ]
        transfer = await target.begin(places)
        await transfer.write(b"\r\n")
        await transfer.commit()
        self.assertEqual(
            [await self.inbox(target, place.account) for place in places], [[b"X: 1\r\n\r\n"], [b"\r\n"]]
        )

    async def test_what_is_taken_back_has_not_been(self) -> None:
        target = await self.make_target()
        places = await self.places(target, ANN, BOB)
        kept, undone = await target.begin(places), await target.begin(places)
        for transfer in (kept, undone):
            await transfer.write(b"Subject: x\r\n\r\n")
            await transfer.commit()
        for _ in range(2):
            await undone.take_back()
            self.assertEqual([len(await self.inbox(target, place.account)) for place in places], [1, 1])

    async def test_what_is_aborted_leaves_nothing(self) -> None:
        target = await self.make_target()
        (ann,) = await target.places(ANN)
        for pieces in ((), PIECES):
            transfer = await target.begin([ann])
            for piece in pieces:
                await transfer.write(piece)
            await transfer.abort()
            await transfer.abort()
        self.assertEqual(await self.inbox(target, ann.account), [])

    async def test_one_message_does_not_mix_with_another(self) -> None:
        target = await self.make_target()
        (ann,) = await target.places(ANN)
        first, second = await target.begin([ann]), await target.begin([ann])
        await first.write(b"first\r\n")
        await second.write(b"second\r\n")
        await second.commit()
        await first.commit()
        self.assertEqual(sorted(await self.inbox(target, ann.account)), [b"first\r\n", b"second\r\n"])
