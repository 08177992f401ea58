"""What every target must do: subclass, say how to make one, get the tests."""

from typing import TYPE_CHECKING

from mailtwist.delivery.api import Target
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

    async def refusal(self, target: Target, address: Address) -> str:
        try:
            await target.account(address)
        except Trouble as trouble:
            return trouble.status
        self.fail(f"{address} was taken")

    async def test_it_serves_its_domain_and_no_other(self) -> None:
        target = await self.make_target()
        served = [await target.serves(domain) for domain in (DOMAIN, "example.com", f"x.{DOMAIN}", "")]
        self.assertEqual(served, [True, False, False, False])

    async def test_people_are_told_apart_and_spellings_are_not(self) -> None:
        target = await self.make_target()
        ann, bob = await target.account(ANN), await target.account(BOB)
        self.assertNotEqual(ann, bob)
        self.assertEqual(await target.account(Address("ANN", DOMAIN)), ann)

    async def test_nobody_is_5_1_1(self) -> None:
        target = await self.make_target()
        for local in ("nobody", "", " ", "a" * 500, "ann@example.org", "\x00", "*", "../ann"):
            self.assertEqual(await self.refusal(target, Address(local, DOMAIN)), "5.1.1")

    async def test_postmaster_is_somebody(self) -> None:
        target = await self.make_target()
        for postmaster in (
            Address("postmaster", DOMAIN),
            Address("PostMaster", ""),
            Address("postmaster", ""),
        ):
            self.assertTrue(await target.account(postmaster))

    async def test_an_account_owns_its_addresses(self) -> None:
        target = await self.make_target()
        ann = await target.account(ANN)
        owned = [await target.owns(ann, address) for address in (ANN, BOB, Address("nobody", DOMAIN))]
        self.assertEqual(owned, [True, False, False])

    async def test_everybody_has_it_when_commit_returns_and_nobody_before(self) -> None:
        target = await self.make_target()
        accounts = [await target.account(ANN), await target.account(BOB)]
        transfer = await target.begin(accounts)
        for piece in PIECES:
            await transfer.write(piece)
        await transfer.prepare()
        self.assertEqual([await self.inbox(target, account) for account in accounts], [[], []])
        await transfer.commit()
        for account in accounts:
            self.assertEqual(await self.inbox(target, account), [b"".join(PIECES)])
        await transfer.abort()
        self.assertEqual([len(await self.inbox(target, account)) for account in accounts], [1, 1])

    async def test_what_is_aborted_leaves_nothing(self) -> None:
        target = await self.make_target()
        ann = await target.account(ANN)
        for pieces in ((), PIECES):
            transfer = await target.begin([ann])
            for piece in pieces:
                await transfer.write(piece)
            await transfer.abort()
            await transfer.abort()
        self.assertEqual(await self.inbox(target, ann), [])

    async def test_one_message_does_not_mix_with_another(self) -> None:
        target = await self.make_target()
        ann = await target.account(ANN)
        first, second = await target.begin([ann]), await target.begin([ann])
        await first.write(b"first\r\n")
        await second.write(b"second\r\n")
        await second.commit()
        await first.commit()
        self.assertEqual(sorted(await self.inbox(target, ann)), [b"first\r\n", b"second\r\n"])
