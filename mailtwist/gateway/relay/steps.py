"""What goes wrong when the two sides of the gateway no longer mean the same command."""

from mailtwist.kit.events import Event
from mailtwist.kit.trouble import Trouble

OUT_OF_STEP = Event("relay.out_of_step", "{where} says what is no answer to anything: {why}", "error")


class OutOfStep(Trouble):
    """The server behind has said what cannot be an answer to what it was asked.  Both connections end: what
    comes next could be taken for anything."""

    def __init__(self, detail: str) -> None:
        super().__init__("4.3.0", "The server behind cannot be understood", detail)
