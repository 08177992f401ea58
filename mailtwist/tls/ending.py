"""Says loudly that a certificate comes to its end and nothing newer is there."""

from collections.abc import Sequence

from mailtwist.kit.events import Event
from mailtwist.tls.certificates import Bundle

EXPIRED = Event("tls.expired", "{section}: the certificate for {names} {words}", "error")
ENDS_SOON = Event(
    "tls.ends_soon",
    "{section}: the certificate for {names} ends on {until}, in {days:.1f} days, and nobody has renewed"
    " it{why}",
    "error",
)

LEFT = 0.25
"""Of its life: whoever renews in time does so at a third."""
AGAIN = 86_400.0
"""Seconds after which the same is said once more."""


class Ending:
    """Of the certificates of one section.  `look` is called every now and then."""

    def __init__(self, section: str) -> None:
        self._section = section
        self._told: dict[bytes, float] = {}

    def look(self, bundles: Sequence[Bundle], now: float) -> None:
        """What is served, at `now`, in seconds since 1970.  What is for a while only is left out."""
        real = {bundle.contents: bundle for bundle in bundles if not bundle.bootstrap}
        self._told = {known: when for known, when in self._told.items() if known in real}
        for contents, bundle in real.items():
            if now - self._told.get(contents, -AGAIN) >= AGAIN and tell(self._section, bundle, now):
                self._told[contents] = now


def tell(section: str, bundle: Bundle, now: float, why: str = "") -> bool:
    """The log has it, if the certificate is near its end, or over it.  `why` is a sentence: why there is no
    other."""
    names = ", ".join(bundle.names)
    troubles = bundle.troubles(now)
    for words in troubles:
        EXPIRED.log(section=section, names=names, words=words)
    if troubles:
        return True
    left = bundle.not_after - now
    if left >= LEFT * (bundle.not_after - bundle.not_before):
        return False
    why = f": {why}" if why else ""
    ENDS_SOON.log(section=section, names=names, until=bundle.until, days=left / 86_400, why=why)
    return True
