"""Each config in a guide is one that loads, as it stands there; real servers take their halves in
tests/gateway/test_guides.py."""

import re

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.load import load_text
from tests.docs.guides import GUIDES, configs


class Guides(SynchronousTestCase):
    def test_whole_configs_load(self) -> None:
        for name in GUIDES:
            found = configs(name)
            self.assertTrue(found, f"{name}: there is no whole config")
            for text in found:
                config = load_text(re.sub("= file:.*", "= a secret in a file", text))
                rooms = {section.room for section in config.sections}
                self.assertLessEqual({"service", "upstream", "directory", "factor"}, rooms, name)
