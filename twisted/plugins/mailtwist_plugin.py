"""Gives twistd the word `mailtwist`."""

from twisted.application.service import ServiceMaker

mailtwist = ServiceMaker(
    "mailtwist", "mailtwist.app.tap", "Mail with real two-factor authentication", "mailtwist"
)
