"""What is told before login of servers that a client may come to."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.gateway.early import Early
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


class EarlyTests(SynchronousTestCase):
    def test_of_one_server_all_is_told(self) -> None:
        self.assertEqual(early(Upstream(offers=A), other=Upstream(offers=B)), [*A])

    def test_of_several_what_they_have_in_common(self) -> None:
        self.assertEqual(early(Upstream(offers=A), Upstream(offers=B)), ["TOP", "UIDL"])

    def test_where_directories_choose_it_may_be_any(self) -> None:
        self.assertEqual(early(a=Upstream(offers=A), b=Upstream(offers=B)), ["TOP", "UIDL"])

    def test_while_one_is_unknown_nothing_is_told(self) -> None:
        self.assertEqual(early(Upstream(offers=A), Upstream(offers=())), [])
        self.assertEqual(early(), [])
