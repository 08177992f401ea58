"""Who shares a mail with others, and who has one of his own."""

from mailtwist.kit.spawn import started
from mailtwist.kit.trouble import Trouble
from mailtwist.store.api import Quota
from tests.delivery.test_pipeline import STRANGER, Mails, address


class Together(Mails):
    """By SMTP all have a mail or none, so who may be full does not share one with others."""

    def codes(self, *to, size=0, **rules):
        async def limited():
            await (await self.stores[0].account("1-ann")).set_quota(Quota(10_000, None))

        self.ask(limited())
        reception, said = self.reception(largest=20_000, **rules), []
        self.ask(reception.sender(STRANGER, 5_000))
        self.ask(reception.recipient(address("bob@example.org")))
        self.ask(reception.sender(STRANGER, size))
        for one in to:
            asked = started(reception.recipient(address(f"{one}@example.org")))
            asked.addCallbacks(lambda _: said.append(""), lambda why: said.append(why.value.status))
        return said

    def test_a_mail_of_unknown_size_is_for_those_who_have_room_for_any(self):
        self.assertEqual(self.codes("bob", "ann", "b+x", "bob"), ["", "4.5.3", "5.1.1", ""])
        self.assertEqual(self.codes("ann", "bob", "postmaster", "ann"), ["", "4.5.3", "4.5.3", ""])
        self.assertEqual(self.codes("bob", "postmaster"), ["", ""])
        self.assertEqual(self.codes("ann", "a.n", "bob"), ["", "", "4.5.3"])

    def test_that_trace_lines_need_room_too_is_thought_of(self):
        self.assertEqual(self.codes("bob", "ann", size=9_000), ["", "4.5.3"])
        self.assertEqual(self.codes("bob", "ann", size=5_000), ["", ""])
        self.assertEqual(self.codes("bob", "ann", size=10_001), ["", "5.2.2"])

    def test_where_each_has_an_answer_all_share_one(self):
        self.assertEqual(self.codes("bob", "ann", one_by_one=True), ["", ""])

    def test_something_else_that_is_wrong_is_told(self):
        async def away(places, size):
            if size > 20_000:
                raise Trouble("4.3.0", "The store is away")

        self.patch(self.targets[0], "must_have_room", away)
        self.assertEqual(self.codes("bob"), ["4.3.0"])
