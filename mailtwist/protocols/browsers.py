"""A browser that was talked into sending HTTP to a mail port, with a stranger's words in it.  rfc9112#3

Its first lines are errors to us, and the lines behind them would be commands, under a certificate that the
browser takes for that of a web site (ALPACA)."""

import re

from mailtwist.protocols.errors import Unframed

_TARGET = rb"[/*][^ ]*|[a-z]+://[^ ]*|[^ ]+:[0-9]+"  # and no password in a command of ours
_REQUEST = re.compile(rb"[A-Za-z]{3,20} (?:" + _TARGET + rb") HTTP/[0-9](?:\.[0-9])?")


def no_browser(line: bytes) -> None:
    """`Unframed`, which ends the connection, when a line is one with which HTTP begins."""
    if b" HTTP/" in line and _REQUEST.fullmatch(line):
        raise Unframed("This is no web server")
