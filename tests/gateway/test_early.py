"""What is told before login of servers that a client may come to."""

from collections.abc import Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.api import Kind
from mailtwist.gateway.early import Early, served
from tests.gateway.mail_behind import Chosen, Upstream

A, B = ("TOP", "UIDL", "SIEVE fileinto"), ("UIDL", "TOP", "SIEVE reject")


class Parts:
    """An assembly with these `[upstream:...]`."""

    def __init__(self, **upstreams: Upstream) -> None:
        self.upstreams = upstreams

    def parts(self, room: str) -> dict[str, Upstream]:
        assert room == "upstream"
        return self.upstreams


def early(*chosen: Upstream, **others: Upstream) -> list[str]:
    whose: Any = Chosen(*chosen, by=lambda name: None)
    parts: Any = Parts(**others)
    return list(Early(whose, parts).offered("pop3"))


def speaking(*kinds: Kind, offers: Sequence[str] = ()) -> Upstream:
    made = Upstream(offers=offers)
    made.kinds = kinds
    return made


class ServedTests(SynchronousTestCase):
    def served(self, *chosen: Upstream, **others: Upstream) -> None:
        whose: Any = Chosen(*chosen, by=lambda name: None)
        parts: Any = Parts(**others)
        served(whose, parts, "pop3")

    def test_a_door_that_leads_nowhere_is_told(self) -> None:
        error = self.assertRaises(ValueError, self.served, speaking("imap"))
        self.assertIn('write "pop3 = ..." in [upstream:', str(error))

    def test_one_of_several_is_enough(self) -> None:
        self.served(a=speaking("imap"), b=speaking("pop3"))

    def test_without_any_there_is_nothing_to_say(self) -> None:
        self.served()


class EarlyTests(SynchronousTestCase):
    def test_of_one_server_all_is_told(self) -> None:
        self.assertEqual(early(speaking("pop3", offers=A), other=speaking("pop3", offers=B)), [*A])

    def test_of_several_what_they_have_in_common(self) -> None:
        self.assertEqual(early(speaking("pop3", offers=A), speaking("pop3", offers=B)), ["TOP", "UIDL"])

    def test_where_directories_choose_it_may_be_any(self) -> None:
        self.assertEqual(early(a=speaking("pop3", offers=A), b=speaking("pop3", offers=B)), ["TOP", "UIDL"])

    def test_while_one_is_unknown_nothing_is_told(self) -> None:
        self.assertEqual(early(speaking("pop3", offers=A), speaking("pop3", offers=())), [])
        self.assertEqual(early(), [])
