"""Ten thousand messages go both ways by mbsync through the gateway; a tenth of them in CI."""

from twisted.trial.unittest import SynchronousTestCase

from tests.gateway.test_sync import both_ways
from tests.gateway.whole import before_dovecot
from tests.peers.programs import needs
from tests.soak.kills import FULL

COUNT = 10_000 if FULL else 1_000


@needs("mbsync", "dovecot")
class GatewaySyncs(SynchronousTestCase):
    timeout = 3600

    def test_many_messages_both_ways(self) -> None:
        both_ways(self, before_dovecot(), "many-both-ways", COUNT)
