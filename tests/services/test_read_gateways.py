"""The services `pop3_gateway` and `sieve_gateway`: what their settings refuse."""

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.values import Names
from mailtwist.gateway.relay import pop3_commands, sieve_commands
from mailtwist.services import pop3_gateway, sieve_gateway
from mailtwist.testing.assembly import OnePart

SERVICES: dict[Any, frozenset[str]] = {pop3_gateway: pop3_commands.NEVER, sieve_gateway: sieve_commands.NEVER}


class GatewaySettingsTests(SynchronousTestCase):
    def test_no_setting_lets_through_what_would_undo_the_login(self) -> None:
        for service, never in SERVICES.items():
            for name in never:
                settings = service.Settings(allow=Names([name.lower()]))
                with self.assertRaisesRegex(ValueError, f'allow: "{name}" is never passed on'):
                    service.build(settings, OnePart(Path("nowhere")))

    def test_a_login_goes_one_way(self) -> None:
        for service in SERVICES:
            with self.assertRaisesRegex(ValueError, "not both"):
                service.Settings(upstream="a", route="b")
