"""What the gateway's services have in common: whose server, and what may pass besides."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.values import Names
from mailtwist.services.gateway import GatewaySettings, allowed
from mailtwist.services.imap_gateway import Settings


class SettingsTests(SynchronousTestCase):
    def test_one_server_or_a_route_but_not_both(self) -> None:
        GatewaySettings(upstream="inside")
        GatewaySettings(route="domains")
        GatewaySettings()
        error = self.assertRaises(ValueError, GatewaySettings, upstream="inside", route="domains")
        self.assertIn("not both", str(error))

    def test_what_holds_for_all_services_holds(self) -> None:
        self.assertRaises(ValueError, GatewaySettings, tls_mode="implicit")

    def test_further_commands_are_known_in_upper_case(self) -> None:
        self.assertEqual(allowed(Names(("x-other", "Xlist")), ("LOGIN",)), {"X-OTHER", "XLIST"})

    def test_what_would_undo_the_login_is_never_allowed(self) -> None:
        error = self.assertRaises(ValueError, allowed, Names(("xlist", "Login")), ("LOGIN",))
        self.assertIn('"LOGIN"', str(error))

    def test_half_an_hour_of_idle_stays_up(self) -> None:
        self.assertGreater(Settings().idle_time, 30 * 60)
