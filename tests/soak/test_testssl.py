"""testssl.sh looks at each port for everything it knows.  Minutes: only with SOAK=full."""

from unittest import skipUnless

from twisted.trial.unittest import SynchronousTestCase

from tests.peers.programs import needs
from tests.peers.testssl import found
from tests.process.secured import IMPLICIT, STARTTLS, secured
from tests.soak.kills import FULL

EVERYTHING = "-p", "-s", "-f", "-P", "-S", "-U"


@skipUnless(FULL, "SOAK=full looks at every port")
@needs("testssl", "dig")
class Everything(SynchronousTestCase):
    timeout = 3600

    def test_ports_with_tls_from_the_start(self) -> None:
        site = secured()
        for service in (*IMPLICIT, "everything"):
            self.assertEqual(found(site.server.port(service), *EVERYTHING), {}, service)

    def test_ports_with_starttls(self) -> None:
        site = secured()
        for service, word in STARTTLS.items():
            self.assertEqual(found(site.server.port(service), *EVERYTHING, starttls=word), {}, service)
