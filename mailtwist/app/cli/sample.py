"""`mailtwist sample`: an annotated config with everything in it that is installed."""

import sys
from argparse import ArgumentParser, Namespace

from mailtwist.app.cli.command import Command
from mailtwist.config.page import page
from mailtwist.config.sample import sample


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--page", action="store_true", help="the page of the operators' manual instead")


def run(chosen: Namespace) -> int:
    sys.stdout.write(page() if chosen.page else sample())
    return 0


command = Command(
    "prints an annotated config to begin with", run=run, arguments=arguments, needs_config=False
)
